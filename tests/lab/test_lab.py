"""The lab without a browser: who may use it, what it never does, and that asking what would happen leaves nothing."""

import json
import re
import secrets
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest

import host_demo
from app import ORGANIZATION_ID, Demo, make_demo
from host_demo.experiments import EXPERIMENTS, Bench
from kaltalk_iv.testing import identify, send_message, set_organization
from tests.host_demo.conftest import SETTINGS, open_shop
from tests.host_demo.visitor import Visitor
from tests.lab.reader import PASSWORD, Reader, current_secret, dispose, everything_stored, look, press, send


def test_without_the_demo_there_is_no_lab_and_no_link(sqlite_url: str) -> None:
    open_shop(sqlite_url)
    host = host_demo.create_app({**SETTINGS, "HOST_DATABASE_URL": sqlite_url})
    visitor = Visitor(host)

    assert visitor.log_in("ada").status_code == 302
    for path in ("/lab", "/lab/prepare", "/lab/seen", "/lab/mode"):
        assert visitor.get(path).status_code == 404
    assert "/lab" not in visitor.get("/").text
    with host.app_context():
        host_demo.db.session.remove()
        host_demo.db.engine.dispose()


def test_a_demo_whose_shop_talks_to_another_kaltalk_has_no_lab(tmp_path: Path) -> None:
    made = make_demo({"KALTALK_DEMO_DIR": str(tmp_path), "KALTALK_ORIGIN": "https://chat.example.com"})

    assert made.host.test_client().get("/lab").status_code == 404
    dispose(made)


def test_the_home_page_leads_to_the_lab(ada: Reader) -> None:
    assert 'href="/lab"' in ada.get("/").text
    assert ada.get("/lab").status_code == 200


def test_logged_out_every_address_of_the_lab_asks_for_a_login(demo: Demo) -> None:
    visitor = Visitor(demo.host)
    token = visitor.csrf_token("/login")

    answers = [visitor.get("/lab")]
    for path in ("/lab/prepare", "/lab/seen", "/lab/mode"):
        data = {"experiment": "good", "mode": "off"}
        answers.append(visitor.http.post(path, data=data, headers={"X-CSRFToken": token}))

    for answer in answers:
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/login?next=/lab")
        assert answer.content_length < 400


@pytest.mark.parametrize("path", ["/lab/prepare", "/lab/seen", "/lab/mode"])
def test_what_changes_or_signs_needs_a_csrf_token(ada: Reader, path: str) -> None:
    answer = ada.http.post(path, data={"experiment": "good", "mode": "off"})

    assert answer.status_code == 400
    assert answer.mimetype == "text/html"
    assert "outlook" not in answer.text.partition("<script")[0]  # not the page's own token: it must not reach a report


def test_unknown_experiments_and_modes_are_refused(ada: Reader) -> None:
    for path, data in (("prepare", {"experiment": "root"}), ("prepare", {}), ("seen", {}), ("mode", {"mode": "on"})):
        assert ada.post(path, **data).status_code == 400


