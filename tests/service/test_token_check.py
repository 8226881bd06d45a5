"""Test it, as a use case: the verdict of a real identify, the modes side by side, and no trace of any of it."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaltalk_iv.core.diagnosis import Code
from kaltalk_iv.core.errors import Reason, SecretUnavailable, UnknownOrganization
from kaltalk_iv.core.policy import Mode, State
from kaltalk_iv.core.tokens import inspect
from kaltalk_iv.models import Secret
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.service.token_check import CHECK_TITLES, TokenReport, check_token
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization, identify, set_organization
from kaltalk_iv.vault import Vault, generate_encryption_key
from tests.api.world import DAY, NOW, Clock, engine_of, everything_stored
from tests.core.signing import base64url, sign
from tests.core.test_properties import JSON, PAYLOADS, TEXT
from tests.core.test_secrecy import leaks

ADMIN = Actor("grace", "local")
DETAILS: dict[str, Any] = {"email": "ada@example.com", "name": "Ada Lovelace"}


@pytest.fixture
def app(sqlite_app: Flask) -> Flask:
    """Give KalTalk on SQLite: Test it asks both databases for what identify and the settings ask for."""
    return sqlite_app


def report(app: Flask, pasted: str, organization_id: str = "org_test") -> TokenReport:
    with app.app_context():
        state = current_state()
        return check_token(state.session, state.settings, organization_id, pasted, state.clock())


def rotate(app: Flask, use_case: Callable[..., Any] = use_cases.rotate_secret, *more: Any) -> str:
    """Change the secrets and return the new current one."""
    with app.app_context():
        state = current_state()

        def change(session: Any, now: float) -> str:
            use_case(session, state.settings, ADMIN, "org_test", *more, now)
            return use_cases.reveal_current_secret(session, state.settings, ADMIN, "org_test", now)

        return state.commit(change)


def outcome(found: TokenReport, mode: Mode) -> tuple[State, Reason | None, bool]:
    return next((one.state, one.reason, one.is_refused) for one in found.modes if one.mode is mode)


def test_a_good_token_passes_every_check(app: Flask, org: OrganizationForTests) -> None:
    found = report(app, org.sign("u_1", now=NOW, **DETAILS))
    assert (found.verifies, found.inside_verifies, found.reason, found.advice) == (True, True, None, ())
    assert [(check.name, check.passed) for check in found.checks] == [(name, True) for name in CHECK_TITLES]
    assert found.summary == "This token verifies."
    assert found.secret is not None
    assert (found.secret.status, found.secret.until) == ("current", None)
    assert [(claim.name, claim.value) for claim in found.claims] == [
        ("sub", '"u_1"'),
        ("email", '"ada@example.com"'),
        ("name", '"Ada Lovelace"'),
        ("iat", "1767268800"),
        ("exp", "1767272400"),
    ]
    assert found.lifetime is not None
    assert found.lifetime.sentence == "Issued just now, expires in 1 hour, good for 1 hour in all."
    assert found.checked_at == NOW


def test_every_check_of_the_core_has_a_title() -> None:
    assert list(CHECK_TITLES) == ["paste", *(check.name for check in inspect("", (), NOW)[0])]


def test_the_modes_stand_side_by_side(app: Flask, org: OrganizationForTests) -> None:
    good = report(app, org.sign("u_1", now=NOW))
    assert outcome(good, Mode.OFF) == (State.UNVERIFIED, Reason.VERIFICATION_OFF, False)
    assert outcome(good, Mode.OPTIONAL) == outcome(good, Mode.REQUIRED) == (State.VERIFIED, None, False)
    expired = report(app, org.sign("u_1", now=NOW - DAY))
    assert outcome(expired, Mode.OFF) == (State.UNVERIFIED, Reason.VERIFICATION_OFF, False)
    assert outcome(expired, Mode.OPTIONAL) == (State.UNVERIFIED, Reason.EXPIRED, False)
    assert outcome(expired, Mode.REQUIRED) == (State.UNVERIFIED, Reason.EXPIRED, True)
    nonsense = report(app, "hello")
    assert outcome(nonsense, Mode.OFF) == (State.ANONYMOUS, None, False)
    assert outcome(nonsense, Mode.OPTIONAL) == (State.UNVERIFIED, Reason.MALFORMED, False)
    assert outcome(nonsense, Mode.REQUIRED) == (State.UNVERIFIED, Reason.MALFORMED, True)
    sentences = {one.sentence for found in (good, expired, nonsense) for one in found.modes}
    assert len(sentences) == 6
    assert [one.acts_now for one in good.modes] == [False, True, False]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("kind", ["good", "expired", "other", "quoted", "bearer", "nonsense", "blank behind", "null"])
def test_the_verdict_is_the_one_that_an_identify_gives(
    mode: Mode, kind: str, app: Flask, org: OrganizationForTests
) -> None:
    good = org.sign("u_1", now=NOW)
    pasted = {
        "good": good,
        "expired": org.sign("u_1", now=NOW - DAY),
        "other": sign({"sub": "u_1", "exp": NOW + 60}, b"x" * 32),
        "quoted": f'"{good}"',
        "bearer": f"Bearer {good}",
        "nonsense": "hello",
        "blank behind": f"{good} ",
        "null": "null",
    }[kind]
    set_organization(app, org.id, mode=mode.value)
    answer = identify(app.test_client(), org.id, userJwt=pasted)
    state, reason, is_refused = outcome(report(app, pasted), mode)
    if is_refused:
        assert answer.status_code == 401
        assert answer.get_json()["code"] == reason
    else:
        found = answer.get_json()["identity"]
        assert (found["state"], found["reason"]) == (state, reason)


def test_what_stands_around_a_token_fails_it_and_the_token_inside_is_checked_too(
    app: Flask, org: OrganizationForTests
) -> None:
    found = report(app, f'"{org.sign("u_1", now=NOW)}"\n')
    assert (found.verifies, found.reason, found.inside_verifies) == (False, Reason.MALFORMED, True)
    assert found.summary == "Sent like this it fails (malformed). The token inside verifies."
    assert [check.passed for check in found.checks] == [False] + [True] * 8
    assert [advice.code for advice in found.advice] == [Code.BLANKS_AROUND, Code.QUOTES_AROUND]


def test_a_failed_check_keeps_the_later_ones_from_running(app: Flask, org: OrganizationForTests) -> None:
    found = report(app, org.sign("u_1", now=NOW - DAY))
    assert [check.passed for check in found.checks] == [True] * 5 + [False] + [None] * 3
    assert found.summary == "This does not verify: expired."
    assert found.secret is not None


def test_the_previous_secret_is_named_with_its_end(app: Flask, org: OrganizationForTests, clock: Clock) -> None:
    token = org.sign("u_1", now=NOW)
    rotate(app, use_cases.rotate_secret, None)
    found = report(app, token)
    assert found.verifies
    assert found.secret is not None
    assert (found.secret.status, found.secret.until) == ("previous", NOW + DAY)
    assert [(advice.code, advice.at) for advice in found.advice] == [(Code.SECRET_IN_GRACE, NOW + DAY)]
    clock.move(DAY)
    retired = report(app, org.sign("u_1", now=NOW + DAY))
    assert retired.secret is None
    assert [(advice.code, advice.at) for advice in retired.advice] == [(Code.SECRET_RETIRED, NOW + DAY)]


def test_a_revoked_secret_is_named_with_its_moment(app: Flask, org: OrganizationForTests, clock: Clock) -> None:
    clock.move(60)
    rotate(app, use_cases.replace_secrets)
    found = report(app, org.sign("u_1", now=NOW + 60))
    assert found.reason is Reason.BAD_SIGNATURE
    assert [(advice.code, advice.at) for advice in found.advice] == [(Code.SECRET_REVOKED, NOW + 60)]


def test_another_organizations_secret_is_not_recognised(app: Flask, org: OrganizationForTests) -> None:
    other = add_organization(app, "org_other")
    found = report(app, other.sign("u_1", now=NOW), org.id)
    assert [advice.code for advice in found.advice] == [Code.KEY_UNKNOWN]
    assert found.secret is None


def test_an_id_from_the_page_is_recognised_as_the_key(app: Flask, org: OrganizationForTests) -> None:
    with app.app_context():
        stored = use_cases.list_secrets(current_state().session, org.id)[0]
    for name in (org.id, stored.id, stored.fingerprint):
        found = report(app, sign({"sub": "u_1", "exp": NOW + 60}, name.encode()))
        assert [advice.code for advice in found.advice] == [Code.KEY_IS_AN_ID]


@pytest.mark.parametrize(
    ("mode", "plan", "words"),
    [
        ("off", "pro", "The mode is Off"),
        ("required", "free", "Your plan is below Pro"),
        ("off", "starter", "The mode is Off"),
        ("required", "business", None),
    ],
)
def test_it_works_where_no_token_is_verified_and_says_so(
    mode: str, plan: str, words: str | None, app: Flask, org: OrganizationForTests
) -> None:
    set_organization(app, org.id, mode=mode, plan=plan)
    found = report(app, org.sign("u_1", now=NOW))
    assert found.verifies
    assert (found.note is None) if words is None else (found.note is not None and found.note.startswith(words))
    assert next(one.mode for one in found.modes if one.acts_now) == (Mode.REQUIRED if words is None else Mode.OFF)


@pytest.mark.parametrize("organization_id", ["org_none", "", "\0", "x" * 65])
def test_an_unknown_organization_is_refused(organization_id: str, app: Flask) -> None:
    with pytest.raises(UnknownOrganization):
        report(app, "hello", organization_id)


def test_an_active_secret_that_does_not_open_fails_closed_and_an_ended_one_is_passed_over(
    app: Flask, org: OrganizationForTests
) -> None:
    fresh = rotate(app, use_cases.replace_secrets)
    with app.app_context():
        state = current_state()
        lost = replace(state.settings, vault=Vault([generate_encryption_key()]))
        with pytest.raises(SecretUnavailable):
            check_token(state.session, lost, org.id, "hello", NOW)
    with engine_of(app).begin() as connection:
        connection.execute(sa.update(Secret).where(Secret.revoked_at.is_not(None)).values(sealed="v1.AAAA"))
    found = report(app, sign({"sub": "u_1", "exp": NOW + 60}, org.secret.encode()))
    assert [advice.code for advice in found.advice] == [Code.KEY_UNKNOWN]
    assert report(app, sign({"sub": "u_1", "exp": NOW + 60}, fresh.encode())).verifies


def test_it_only_reads_and_logs_nothing(
    app: Flask, org: OrganizationForTests, caplog: pytest.LogCaptureFixture
) -> None:
    rotate(app, use_cases.rotate_secret, None)
    before = everything_stored(app)
    statements: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    with app.app_context():
        state = current_state()
        sa.event.listen(engine_of(app), "before_cursor_execute", listen)
        with caplog.at_level(logging.DEBUG):
            for pasted in (org.sign("u_1", now=NOW), org.sign("u_1", now=NOW - DAY), "hello", org.secret, ""):
                check_token(state.session, state.settings, org.id, pasted, NOW)
            state.session.commit()
        sa.event.remove(engine_of(app), "before_cursor_execute", listen)
    assert statements
    assert all(statement.lstrip().upper().startswith("SELECT") for statement in statements)
    assert caplog.records == []
    assert everything_stored(app) == before


def everything_said(found: TokenReport) -> str:
    return repr(found) + str(found) + json.dumps(asdict(found), ensure_ascii=False)


def test_the_report_of_a_secret_holds_no_piece_of_it(app: Flask, org: OrganizationForTests) -> None:
    claims: dict[str, Any] = {org.secret: org.secret, "list": [{"x": org.secret}], "key": org.secret[5:]}
    token = org.sign("u_1", now=NOW, **claims)
    for pasted in (org.secret, f" {org.secret}\n", org.secret[5:], base64url(org.secret.encode()), token, f"{token} x"):
        found = report(app, pasted)
        assert not leaks(everything_said(found), org.secret, token.rpartition(".")[2])
    assert [claim.value for claim in report(app, token).claims if not claim.is_used] == [
        "(hidden: it holds a secret or the signature)"
    ] * 3


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.one_of(TEXT, st.tuples(PAYLOADS | JSON, st.booleans())))
def test_anything_pasted_gives_a_report_that_gives_nothing_away(
    app: Flask, org: OrganizationForTests, made: str | tuple[Any, bool]
) -> None:
    pasted = made if isinstance(made, str) else sign(json.dumps(made[0]), org.secret.encode() if made[1] else b"x")
    found = report(app, pasted)
    said = everything_said(found)
    said.encode(errors="strict")
    assert not leaks(said, org.secret)
    if not isinstance(made, str):
        assert pasted.rpartition(".")[2] not in said
        assert pasted not in said
    assert found.verifies == (found.reason is None)
    assert found.verifies or found.advice
