"""The decision table as one table, what holds for every row of it, and how long a verdict stands."""

from itertools import product
from typing import Any, get_args

import pytest

from kaltalk_iv.core.claims import Claims, Notice
from kaltalk_iv.core.errors import Reason
from kaltalk_iv.core.policy import (
    Decision,
    FailedToken,
    Mode,
    NoToken,
    Plan,
    State,
    Token,
    UncheckedToken,
    Verdict,
    decide,
    effective_mode,
    verdict_now,
)
from kaltalk_iv.core.tokens import Proof
from tests.core.signing import NOW, read_vectors
from tests.core.test_vectors import claims_of, named

DECISIONS = read_vectors("decisions.json")
KINDS = ["none", *DECISIONS["tokens"]]

EVERY_CLAIMS = [
    Claims(*values) for values in product((None, "u_1", "u_2"), (None, "ada@example.com"), (None, "Ada", "Bob"))
]
PROOFS = [Proof(claims, "sec_1", NOW + 60) for claims in EVERY_CLAIMS if claims.external_id is not None]
FAILURES = [FailedToken(reason, claims) for reason in Reason for claims in (None, *EVERY_CLAIMS)]
UNCHECKED = [UncheckedToken(claims) for claims in (None, *EVERY_CLAIMS)]
MET: dict[Mode, list[Token]] = {
    Mode.OFF: [NoToken(), *UNCHECKED],
    Mode.OPTIONAL: [NoToken(), *FAILURES, *PROOFS],
    Mode.REQUIRED: [NoToken(), *FAILURES, *PROOFS],
}
NEVER_MET: dict[Mode, list[Token]] = {
    Mode.OFF: [*FAILURES, *PROOFS],
    Mode.OPTIONAL: list[Token](UNCHECKED),
    Mode.REQUIRED: list[Token](UNCHECKED),
}
EVERY_DECISION = [
    (mode, token, plain, decide(mode, token, plain))
    for mode, tokens in MET.items()
    for token in tokens
    for plain in EVERY_CLAIMS
]


def token_of_kind(kind: str, mode: Mode) -> Token:
    """Return what the edge hands to ``decide`` for a token of this kind; mode ``off`` reads and never verifies."""
    if kind == "none":
        return NoToken()
    described = DECISIONS["tokens"][kind]
    claims = None if described["claims"] is None else claims_of(described["claims"])
    if mode is Mode.OFF:
        return UncheckedToken(claims)
    if kind == "verifies":
        assert claims is not None
        return Proof(claims, "sec_1", NOW + 60)
    return FailedToken(Reason(described["reason"]), claims)


@pytest.mark.parametrize("case", named(DECISIONS["cases"]))
def test_the_table_decides(case: dict[str, Any]) -> None:
    mode = Mode(case["mode"])
    token = token_of_kind(case["token"], mode)
    expected = case["expect"]
    decision = decide(mode, token, claims_of(case["plain"]))
    assert decision == Decision(
        State(expected["state"]),
        None if expected["reason"] is None else Reason(expected["reason"]),
        claims_of(expected["claims"]),
        proof=token if expected["proven"] and isinstance(token, Proof) else None,
        downgrades=expected["downgrades"],
        refused=expected["refused"],
        notices=decision.notices,
    )
    assert [notice.field for notice in decision.notices] == expected["ignored"]
    assert {notice.code for notice in decision.notices} <= {"plain_field_ignored"}


def test_the_table_is_whole() -> None:
    rows = [(case["mode"], case["token"], bool(case["plain"])) for case in DECISIONS["cases"]]
    assert sorted(rows) == sorted(product([mode.value for mode in Mode], KINDS, [False, True]))


def test_every_kind_of_token_is_decided_in_some_mode() -> None:
    assert {type(token) for tokens in MET.values() for token in tokens} == set(get_args(Token))


def test_nothing_but_a_proof_ever_makes_verified() -> None:
    for _mode, token, _plain, decision in EVERY_DECISION:
        assert (decision.state is State.VERIFIED) == isinstance(token, Proof)
        assert decision.proof is (token if isinstance(token, Proof) else None)


def test_a_verified_decision_claims_what_the_token_proved_and_nothing_else() -> None:
    for _mode, token, _plain, decision in EVERY_DECISION:
        if isinstance(token, Proof):
            assert decision.claims == token.claims
            assert decision.reason is None


def test_required_never_claims_anything_unproven() -> None:
    for mode, token, plain, decision in EVERY_DECISION:
        if mode is Mode.REQUIRED and not isinstance(token, Proof):
            assert decision.claims.is_empty
            assert decision.refused == (isinstance(token, FailedToken) or not plain.is_empty)
            assert not decision.downgrades


def test_only_required_refuses() -> None:
    assert {mode for mode, _token, _plain, decision in EVERY_DECISION if decision.refused} == {Mode.REQUIRED}