def test_pages_and_answers_of_the_lab_are_kept_by_no_cache(ada: Reader) -> None:
    for answer in (ada.get("/lab"), press(ada, "good")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Cookie" in answer.headers["Vary"]
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "trusted-types 'none'" in answer.headers["Content-Security-Policy"]


def test_no_secret_reaches_the_browser_whatever_is_pressed(fresh_demo: Demo) -> None:
    demo, ada = fresh_demo, Reader(fresh_demo, "ada")
    before = current_secret(demo)
    shown = ada.get("/lab").text + "".join(press(ada, name).text for name in EXPERIMENTS)

    assert before != current_secret(demo)  # "the previous secret" has rotated
    found = [secret in shown for secret in (before, current_secret(demo), "ktiv_")]
    assert found == [False, False, False]


def test_only_tokens_about_the_logged_in_user_verify_with_the_shops_secrets(fresh_demo: Demo) -> None:
    demo, ada = fresh_demo, Reader(fresh_demo, "ada")
    known = [current_secret(demo)]
    sub = press(ada, "good").get_json()["known"][0][1]
    good: dict[str, Any] = {}
    for name in EXPERIMENTS:
        body = json.loads(press(ada, name).get_json()["body"])
        known = list({*known, current_secret(demo)})
        for secret in known:
            try:
                options: Any = {"verify_exp": False, "verify_sub": False}
                claims = jwt.decode(body.get("userJwt", ""), secret, algorithms=["HS256"], options=options)
            except jwt.InvalidTokenError:
                continue
            good[name] = claims["sub"]

    assert set(good) == {"good", "expired", "previous_secret", "numeric_id"}
    number = good.pop("numeric_id")
    assert set(good.values()) == {sub}
    assert isinstance(number, int)
    assert 0 < number < 2**53


def test_the_bench_signs_for_nobody_else() -> None:
    user = SimpleNamespace(id="u_ada", email="ada@example.com", name="Ada")
    bench = Bench(user, "u_bob", "s" * 40, lambda: "", 1_800_000_000)

    with pytest.raises(ValueError, match="nobody else"):
        bench.forged(sub="u_bob")
    with pytest.raises(ValueError, match="nobody else"):
        bench.forged(sub=str(bench.number))


def test_two_people_get_two_numbers(ada: Reader, bob: Reader) -> None:
    subs = [json.loads(press(who, "numeric_id").get_json()["token"]["payload"])["sub"] for who in (ada, bob)]

    assert subs[0] != subs[1]


@pytest.mark.parametrize("mode", ["off", "optional", "required"])
def test_asking_what_each_mode_would_do_leaves_nothing_behind(demo: Demo, ada: Reader, mode: str) -> None:
    press(ada, "previous_secret")  # so that nothing is rotated below
    send(demo, press(ada, "good").get_json())
    set_organization(demo.kaltalk, ORGANIZATION_ID, mode=mode)
    before = everything_stored(demo)

    for name in EXPERIMENTS:
        if name != "previous_secret":  # an audit line says that it was taken
            assert len(press(ada, name).get_json()["outlook"]) == 3

    assert everything_stored(demo) == before
    set_organization(demo.kaltalk, ORGANIZATION_ID, mode="optional")


def test_looking_leaves_the_message_unread_for_the_agent(demo: Demo, ada: Reader) -> None:
    session = send(demo, press(ada, "good").get_json())["session"]["token"]
    headers = {"Authorization": f"Bearer {session}"}
    message = {"text": "hello", "clientMessageId": secrets.token_hex(8)}
    assert demo.kaltalk.test_client().post("/v1/messages", json=message, headers=headers).status_code == 201
    before = everything_stored(demo)

    seen = look(ada, "good", session)

    assert seen["row"]["last"] == "hello"
    assert seen["row"]["shield"] == "verified"
    assert everything_stored(demo) == before


def test_the_record_of_somebody_else_stays_hidden(demo: Demo, ada: Reader, bob: Reader) -> None:
    send(demo, press(bob, "good").get_json())
    prepared = press(ada, "stranger_id").get_json()

    answer = look(ada, "stranger_id", send(demo, prepared)["session"]["token"])

    assert answer["record"]["verified"] is True
    assert answer["record"]["external_id"]["value"] == json.loads(prepared["body"])["externalId"]
    for field in ("email", "name"):
        assert answer["record"][field] == {"value": None, "proven": True, "hidden": True}
    assert "Bob" not in json.dumps(answer)
    assert "bob@example.com" not in json.dumps(answer)


def test_a_session_from_before_a_claim_does_not_show_whom_the_claim_landed_on(
    demo: Demo, ada: Reader, bob: Reader
) -> None:
    send(demo, press(bob, "good").get_json())
    widget = demo.kaltalk.test_client()
    before = identify(widget, ORGANIZATION_ID).get_json()["session"]["token"]
    send_message(widget, before, "hello", secrets.token_hex(8))
    assert look(ada, "no_token", before)["row"]["title"] == "Anonymous visitor"
    identify(widget, ORGANIZATION_ID, email="bob@example.com", session=before)

    answer = look(ada, "no_token", before)

    assert answer == {"record": None, "row": None}


def test_a_session_that_is_none_is_a_sentence(ada: Reader) -> None:
    assert "not a widget session" in look(ada, "good", "kts1.AAAA")["problem"]


def test_the_previous_secret_is_there_from_the_first_press_and_rotates_once(fresh_demo: Demo) -> None:
    demo, ada = fresh_demo, Reader(fresh_demo, "ada")
    first = current_secret(demo)

    prepared = [press(ada, "previous_secret").get_json() for _ in range(3)]
    fresh = current_secret(demo)

    assert fresh != first
    for one in prepared:
        assert one["checks"]["secret"]["status"] == "previous"
        claims = jwt.decode(json.loads(one["body"])["userJwt"], first, algorithms=["HS256"])
        assert claims["email"] == "ada@example.com"
    assert press(ada, "good").get_json()["checks"]["secret"]["status"] == "current"
    trail = everything_stored(demo)["kaltalk_iv_audit_events"]
    assert sum("secret_rotated" in line for line in trail) == 1
    assert sum("ada (lab)" in line and "secret_revealed" in line for line in trail) == 4  # two at the rotation


def test_a_secret_from_the_environment_is_not_replaced_by_the_lab(tmp_path: Path) -> None:
    made = make_demo({"KALTALK_DEMO_DIR": str(tmp_path), "KALTALK_DEMO_PASSWORD": PASSWORD})
    secret = current_secret(made)
    again = make_demo(
        {"KALTALK_DEMO_DIR": str(tmp_path), "KALTALK_DEMO_PASSWORD": PASSWORD, "KALTALK_IV_SECRET": secret}
    )
    visitor = Reader(again, "ada")

    assert press(visitor, "previous_secret").get_json()["checks"]["secret"]["status"] == "previous"

    assert current_secret(again) == secret
    dispose(made, again)


def test_required_is_refused_with_the_reason_until_a_token_has_verified(fresh_demo: Demo) -> None:
    demo, ada = fresh_demo, Reader(fresh_demo, "ada")

    def choose(mode: str) -> str:
        assert ada.post("mode", mode=mode).status_code == 302
        return ada.get("/lab").text

    assert "No token has verified within the last 7 days" in choose("required")
    send(demo, press(ada, "good").get_json())

    page = choose("required")

    assert "The mode is Required now." in page
    assert re.search(r'value="required"[^>]*aria-pressed="true"', page)
    assert any("ada (lab)" in line for line in everything_stored(demo)["kaltalk_iv_audit_events"])


def test_without_a_secret_the_lab_says_that_it_cannot_work(
    demo: Demo, ada: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(demo.host.config, "KALTALK_IV_SECRET", None)

    assert press(ada, "good").status_code == 503
