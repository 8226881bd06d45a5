"""A production start that could not be safe is refused, with the mend and without the value."""

import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import host_demo
from host_demo.config import ConfigurationError
from kaltalk_iv import generate_encryption_key
from kaltalk_iv.server import create_app
from kaltalk_iv.state import current_state
from tests.production.deployment import ROOT
from tests.support.servers import Server, clean_environment

GOOD_KEY = "gJ2v_9sQd0-the-rest-of-a-good-key"
MAKES_A_KEY = "secrets.token_urlsafe"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set what a production start needs, all of it right."""
    good = {
        "KALTALK_DATABASE_URL": f"sqlite:///{tmp_path / 'kaltalk.sqlite3'}",
        "KALTALK_SECRET_KEY": GOOD_KEY,
        "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key(),
    }
    for name, value in good.items():
        monkeypatch.setenv(name, value)
    return good


def test_a_start_with_all_that_it_needs_starts(environment: dict[str, str]) -> None:
    assert create_app().test_client().get("/inbox").status_code in {302, 503}


def test_lifetimes_of_the_environment_count(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment
    monkeypatch.setenv("KALTALK_IV_MAX_TOKEN_LIFETIME", "3600")
    monkeypatch.setenv("KALTALK_IV_SESSION_LIFETIME", " 60 ")
    monkeypatch.setenv("KALTALK_IV_LOGIN_HINT", "Ask Grace.")
    app = create_app()
    with app.app_context():
        settings = current_state().settings
    assert (settings.max_token_lifetime, settings.session_lifetime) == (3600, 60)
    assert "Ask Grace." in app.test_client().get("/login").text


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        ({"KALTALK_SECRET_KEY": ""}, MAKES_A_KEY),
        ({"KALTALK_SECRET_KEY": "dev"}, MAKES_A_KEY),
        ({"KALTALK_SECRET_KEY": "fifteen bytes !"}, MAKES_A_KEY),
        ({"KALTALK_SECRET_KEY": "change-me-in-production-please"}, MAKES_A_KEY),
        ({"KALTALK_SECRET_KEY": "CHANGEME CHANGEME CHANGEME"}, MAKES_A_KEY),
        ({"KALTALK_SECRET_KEY": "your-secret-key-goes-right-here"}, MAKES_A_KEY),
        ({"KALTALK_SECRET_KEY": "an example of a key for the docs"}, MAKES_A_KEY),
        ({"KALTALK_SECRET_KEY": "0" * 64}, MAKES_A_KEY),
        ({"KALTALK_SECRET_KEY": "abcabcabcabcabcabcabcabcabcabc"}, MAKES_A_KEY),
        ({"KALTALK_IV_ENCRYPTION_KEYS": ""}, "generate_encryption_key"),
        ({"KALTALK_IV_ENCRYPTION_KEYS": " , "}, "generate_encryption_key"),
        ({"KALTALK_IV_ENCRYPTION_KEYS": GOOD_KEY}, "generate_encryption_key"),
        ({"KALTALK_IV_ENCRYPTION_KEYS": "ktek_" + "A" * 43}, "generate_encryption_key"),
        ({"KALTALK_DATABASE_URL": ""}, "postgresql://"),
        ({"KALTALK_DATABASE_URL": "of-the-shop.sqlite3"}, "sqlite:///"),
        ({"KALTALK_DATABASE_URL": "postgresql://kaltalk@database:port/kaltalk"}, "percent-encoded"),
        ({"FLASK_DEBUG": "1"}, "Unset FLASK_DEBUG"),
        ({"FLASK_DEBUG": "true"}, "Unset FLASK_DEBUG"),
        ({"KALTALK_PROXY_HOPS": "all"}, "KALTALK_PROXY_HOPS must be"),
        ({"KALTALK_IV_LIMIT_IDENTIFY_ADDRESS": "lots"}, "such as '300 per 10 seconds'"),
        ({"KALTALK_RATELIMIT_STORAGE_URL": "http://x"}, "redis://"),
        ({"KALTALK_IV_LIMITS": "maybe"}, "on or off"),
        ({"KALTALK_IV_MAX_TOKEN_LIFETIME": "1 hour"}, "from 60 to 604800"),
        ({"KALTALK_IV_MAX_TOKEN_LIFETIME": "59"}, "from 60 to 604800"),
        ({"KALTALK_IV_SESSION_LIFETIME": "604801"}, "from 60 to 604800"),
    ],
)
def test_what_is_not_safe_is_refused_with_the_mend_and_without_the_value(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, change: Mapping[str, str], mend: str
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(RuntimeError) as refusal:
        create_app()

    assert mend in str(refusal.value)
    for value in (*environment.values(), *change.values()):
        assert len(value) < 10 or value not in str(refusal.value)


def test_no_part_of_an_unquoted_password_is_shown(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://kaltalk:first@half:secondhalf/rest@database/kaltalk"
    monkeypatch.setenv("KALTALK_DATABASE_URL", url)
    host = {"HOST_SECRET_KEY": GOOD_KEY, "HOST_DATABASE_URL": url}
    starts: tuple[Callable[[], object], ...] = (create_app, lambda: host_demo.create_app(host))
    for start in starts:
        with pytest.raises(RuntimeError, match=r"_DATABASE_URL .* percent-encoded") as refusal:
            start()
        assert "secondhalf" not in "".join(traceback.format_exception(refusal.value))


def test_one_key_for_two_purposes_is_refused(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    key = environment["KALTALK_IV_ENCRYPTION_KEYS"]
    monkeypatch.setenv("KALTALK_SECRET_KEY", key)

    for keys in (key, f"{generate_encryption_key()}, {key}"):
        monkeypatch.setenv("KALTALK_IV_ENCRYPTION_KEYS", keys)
        with pytest.raises(RuntimeError, match="must differ") as refusal:
            create_app()
        assert key not in str(refusal.value)


@pytest.mark.parametrize("debug", [True, "from the configuration"])
def test_debug_by_configuration_is_refused_too(environment: dict[str, str], debug: object) -> None:
    with pytest.raises(RuntimeError, match="Debugging is on"):
        create_app({"DEBUG": debug})


def test_the_sample_host_refuses_debug_and_hops_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"HOST_SECRET_KEY": GOOD_KEY, "HOST_DATABASE_URL": "sqlite://"}
    with pytest.raises(ConfigurationError, match="HOST_PROXY_HOPS"):
        host_demo.create_app(settings | {"HOST_PROXY_HOPS": "some"})
    monkeypatch.setenv("FLASK_DEBUG", "1")
    with pytest.raises(ConfigurationError, match="unset FLASK_DEBUG"):
        host_demo.create_app(settings)


def test_gunicorn_does_not_start_with_debug_on(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--check-config", "kaltalk_iv.server:create_app()"],
        cwd=ROOT,
        env=clean_environment(environment | {"FLASK_DEBUG": "1"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode != 0
    assert "Unset FLASK_DEBUG" in done.stderr


def test_a_developers_flask_run_may_debug(environment: dict[str, str], start_server: Callable[..., Server]) -> None:
    command = [sys.executable, "-m", "flask", "--app", "kaltalk_iv.server", "--debug", "run", "--no-reload"]
    server = start_server([*command, "--port", "{port}"], env=environment, ready_path="/login")

    assert "Debug mode: on" in server.output
