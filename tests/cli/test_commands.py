"""Every command, as text and as JSON; what is refused ends with one sentence, and only ``reveal`` prints a secret."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

import kaltalk_iv
from kaltalk_iv import migrations
from kaltalk_iv.models import Base
from kaltalk_iv.testing import OrganizationForTests, identify, set_organization
from kaltalk_iv.vault import Vault
from tests.api.world import ENCRYPTION_KEY, Clock, build_app, dispose, engine_of, everything_stored
from tests.cli.running import answer, refused, run
from tests.support.servers import clean_environment

ROOT = Path(kaltalk_iv.__file__).parent.parent
SECRET = re.compile(r"ktiv_[A-Za-z0-9_-]{43}")
PASSWORD = "correct horse battery"


NEEDS_AN_ORGANIZATION = [
    ("organization", "set", "{}", "--mode", "off"),
    ("secret", "list", "{}"),
    ("secret", "reveal", "{}"),
    ("secret", "rotate", "{}"),
    ("secret", "retire", "{}"),
    ("secret", "replace", "{}", "--yes"),
    ("customer", "show", "{}", "--external-id", "u_1"),
    ("agent", "create", "{}", "eve", "--name", "Eve", "--password", PASSWORD),
    ("agent", "list", "{}"),
    ("agent", "password", "{}", "eve", "--password", PASSWORD),
    ("agent", "remove", "{}", "eve"),
]


def test_an_organization_that_is_not_there_is_refused_by_every_command(app: Flask, org: OrganizationForTests) -> None:
    before = everything_stored(app)
    for command in NEEDS_AN_ORGANIZATION:
        for id_ in ("org_nobody", "", "x" * 300, "org_\udcff", "org_test "):
            sentence = refused(app, *(part.format(id_) for part in command))
            assert sentence.startswith("There is no organization with this id.")
    assert everything_stored(app) == before


def test_without_tables_every_command_says_how_to_make_them(app: Flask) -> None:
    migrations.downgrade(engine_of(app), "base")
    for command in [*NEEDS_AN_ORGANIZATION, ("organization", "list")]:
        sentence = refused(app, *(part.format("org_test") for part in command))
        assert sentence == "The tables are not there yet. Run: flask … kaltalk-iv db upgrade"


def test_no_command_but_reveal_prints_a_secret_a_sealed_one_or_a_key(
    app: Flask, org: OrganizationForTests, clock: Clock
) -> None:
    identify(app.test_client(), org.id, userJwt=org.sign("u_1", now=clock.now))
    commands = [
        ("organization", "list"),
        ("organization", "create", "Another"),
        *(
            tuple(part.format(org.id) for part in command)
            for command in NEEDS_AN_ORGANIZATION
            if "reveal" not in command
        ),
        ("db", "current"),
        ("db", "upgrade"),
    ]
    for command in commands:
        for more in ((), ("--json",)):
            done = run(app, *command, *more)
            assert not SECRET.search(done.output), command
            assert ENCRYPTION_KEY not in done.output
            assert "v1." not in done.output


@pytest.mark.parametrize("value", ["enforced", "OFF", ""])
def test_a_mode_or_plan_that_there_is_not_is_refused(app: Flask, org: OrganizationForTests, value: str) -> None:
    set_organization(app, org.id, mode="optional")
    for option in ("--mode", "--plan"):
        assert run(app, "organization", "set", org.id, option, value).exit_code == 2


def test_a_new_key_is_printed_and_fits(app: Flask) -> None:
    key = answer(app, "keys", "generate")["key"]
    assert run(app, "keys", "generate").output.strip() != key
    vault = Vault([key])
    assert vault.open(vault.seal("secret", "org_1", "sec_1"), "org_1", "sec_1") == "secret"


def test_the_tables_are_made_named_and_dropped(app: Flask) -> None:
    assert run(app, "db", "downgrade", "base").exit_code == 1  # it asks
    assert re.fullmatch(r"[0-9]{4}\n", run(app, "db", "current").output)
    assert answer(app, "db", "downgrade", "base", "--yes") == {"revision": None}
    assert run(app, "db", "current").output == "The tables are not there yet.\n"
    head = answer(app, "db", "upgrade")["revision"]
    assert answer(app, "db", "current") == {"revision": head}
    assert "The tables are at revision" in run(app, "db", "upgrade").output
    assert set(everything_stored(app)) == set(Base.metadata.tables)
    assert refused(app, "db", "downgrade", "nonsense", "--yes")


def _process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flask", "--app", "kaltalk_iv.server", "kaltalk-iv", *arguments]
    settings = {"KALTALK_SECRET_KEY": "a secret key for tests alone, long enough", **environment}
    return subprocess.run(
        command, cwd=ROOT, env=clean_environment(settings), capture_output=True, text=True, check=False, timeout=60
    )


def test_from_an_empty_database_to_an_organization_in_processes_of_their_own(tmp_path: Path) -> None:
    environment = {
        "KALTALK_DATABASE_URL": f"sqlite:///{tmp_path / 'new.sqlite3'}",
        "KALTALK_IV_ENCRYPTION_KEYS": ENCRYPTION_KEY,
    }
    assert _process("db", "upgrade", **environment).returncode == 0
    made = _process("organization", "create", "Shop", "--id", "org_1", "--plan", "pro", "--json", **environment)
    assert json.loads(made.stdout)["id"] == "org_1"
    revealed = _process("secret", "reveal", "org_1", **environment)
    assert SECRET.fullmatch(revealed.stdout.strip())
    assert revealed.stderr == ""


def test_a_database_that_is_away_is_one_sentence_without_its_address(clock: Clock) -> None:
    app = build_app("postgresql://ada:hunter2@127.0.0.1:1/shop", clock)
    for command in (("organization", "list"), ("secret", "list", "org_1"), ("db", "upgrade"), ("db", "current")):
        assert refused(app, *command) == "The database did not answer (OperationalError)."
    dispose(app)