def test_only_a_failed_token_in_optional_downgrades() -> None:
    for mode, token, _plain, decision in EVERY_DECISION:
        assert decision.downgrades == (mode is Mode.OPTIONAL and isinstance(token, FailedToken))


def test_anonymous_means_that_nothing_is_claimed_and_no_token_failed() -> None:
    for _mode, token, _plain, decision in EVERY_DECISION:
        is_anonymous = decision.state is State.ANONYMOUS
        assert is_anonymous == (
            decision.claims.is_empty and not isinstance(token, FailedToken | Proof) and not decision.refused
        )
        if is_anonymous:
            assert decision.reason is None


def test_unverified_always_says_why() -> None:
    for mode, token, _plain, decision in EVERY_DECISION:
        if decision.state is State.UNVERIFIED:
            told = {NoToken: Reason.NO_TOKEN, UncheckedToken: Reason.VERIFICATION_OFF}.get(type(token))
            expected = token.reason if isinstance(token, FailedToken) else told
            assert decision.reason is (Reason.VERIFICATION_OFF if mode is Mode.OFF else expected)


def test_the_claims_of_a_token_win_over_plain_fields_one_by_one() -> None:
    for mode, token, plain, decision in EVERY_DECISION:
        if mode is not Mode.REQUIRED and isinstance(token, UncheckedToken | FailedToken):
            assert decision.claims == (token.claims or Claims()).filled_up_from(plain)


def test_every_plain_field_beside_a_proof_is_named_as_ignored() -> None:
    warning = Notice("email_dropped", "email", "email is not an e-mail address.")
    proof = Proof(Claims("u_1"), "sec_1", NOW + 60, (warning,))
    for plain in EVERY_CLAIMS:
        first, *others = decide(Mode.OPTIONAL, proof, plain).notices
        given = {"externalId": plain.external_id, "email": plain.email, "name": plain.name}
        assert first == warning
        assert [notice.field for notice in others] == [field for field, value in given.items() if value is not None]


def test_a_mode_and_a_token_that_never_meet_are_a_bug_and_not_an_answer() -> None:
    for mode, tokens in NEVER_MET.items():
        for token in tokens:
            with pytest.raises(ValueError, match=f"mode {mode} never meets a {type(token).__name__}"):
                decide(mode, token, Claims())


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("plan", Plan)
def test_a_mode_acts_from_the_pro_plan_up(plan: Plan, mode: Mode) -> None:
    has_feature = plan.value in {"pro", "business"}
    assert effective_mode(plan, mode) is (mode if has_feature else Mode.OFF)


VERIFIED = Verdict(State.VERIFIED, None)
OFF = Verdict(State.UNVERIFIED, Reason.VERIFICATION_OFF)
EXPIRED = Verdict(State.UNVERIFIED, Reason.EXPIRED)
REVOKED = Verdict(State.UNVERIFIED, Reason.SECRET_REVOKED)

# (proven until, secret revoked) and what a verified verdict is then worth while the mode is not ``off``
VERIFIED_LATER: list[tuple[float | None, bool, Verdict]] = [
    (NOW + 3600, False, VERIFIED),
    (NOW + 0.001, False, VERIFIED),
    (NOW, False, EXPIRED),
    (NOW - 0.001, False, EXPIRED),
    (0.0, False, EXPIRED),
    (None, False, EXPIRED),
    (NOW + 3600, True, REVOKED),
    (NOW + 0.001, True, REVOKED),
    (NOW, True, REVOKED),
    (NOW - 0.001, True, REVOKED),
    (0.0, True, REVOKED),
    (None, True, REVOKED),
]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(("proven_until", "secret_revoked", "expected"), VERIFIED_LATER)
def test_a_verified_verdict_ends_with_its_token_its_secret_and_the_mode(
    proven_until: float | None, secret_revoked: bool, expected: Verdict, mode: Mode
) -> None:
    later = verdict_now(VERIFIED, mode, proven_until=proven_until, secret_revoked=secret_revoked, now=NOW)
    assert later == (OFF if mode is Mode.OFF else expected)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("reason", Reason)
def test_an_unverified_verdict_keeps_its_reason_and_never_gets_better(reason: Reason, mode: Mode) -> None:
    verdict = Verdict(State.UNVERIFIED, reason)
    for proven_until, secret_revoked, _expected in VERIFIED_LATER:
        later = verdict_now(verdict, mode, proven_until=proven_until, secret_revoked=secret_revoked, now=NOW)
        assert later == (OFF if mode is Mode.OFF else verdict)


@pytest.mark.parametrize("mode", Mode)
def test_an_anonymous_verdict_stays_anonymous(mode: Mode) -> None:
    verdict = Verdict(State.ANONYMOUS, None)
    for proven_until, secret_revoked, _expected in VERIFIED_LATER:
        assert verdict_now(verdict, mode, proven_until=proven_until, secret_revoked=secret_revoked, now=NOW) == verdict
