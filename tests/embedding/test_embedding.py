"""A bare application with its own database, users and login takes the extension: the README's ten lines, run."""

import os
import re
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from flask import Blueprint, Flask, redirect, session
from flask_wtf import CSRFProtect
from werkzeug.wrappers import Response

from kaltalk_iv import KalTalkIV, Viewer, generate_encryption_key, migrations
from kaltalk_iv.testing import add_organization, bearer
from tests.embedding.conftest import IDENTIFY, Shop

README = Path(__file__).parents[2] / "README.md"


def own_login() -> Viewer | Response:
    """The shop's own login decides."""
    return Viewer(session["name"], "org_shop") if "name" in session else redirect("/my-own-login")


def test_the_readmes_example_runs_identifies_and_lets_its_own_login_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "the key of the README's shop, long enough")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'readme.sqlite3'}")
    monkeypatch.setenv("KALTALK_IV_ENCRYPTION_KEYS", generate_encryption_key())
    [code] = re.findall(r"```python\n(import os\n.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    module = ModuleType("readme_example")
    monkeypatch.setitem(sys.modules, "readme_example", module)  # Flask looks its root path up there
    exec(compile(code, os.fspath(README), "exec"), module.__dict__)  # noqa: S102 - it is the README's own code
    app: Flask = module.app
    with app.app_context():
        migrations.upgrade(module.db.engine)
    organization = add_organization(app, "org_shop")
    client = app.test_client()

    answer = client.post(IDENTIFY, json={"userJwt": organization.sign("u_1", now=time.time())})

    assert (answer.status_code, answer.json and answer.json["identity"]["state"]) == (200, "verified")
    assert client.get("/kaltalk/inbox").status_code == 403
    with client.session_transaction() as cookie:
        cookie.update(staff_name="Ann", staff_login="ann")
    assert client.get("/kaltalk/inbox").status_code == 200
    with app.app_context():
        module.db.session.remove()
        module.db.engine.dispose()


def test_an_identify_reaches_the_applications_own_database(shop: Shop) -> None:
    shop.embed(own_login)
    organization = add_organization(shop.app, "org_shop")
    client = shop.app.test_client()

    answer = client.post(IDENTIFY, json={"userJwt": organization.sign("u_1", now=time.time(), name="Ada")})

    assert answer.json is not None
    assert answer.json["identity"] == {
        "state": "verified",
        "reason": None,
        "externalId": "u_1",
        "email": None,
        "name": "Ada",
    }
    token = answer.json["session"]["token"]
    sent = client.post("/kaltalk/v1/messages", json={"text": "hi", "clientMessageId": "1"}, headers=bearer(token))
    assert sent.status_code == 201
    with shop.app.app_context():
        tables = set(shop.db.inspect(shop.db.engine).get_table_names())
    assert "customers" in tables, "the shop's own table is still there"
    assert {name for name in tables if name != "customers"} == {
        name for name in tables if name.startswith("kaltalk_iv_")
    }


def test_the_guard_lets_in_whom_the_applications_own_login_knows(shop: Shop) -> None:
    shop.embed(own_login)
    add_organization(shop.app, "org_shop")
    client = shop.app.test_client()

    stranger = client.get("/kaltalk/inbox")
    client.get("/login-as/ann")
    member = client.get("/kaltalk/inbox")

    assert (stranger.status_code, stranger.location) == (302, "/my-own-login")
    assert member.status_code == 200


def test_without_a_guard_every_dashboard_page_answers_403(shop: Shop) -> None:
    shop.embed()
    client = shop.app.test_client()
    rules = [rule for rule in shop.app.url_map.iter_rules() if rule.endpoint.startswith("kaltalk_iv_dashboard.")]
    pages = [rule for rule in rules if not rule.endpoint.endswith(".asset")]

    for rule in pages:
        path = re.sub(r"<[^>]+>", "con_000000000000000000000000", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert client.open(path, method=method).status_code == 403, (method, path)
    assert len(pages) >= 3


def test_our_own_login_is_not_there_when_embedded(shop: Shop) -> None:
    shop.embed(own_login)

    assert shop.app.test_client().get("/kaltalk/login").status_code == 404


def test_a_page_of_the_applications_own_replaces_ours(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "kaltalk_iv"
    folder.mkdir(parents=True)
    (folder / "inbox.html").write_text("<h1>The shop's own inbox</h1>", encoding="utf-8")
    shop.embed(own_login)
    add_organization(shop.app, "org_shop")
    client = shop.app.test_client()
    client.get("/login-as/ann")

    assert client.get("/kaltalk/inbox").text == "<h1>The shop's own inbox</h1>"


def test_the_applications_own_csrf_protection_leaves_the_widgets_api_alone(shop: Shop) -> None:
    CSRFProtect(shop.app)
    shop.embed(own_login)
    add_organization(shop.app, "org_shop")

    assert shop.app.test_client().post(IDENTIFY, json={}).status_code == 200


def test_our_errors_stay_below_our_prefix(shop: Shop) -> None:
    shop.embed(own_login)
    own = Blueprint("own", __name__)
    own.add_url_rule("/own", view_func=lambda: ("mine", 404))
    shop.app.register_blueprint(own)
    client = shop.app.test_client()

    assert client.get("/own").text == "mine"
    assert "KalTalk" not in client.get("/nothing-here").text


def test_two_applications_in_one_process_have_their_own_state(tmp_path: Path) -> None:
    shops = [Shop(tmp_path / name) for name in ("one", "two")]
    secrets = []
    for made in shops:
        Path(made.app.root_path).mkdir()
        made.embed(own_login)
        secrets.append(add_organization(made.app, "org_shop"))

    crossed = shops[0].app.test_client().post(IDENTIFY, json={"userJwt": secrets[1].sign("u_1", now=time.time())})

    assert crossed.json is not None
    assert crossed.json["identity"]["reason"] == "bad_signature"
    for made in shops:
        with made.app.app_context():
            made.db.session.remove()
            made.db.engine.dispose()


def test_setting_up_twice_is_refused_with_a_sentence(shop: Shop) -> None:
    shop.embed(own_login)

    with pytest.raises(RuntimeError, match="already set up"):
        KalTalkIV(shop.app, db=shop.db)


@pytest.mark.parametrize("missing", ["SECRET_KEY", "KALTALK_IV_ENCRYPTION_KEYS"])
def test_a_missing_setting_is_refused_with_the_mend(shop: Shop, missing: str) -> None:
    shop.app.config[missing] = None

    with pytest.raises(RuntimeError, match=missing):
        KalTalkIV(shop.app, db=shop.db)
