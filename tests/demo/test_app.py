"""The demo: what `python app.py` makes, keeps, prints and refuses."""

import json
import os
import re
import secrets
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import Demo, make_demo
from host_demo.accounts import check_password
from kaltalk_iv import generate_encryption_key
from kaltalk_iv.service import agents
from kaltalk_iv.state import current_state
from tests.support.servers import Server, clean_environment

ROOT = Path(__file__).parents[2]
APP = [sys.executable, str(ROOT / "app.py")]
StartServer = Callable[..., Server]


def run(*command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout and return what it did."""
    return subprocess.run(
        command, cwd=ROOT, env=clean_environment(env), capture_output=True, text=True, check=False, timeout=60
    )


def kaltalk_iv(folder: Path, *arguments: str) -> Any:
    """Run `flask --app app kaltalk-iv … --json` on the demo in ``folder``."""
    command = [sys.executable, "-m", "flask", "--app", "app", "kaltalk-iv", *arguments, "--json"]
    done = run(*command, env={"KALTALK_DEMO_DIR": str(folder)})
    assert done.returncode == 0, done.stderr[-300:]
    return json.loads(done.stdout)


def dispose(demo: Demo) -> None:
    """Close the connections of both parties."""
    for party in (demo.host, demo.kaltalk):
        with party.app_context():
            party.extensions["sqlalchemy"].session.remove()
            party.extensions["sqlalchemy"].engine.dispose()


def test_the_first_run_says_where_to_click_and_keeps_what_it_made_from_others(
    tmp_path: Path, start_server: StartServer
) -> None:
    server = start_server(APP, env={"KALTALK_DEMO_DIR": str(tmp_path)})

    password = re.search(r"Password for everybody: (\S+)", server.output)
    assert password
    assert len(password[1]) >= 12
    for words in (
        f"{server.origin}/ ",
        f"{server.origin}/kaltalk/inbox",
        "ada or bob",
        "grace (admin) or alan (agent)",
    ):
        assert words in server.output
    kept = tmp_path / "demo.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("demo*")] == ["demo.json"]
    assert "ktiv_" not in server.output


def test_both_parties_answer_below_one_address(tmp_path: Path, start_server: StartServer) -> None:
    server = start_server(APP, env={"KALTALK_DEMO_DIR": str(tmp_path)})

    def get(path: str) -> str:
        with urllib.request.urlopen(server.origin + path, timeout=10) as answer:  # noqa: S310 - our own server
            text: str = answer.read().decode()
        return text

    assert "Harrow Lane Tea" in get("/")
    assert "Log in to KalTalk" in get("/kaltalk/login")
    assert "window.KalTalk" in get("/kaltalk/widget/kaltalk.js")


def test_the_second_run_goes_on_from_the_first(tmp_path: Path) -> None:
    first = kaltalk_iv(tmp_path, "secret", "reveal", "org_demo")
    made = (tmp_path / "demo.json").read_bytes()

    assert kaltalk_iv(tmp_path, "secret", "reveal", "org_demo") == first
    assert (tmp_path / "demo.json").read_bytes() == made
    assert [row["id"] for row in kaltalk_iv(tmp_path, "organization", "list")] == ["org_demo"]
    assert len(kaltalk_iv(tmp_path, "secret", "list", "org_demo")) == 1


def test_the_demo_organization_is_on_pro_in_mode_optional(tmp_path: Path) -> None:
    [organization] = kaltalk_iv(tmp_path, "organization", "list")

    assert (organization["plan"], organization["mode"], organization["effectiveMode"]) == (
        "pro",
        "optional",
        "optional",
    )


def test_three_processes_that_start_at_once_make_one_demo(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import app; app.app; print('made')"]
    environment = clean_environment({"KALTALK_DEMO_DIR": str(tmp_path)})
    started = [
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in started]

    assert [output.splitlines()[-1:] for output in outputs] == [["made"]] * 3
    assert len(kaltalk_iv(tmp_path, "secret", "list", "org_demo")) == 1


def test_importing_the_module_alone_makes_nothing(tmp_path: Path) -> None:
    done = run(sys.executable, "-c", "import app", env={"KALTALK_DEMO_DIR": str(tmp_path / "untouched")})

    assert done.returncode == 0
    assert not (tmp_path / "untouched").exists()


def test_a_taken_port_ends_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(*APP, env={"KALTALK_DEMO_DIR": str(tmp_path), "PORT": str(port)})

    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("port", ["nonsense", "0x50", "70000", "-1"])
def test_a_port_that_is_none_ends_in_a_sentence(tmp_path: Path, port: str) -> None:
    done = run(*APP, env={"KALTALK_DEMO_DIR": str(tmp_path), "PORT": port})

    assert done.returncode == 1
    assert "PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_password_that_is_too_short_ends_in_a_sentence(tmp_path: Path) -> None:
    done = run(*APP, env={"KALTALK_DEMO_DIR": str(tmp_path), "KALTALK_DEMO_PASSWORD": "short"})

    assert done.returncode == 1
    assert "8 to 256 characters" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_in_another_terminal_changes_no_password_that_the_demo_has_printed(tmp_path: Path) -> None:
    made_up = "a password of their own"
    printed = make_demo({"KALTALK_DEMO_DIR": str(tmp_path), "KALTALK_DEMO_PASSWORD": made_up}, renew_passwords=True)
    dispose(printed)
    dispose(make_demo({"KALTALK_DEMO_DIR": str(tmp_path)}))  # what `flask --app app …` does

    demo = make_demo({"KALTALK_DEMO_DIR": str(tmp_path)})
    with demo.kaltalk.app_context():
        state = current_state()
        assert state.commit(lambda session, now: agents.log_in(session, "grace", made_up, now)) is not None
    with demo.host.app_context():
        assert check_password("ada", made_up) is not None
    dispose(demo)


def test_a_rotated_secret_is_signed_with_after_the_next_start(tmp_path: Path) -> None:
    before = kaltalk_iv(tmp_path, "secret", "reveal", "org_demo")["secret"]
    kaltalk_iv(tmp_path, "secret", "rotate", "org_demo")
    after = kaltalk_iv(tmp_path, "secret", "reveal", "org_demo")["secret"]

    demo = make_demo({"KALTALK_DEMO_DIR": str(tmp_path)})

    assert before != after
    assert demo.host.config["KALTALK_IV_SECRET"] == after
    assert demo.password not in repr(demo)
    dispose(demo)


def test_the_environment_wins_over_what_was_made(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.sqlite3"
    environment = {"KALTALK_DEMO_DIR": str(tmp_path), "KALTALK_DATABASE_URL": f"sqlite:///{elsewhere}"}

    done = run(sys.executable, "-c", "import app; app.app", env=environment)

    assert done.returncode == 0, done.stderr[-300:]
    assert elsewhere.exists()
    assert not (tmp_path / "kaltalk.sqlite3").exists()
    assert os.path.lexists(tmp_path / "host.sqlite3")


@pytest.mark.parametrize(
    "command", [APP, [sys.executable, "-m", "flask", "--app", "app", "kaltalk-iv", "keys", "doctor"]]
)
def test_a_database_of_real_organizations_is_left_alone(tmp_path: Path, command: list[str]) -> None:
    real = {
        "KALTALK_DATABASE_URL": f"sqlite:///{tmp_path / 'real.sqlite3'}",
        "KALTALK_SECRET_KEY": secrets.token_urlsafe(32),
    }
    real["KALTALK_IV_ENCRYPTION_KEYS"] = generate_encryption_key()
    setup = [sys.executable, "-m", "flask", "--app", "kaltalk_iv.server", "kaltalk-iv"]
    for step in ("db upgrade", "organization create Shop --id org_shop"):
        assert run(*setup, *step.split(), env=real).returncode == 0
    before = (tmp_path / "real.sqlite3").read_bytes()

    done = run(*command, env=real | {"KALTALK_DEMO_DIR": str(tmp_path / "demo"), "PORT": "0"})

    assert done.returncode == 1
    assert "Unset KALTALK_DATABASE_URL" in done.stderr
    assert (tmp_path / "real.sqlite3").read_bytes() == before


def test_the_demo_gives_nobody_of_another_organization_its_password(tmp_path: Path) -> None:
    dispose(make_demo({"KALTALK_DEMO_DIR": str(tmp_path)}))
    kaltalk_iv(tmp_path, "organization", "create", "Shop", "--id", "org_shop")
    demo = make_demo({"KALTALK_DEMO_DIR": str(tmp_path)})
    own = "a password of her own"
    with demo.kaltalk.app_context():
        state = current_state()
        state.commit(lambda session, _now: agents.remove_agent(session, "org_demo", "grace"))
        state.commit(lambda session, now: agents.create_agent(session, "org_shop", "grace", "Grace", "admin", own, now))
    dispose(demo)

    demo = make_demo({"KALTALK_DEMO_DIR": str(tmp_path)}, renew_passwords=True)
    with demo.kaltalk.app_context():
        state = current_state()
        assert state.commit(lambda session, now: agents.log_in(session, "grace", own, now)) is not None
        assert state.commit(lambda session, now: agents.log_in(session, "grace", demo.password, now)) is None
    dispose(demo)


def test_the_settings_of_a_real_shop_give_the_demo_neither_its_users_nor_its_signature_for_any_address(
    tmp_path: Path,
) -> None:
    real = tmp_path / "real.sqlite3"
    real.write_bytes(b"not to be opened")
    environ = {
        "KALTALK_DEMO_DIR": str(tmp_path),
        "HOST_DATABASE_URL": f"sqlite:///{real}",
        "HOST_SECRET_KEY": "the secret key of a real shop, long enough",
        "KALTALK_IV_SECRET": "ktiv_" + "Zm9vYmFy" * 5 + "abc",
        "KALTALK_ORGANIZATION_ID": "org_shop",
        "KALTALK_ORIGIN": "https://chat.example.com",
    }
    demo = make_demo(environ, renew_passwords=True)
    assert real.read_bytes() == b"not to be opened"
    assert demo.host.config["SECRET_KEY"] != environ["HOST_SECRET_KEY"]
    assert demo.host.config["HOST_SEND_MAIL"] is None, "in the demo everybody reads all mail"
    dispose(demo)
