"""Settings: where they come from, and what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

import host_demo
from host_demo.config import ConfigurationError
from tests.host_demo.conftest import SETTINGS, MakeApp
from tests.host_demo.visitor import Visitor
from tests.support.servers import Server, clean_environment

KEY = "the secret key of a host in these tests"
PLACEHOLDERS = ["change-me-" * 4, "your-secret-key-goes-right-here-please", "0" * 64, "abc" * 20]


@pytest.mark.parametrize("value", [None, "", "dev", "x" * 31, *PLACEHOLDERS])
def test_without_a_secret_key_the_host_does_not_start(value: str | None) -> None:
    with pytest.raises(ConfigurationError, match="token_urlsafe") as refusal:
        host_demo.create_app({**SETTINGS, "HOST_SECRET_KEY": value})
    assert len(value or "") < 10 or str(value) not in str(refusal.value)


def test_the_environment_is_read_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST_SECRET_KEY", KEY)
    monkeypatch.setenv("KALTALK_IV_SECRET", "s" * 40)
    monkeypatch.setenv("KALTALK_ORGANIZATION_ID", "org_environment")
    monkeypatch.setenv("KALTALK_ORIGIN", "/environment")
    app = host_demo.create_app({"KALTALK_ORIGIN": "/argument", "HOST_DATABASE_URL": "sqlite://"})
    assert app.secret_key == KEY
    assert app.config["KALTALK_IV_SECRET"] == "s" * 40
    assert app.config["KALTALK_ORGANIZATION_ID"] == "org_environment"
    assert app.config["KALTALK_ORIGIN"] == "/argument"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@db/shop", "postgresql+psycopg://u:p@db/shop"),
        ("postgresql://u:p@db/shop", "postgresql+psycopg://u:p@db/shop"),
        ("postgresql+psycopg://db/shop", "postgresql+psycopg://db/shop"),
    ],
)
def test_postgresql_addresses_of_all_kinds_mean_psycopg_3(make_app: MakeApp, given: str | None, used: str) -> None:
    assert make_app(HOST_DATABASE_URL=given).config["SQLALCHEMY_DATABASE_URI"] == used


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://chat.example.com", "https://chat.example.com"),
        ("https://chat.example.com/kaltalk/", "https://chat.example.com/kaltalk"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://localhost:8001/", "http://localhost:8001"),
        ("http://[::1]:8001", "http://[::1]:8001"),
        ("/kaltalk", "/kaltalk"),
    ],
)
def test_the_address_of_kaltalk_may_be_a_site_or_a_path(make_app: MakeApp, given: str, used: str) -> None:
    assert make_app(KALTALK_ORIGIN=given).config["KALTALK_ORIGIN"] == used


@pytest.mark.parametrize(
    "origin",
    [
        "http://chat.example.com",
        "//chat.example.com",
        "chat.example.com",
        "javascript:alert(1)",
        "https://user@chat.example.com",
        "https://chat.example.com; script-src *",
        "https://chat.example.com https://evil.example",
        "https://chat.example.com?x",
        'https://chat.example.com"><script>',
        "http://127.0.0.1.evil.example",
        "/kaltalk\n",
        "/",
    ],
)
def test_an_address_that_is_unsafe_or_means_something_else_is_refused(make_app: MakeApp, origin: str) -> None:
    with pytest.raises(ConfigurationError, match="KALTALK_ORIGIN"):
        make_app(KALTALK_ORIGIN=origin)


def test_the_two_commands_of_the_guide_bring_it_up(tmp_path: Path) -> None:
    flask = [sys.executable, "-m", "flask", "--app", "host_demo"]
    env = {
        "HOST_SECRET_KEY": KEY,
        "HOST_DATABASE_URL": f"sqlite:///{tmp_path}/host.sqlite3",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for _ in range(2):
        subprocess.run([*flask, "init-db"], env=clean_environment(env), check=True, timeout=60)
    assert (tmp_path / "host.sqlite3").stat().st_size > 0
    with Server([*flask, "run", "--port", "{port}"], env=env, log=tmp_path / "log") as server:
        said = server.output
    assert said.count("KALTALK_IV_SECRET") == 1
    assert said.count("KALTALK_ORGANIZATION_ID and KALTALK_ORIGIN") == 1


def test_the_configuration_of_a_visit_keeps_its_secrets_off_the_page(make_app: MakeApp) -> None:
    visitor = Visitor(make_app())
    visitor.log_in()
    for path in ("/", "/profile", "/no-such-page"):
        page = visitor.get(path).text
        assert SETTINGS["KALTALK_IV_SECRET"] not in page
        assert SETTINGS["HOST_SECRET_KEY"] not in page
