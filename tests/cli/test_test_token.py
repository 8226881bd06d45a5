"""``kaltalk-iv test-token``: a token from standard input, a report, and an exit code that a script can use."""

import json

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from kaltalk_iv.testing import OrganizationForTests, set_organization
from tests.api.world import DAY, NOW, engine_of, everything_stored
from tests.core.test_secrecy import leaks


@pytest.fixture
def app(sqlite_app: Flask) -> Flask:
    """Give KalTalk on SQLite."""
    return sqlite_app


def run(app: Flask, stdin: str | bytes, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["kaltalk-iv", "test-token", *arguments], input=stdin)


def test_a_good_token_ends_with_0(app: Flask, org: OrganizationForTests) -> None:
    done = run(app, org.sign("u_1", now=NOW, email="ada@example.com"), org.id)
    assert done.exit_code == 0
    assert done.output.startswith("This token verifies.\n  ok     Nothing stands around the token")
    assert 'Claim sub: "u_1"' in done.output
    assert "Mode optional (acts now): Verified" in done.output


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_line_end_behind_the_token_is_the_shells(end: str, app: Flask, org: OrganizationForTests) -> None:
    assert run(app, org.sign("u_1", now=NOW) + end, org.id).exit_code == 0
    two = run(app, org.sign("u_1", now=NOW) + end + end, org.id)
    assert two.exit_code == 1
    assert "[blanks_around]" in two.output


def test_a_bad_token_ends_with_1_and_what_to_mend(app: Flask, org: OrganizationForTests) -> None:
    done = run(app, org.sign("u_1", now=NOW - DAY), org.id)
    assert done.exit_code == 1
    assert done.output.startswith("This does not verify: expired.")
    assert "Mend: The token expired 23 hours ago" in done.output
    assert "(2025-12-31T13:00:00Z) [expired]" in done.output
    assert "  FAILED Not expired" in done.output
    assert "  -      sub names the customer: Not checked" in done.output


def test_json_holds_the_whole_report(app: Flask, org: OrganizationForTests) -> None:
    done = run(app, org.sign(42, now=NOW), org.id, "--json")
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    assert (report["verifies"], report["reason"], report["note"]) == (True, None, None)
    assert [check["passed"] for check in report["checks"]] == [True] * 9
    assert [advice["code"] for advice in report["advice"]] == ["sub_number"]
    assert report["claims"][0] == {"name": "sub", "value": "42", "isUsed": True}
    assert report["lifetime"]["expiresAt"] == "2026-01-01T13:00:00Z"
    assert report["secret"]["status"] == "current"
    assert [mode["mode"] for mode in report["modes"]] == ["off", "optional", "required"]
    assert report["checkedAt"] == "2026-01-01T12:00:00Z"


def test_json_of_a_bad_token_ends_with_1(app: Flask, org: OrganizationForTests) -> None:
    done = run(app, "hello", org.id, "--json")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert (report["reason"], report["lifetime"], report["secret"]) == ("malformed", None, None)


def test_below_the_pro_plan_it_works_and_says_that_everything_acts_as_off(
    app: Flask, org: OrganizationForTests
) -> None:
    set_organization(app, org.id, plan="free")
    done = run(app, org.sign("u_1", now=NOW), org.id)
    assert done.exit_code == 0
    assert done.output.endswith("Your plan is below Pro, so no token is verified: everything acts as Off.\n")


@pytest.mark.parametrize("stdin", [b"", b"\xff\xfe\x00", b"\xed\xa0\x80", b"a" * 2_000_000, b"\n\n\n", "🦔".encode()])
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_any_bytes_end_with_1_and_a_report(
    stdin: bytes, option: list[str], app: Flask, org: OrganizationForTests
) -> None:
    done = run(app, stdin, org.id, *option)
    assert done.exit_code == 1
    assert "malformed" in done.output


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_half_a_character_in_a_claim_can_be_printed(option: list[str], app: Flask, org: OrganizationForTests) -> None:
    done = run(app, org.sign("u_1", now=NOW, name="Ada \ud800\u202e"), org.id, *option)
    assert done.exit_code == 0
    assert r"\ud800" in done.output.replace(r"\\", "\\")
    assert "\u202e" not in done.output


def test_an_unknown_organization_ends_with_one_sentence(app: Flask) -> None:
    done = run(app, "hello", "org_none")
    assert done.exit_code == 1
    assert done.output.startswith("Error: There is no organization with this id.")


def test_nothing_is_stored_and_the_token_is_not_repeated(app: Flask, org: OrganizationForTests) -> None:
    before = everything_stored(app)
    token = org.sign("u_1", now=NOW)
    for stdin in (token, f'"{token}"', f"{token[:-1]}", org.secret):
        for option in ([], ["--json"]):
            done = run(app, stdin, org.id, *option)
            assert not leaks(done.output, token, org.secret)
    assert everything_stored(app) == before


def test_missing_tables_end_with_the_command_that_makes_them(app: Flask) -> None:
    with engine_of(app).begin() as connection:
        names = [name for name in sa.inspect(connection).get_table_names() if name.startswith("kaltalk_iv_")]
        connection.execute(sa.text("PRAGMA foreign_keys=OFF"))
        for name in names:
            connection.execute(sa.text(f'DROP TABLE "{name}"'))
    done = run(app, "hello", "org_test")
    assert done.exit_code == 1
    assert "kaltalk-iv db upgrade" in done.output
