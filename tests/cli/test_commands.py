"""Every command, as text and as JSON; what is refused ends with one sentence, and only ``reveal`` prints a secret."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

import kaltalk_iv
from kaltalk_iv import migrations
from kaltalk_iv.models import Agent, AuditEvent, Base, Secret
from kaltalk_iv.testing import OrganizationForTests, identify, set_organization
from kaltalk_iv.vault import Vault
from tests.api.world import ENCRYPTION_KEY, HOUR, Clock, build_app, dispose, engine_of, everything_stored, rows_of
from tests.core.signing import sign
from tests.support.servers import clean_environment

ROOT = Path(kaltalk_iv.__file__).parent.parent
SECRET = re.compile(r"ktiv_[A-Za-z0-9_-]{43}")
PASSWORD = "correct horse battery"


def run(app: Flask, *arguments: str, stdin: str = "") -> Result:
    """Return how ``flask kaltalk-iv …`` ended."""
    return app.test_cli_runner().invoke(args=["kaltalk-iv", *arguments], input=stdin)


def answer(app: Flask, *arguments: str) -> Any:
    """Return the JSON that a command prints when it succeeds."""
    done = run(app, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def refused(app: Flask, *arguments: str) -> str:
    """Return the one sentence with which a command ends, the same with and without ``--json``."""
    sentences = set()
    for more in ((), ("--json",)):
        done = run(app, *arguments, *more)
        assert done.exit_code == 1, done.output
        assert done.stdout == ""
        assert isinstance(done.exception, SystemExit)  # and no traceback
        sentences.add(done.stderr)
    (sentence,) = sentences
    assert re.fullmatch(r"Error: [^\n]+[.…a-z]\n", sentence), sentence
    return sentence.removeprefix("Error: ").strip()


# Organizations.


def test_an_organization_is_created_listed_and_changed(app: Flask) -> None:
    made = answer(app, "organization", "create", "The  Shop", "--id", "org_shop")
    assert made == {
        "id": "org_shop",
        "name": "The Shop",
        "plan": "free",
        "mode": "off",
        "effectiveMode": "off",
        "origins": [],
    }
    changed = answer(app, "organization", "set", "org_shop", "--plan", "pro", "--mode", "optional")
    assert (changed["plan"], changed["mode"], changed["effectiveMode"]) == ("pro", "optional", "optional")
    assert answer(app, "organization", "set", "org_shop")["mode"] == "optional"
    assert answer(app, "organization", "list") == [changed]
    assert run(app, "organization", "list").output.startswith("org_shop  The Shop  plan pro  mode optional  any origin")
    assert len(rows_of(app, Secret, "org_shop")) == 1


def test_an_id_is_made_when_none_is_given(app: Flask) -> None:
    assert answer(app, "organization", "create", "Shop")["id"].startswith("org_")
    assert run(app, "organization", "create", "Shop").output.startswith("Created org_")


def test_no_organization_is_said_so(app: Flask) -> None:
    assert run(app, "organization", "list").output == "There is no organization yet.\n"
    assert answer(app, "organization", "list") == []


def test_a_mode_that_the_plan_does_not_let_act_is_shown_as_such(app: Flask, org: OrganizationForTests) -> None:
    line = run(app, "organization", "set", org.id, "--plan", "starter").output
    assert "mode optional (acts as off: needs the Pro plan)" in line
    assert answer(app, "organization", "list")[0]["effectiveMode"] == "off"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("https://Shop.Example", ["https://shop.example"]),
        ("https://shop.example:443/,http://localhost:8000", ["https://shop.example", "http://localhost:8000"]),
        (" https://shop.example , https://SHOP.example ", ["https://shop.example"]),
        ("https://b\u00fccher.example", ["https://xn--bcher-kva.example"]),
        ("http://[::1]:80", ["http://[::1]"]),
        ("", []),
    ],
)
def test_origins_are_stored_as_browsers_write_them(
    app: Flask, org: OrganizationForTests, given: str, stored: list[str]
) -> None:
    assert answer(app, "organization", "set", org.id, "--origins", given)["origins"] == stored


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("shop.example", "https:// or http://"),
        ("*", "https:// or http://"),
        ("null", "https:// or http://"),
        ("ftp://shop.example", "https:// or http://"),
        ("https://shop.example/chat", "without path"),
        ("https://ada@shop.example", "without path, user name"),
        ("https://shop.example?x", "without path"),
        ("https://*.shop.example", "no wildcard"),
        ("https://shop.example:99999", "not the name of a host"),
        ("https://shop..example", "not the name of a host"),
        ("https://shop.example,javascript:alert(1)", "https:// or http://"),
    ],
)
def test_an_entry_that_is_no_origin_is_refused_and_changes_nothing(
    app: Flask, org: OrganizationForTests, given: str, sentence: str
) -> None:
    before = everything_stored(app)
    assert sentence in refused(app, "organization", "set", org.id, "--origins", given)
    assert everything_stored(app) == before


@pytest.mark.parametrize("id_", ["", "a b", "a/b", "x" * 65, "org_\u00e9", "org_\udcff", "org'"])
def test_an_id_that_is_none_is_refused(app: Flask, id_: str) -> None:
    assert "An id has 1 to 64 letters" in refused(app, "organization", "create", "Shop", "--id", id_)


@pytest.mark.parametrize("name", ["", " ", "\u202e", "x" * 256, "Shop \udcff"])
def test_a_name_that_is_none_is_refused(app: Flask, name: str) -> None:
    assert "name" in refused(app, "organization", "create", name)


def test_an_id_that_is_taken_is_refused(app: Flask, org: OrganizationForTests) -> None:
    assert (
        refused(app, "organization", "create", "Shop", "--id", org.id) == f"There is an organization {org.id} already."
    )


# Secrets.


def test_a_secret_is_revealed_rotated_and_retired(app: Flask, org: OrganizationForTests, clock: Clock) -> None:
    assert run(app, "secret", "reveal", org.id).output == f"{org.secret}\n"
    assert answer(app, "secret", "reveal", org.id) == {"secret": org.secret}
    (first,) = answer(app, "secret", "list", org.id)
    clock.move(HOUR)
    fresh = answer(app, "secret", "rotate", org.id, "--replaces", first["id"])
    assert (fresh["status"], fresh["expiresAt"], fresh["lastVerifiedAt"]) == ("current", None, None)
    states = [(secret["id"], secret["status"]) for secret in answer(app, "secret", "list", org.id)]
    assert states == [(fresh["id"], "current"), (first["id"], "grace")]
    assert answer(app, "secret", "list", org.id)[1]["expiresAt"] == "2026-01-02T13:00:00Z"
    assert "grace window" in refused(app, "secret", "rotate", org.id)
    assert "not the current one" in refused(app, "secret", "rotate", org.id, "--replaces", first["id"])
    assert answer(app, "secret", "retire", org.id) == {"retired": True}
    assert [secret["status"] for secret in answer(app, "secret", "list", org.id)] == ["current", "retired"]
    assert "no previous secret to retire" in refused(app, "secret", "retire", org.id)
    assert run(app, "secret", "rotate", org.id).exit_code == 0


def test_replacing_asks_and_yes_answers(app: Flask, org: OrganizationForTests) -> None:
    before = everything_stored(app)
    assert run(app, "secret", "replace", org.id, stdin="n\n").exit_code == 1
    assert run(app, "secret", "replace", org.id).exit_code == 1
    assert everything_stored(app) == before
    fresh = answer(app, "secret", "replace", org.id, "--yes")
    states = [(secret["id"] == fresh["id"], secret["status"]) for secret in answer(app, "secret", "list", org.id)]
    assert sorted(states) == [(False, "revoked"), (True, "current")]


def test_every_change_leaves_a_line_that_says_who_and_never_a_value(app: Flask, org: OrganizationForTests) -> None:
    run(app, "secret", "reveal", org.id)
    run(app, "secret", "rotate", org.id)
    run(app, "secret", "retire", org.id)
    run(app, "secret", "replace", org.id, "--yes")
    changes = ("--mode", "required", "--plan", "business", "--origins", "https://shop.example")
    run(app, "organization", "set", org.id, *changes)
    by_command = [event for event in rows_of(app, AuditEvent, org.id) if event.actor.startswith("command line")]
    assert sorted(event.action for event in by_command) == [
        "grace_ended",
        "mode_changed",
        "origins_changed",
        "plan_changed",
        "secret_revealed",
        "secret_rotated",
        "secrets_replaced",
    ]
    assert not any(SECRET.search(event.detail) for event in by_command)


# Customers and agents.


def test_a_customer_is_shown_with_what_is_proven(app: Flask, org: OrganizationForTests, clock: Clock) -> None:
    client = app.test_client()
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, email="ada@shop.example"))
    shown = answer(app, "customer", "show", org.id, "--external-id", "u_1")
    assert shown["verified"] is True
    assert (shown["email"], shown["emailProven"], shown["name"], shown["nameProven"]) == (
        "ada@shop.example",
        True,
        None,
        False,
    )
    assert "verified: True" in run(app, "customer", "show", org.id, "--external-id", "u_1").output
    identify(client, org.id, userJwt=sign({"sub": "u_1", "exp": clock.now + 9}, b"another key"))
    shown = answer(app, "customer", "show", org.id, "--external-id", "u_1")
    assert (shown["verified"], shown["downgradedReason"]) == (False, "bad_signature")


def test_a_customer_whose_secret_was_replaced_is_not_verified(
    app: Flask, org: OrganizationForTests, clock: Clock
) -> None:
    identify(app.test_client(), org.id, userJwt=org.sign("u_1", now=clock.now))
    run(app, "secret", "replace", org.id, "--yes")
    assert answer(app, "customer", "show", org.id, "--external-id", "u_1")["verified"] is False


@pytest.mark.parametrize("external_id", ["u_2", "U_1", "u_1 ", "", "u\udcff", "x" * 256])
def test_a_customer_who_is_not_there_is_said_so(app: Flask, org: OrganizationForTests, external_id: str) -> None:
    identify(app.test_client(), org.id, externalId="u_1")
    assert refused(app, "customer", "show", org.id, "--external-id", external_id)


def test_an_agent_is_created_with_a_password_that_is_asked_for(app: Flask, org: OrganizationForTests) -> None:
    arguments = ("agent", "create", org.id, "Grace", "--name", "Grace Hopper", "--role", "admin")
    done = run(app, *arguments, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0
    assert PASSWORD not in done.output
    made = answer(app, "agent", "create", org.id, "alan", "--name", "Alan", "--password", PASSWORD)
    assert (made["login"], made["role"]) == ("alan", "agent")
    assert not any(PASSWORD in agent.password_hash for agent in rows_of(app, Agent, org.id))
    assert "already" in refused(app, "agent", "create", org.id, "alan", "--name", "Alan", "--password", PASSWORD)
    short = ("agent", "create", org.id, "eve", "--name", "Eve", "--password", "short")
    assert "password has" in refused(app, *short)


# What every command has in common.

NEEDS_AN_ORGANIZATION = [
    ("organization", "set", "{}", "--mode", "off"),
    ("secret", "list", "{}"),
    ("secret", "reveal", "{}"),
    ("secret", "rotate", "{}"),
    ("secret", "retire", "{}"),
    ("secret", "replace", "{}", "--yes"),
    ("customer", "show", "{}", "--external-id", "u_1"),
    ("agent", "create", "{}", "eve", "--name", "Eve", "--password", PASSWORD),
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
