"""The published vectors, case by case: what a token proves, what it claims, and what is kept of each value."""

from typing import Any

import pytest

from kaltalk_iv.core.claims import Claims, parse_email, parse_external_id, parse_name
from kaltalk_iv.core.errors import InvalidClaim, TokenError
from kaltalk_iv.core.keyring import SigningSecret
from kaltalk_iv.core.tokens import MAX_LIFETIME_SECONDS, Proof, inspect, signed_by, verify
from kaltalk_iv.core.user_token import UserToken
from tests.core.signing import read_vectors, text_of, token_of

TOKENS = read_vectors("tokens.json")
CLAIMS = read_vectors("claims.json")
DEFAULTS = TOKENS["defaults"]
FIELDS = {"externalId": "external_id", "email": "email", "name": "name"}


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case["name"].replace("::", ":")) for case in cases]


def claims_of(members: dict[str, Any]) -> Claims:
    return Claims(**{FIELDS[member]: text_of(value) for member, value in members.items()})


def given(case: dict[str, Any]) -> tuple[object, tuple[SigningSecret, ...], float]:
    """Return what ``verify`` is called with: the token, the active secrets, newest first, and the time."""
    names = case.get("secrets", DEFAULTS["secrets"])
    keys = TOKENS["secrets"]
    secrets = tuple(SigningSecret(name, keys[name].encode(), -age) for age, name in enumerate(names))
    return token_of(case, DEFAULTS, keys), secrets, case.get("now", DEFAULTS["now"])


@pytest.mark.parametrize("case", named(TOKENS["cases"]))
def test_a_token_proves_what_the_vector_says(case: dict[str, Any]) -> None:
    token, secrets, now = given(case)
    expected = case["expect"]
    if "reason" in expected:
        with pytest.raises(TokenError) as caught:
            verify(token, secrets, now)
        assert caught.value.reason == caught.value.code == expected["reason"]
    else:
        proof = verify(token, secrets, now)
        assert proof.claims == claims_of(expected["claims"])
        assert proof.secret_id == expected["secret"]
        assert proof.expires_at == expected["expiresAt"]
        assert [notice.code for notice in proof.notices] == expected.get("warnings", [])


@pytest.mark.parametrize("case", named(TOKENS["cases"]))
def test_inspect_tells_the_same_as_verify(case: dict[str, Any]) -> None:
    checks, verdict = inspect(*given(case))
    if "reason" in case["expect"]:
        assert isinstance(verdict, TokenError)
        assert verdict.reason == case["expect"]["reason"]
        outcomes = [check.passed for check in checks]
        failed_at = outcomes.index(False)
        assert outcomes == [True] * failed_at + [False] + [None] * (len(outcomes) - failed_at - 1)
    else:
        assert verdict == verify(*given(case))
        assert all(check.passed for check in checks)


@pytest.mark.parametrize("case", named([case for case in TOKENS["cases"] if "unverified" in case]))
def test_a_token_claims_what_the_vector_says(case: dict[str, Any]) -> None:
    decoded = UserToken(given(case)[0]).claims()
    if case["unverified"] is None:
        assert decoded is None
    else:
        assert decoded is not None
        assert decoded[0] == claims_of(case["unverified"])


@pytest.mark.parametrize("case", named(CLAIMS["cases"]))
def test_a_value_is_kept_as_the_vector_says(case: dict[str, Any]) -> None:
    value = case["value"]
    if isinstance(value, dict):
        value = value["json"]
    elif isinstance(value, list):
        value = text_of(value)
    parse = {"sub": lambda sub: parse_external_id(sub, "sub"), "email": parse_email, "name": parse_name}[case["field"]]
    if case["expect"] is None:
        with pytest.raises(InvalidClaim) as caught:
            parse(value)
        assert caught.value.claim == case["field"]
    else:
        assert parse(value) == text_of(case["expect"])


def test_the_vectors_speak_of_the_lifetime_that_is_the_default() -> None:
    assert TOKENS["max_lifetime"] == MAX_LIFETIME_SECONDS


def test_no_two_cases_have_one_name() -> None:
    for file_name in ("tokens.json", "claims.json", "decisions.json"):
        names = [case["name"] for case in read_vectors(file_name)["cases"]]
        assert len(names) == len(set(names))


def test_every_reason_of_a_token_has_a_vector() -> None:
    reasons = {case["expect"].get("reason") for case in TOKENS["cases"]} - {None}
    assert reasons == {error.reason.value for error in TokenError.__subclasses__()}


def test_a_proof_is_a_value() -> None:
    arguments = given(TOKENS["cases"][0])
    assert isinstance(verify(*arguments), Proof)
    assert verify(*arguments) == verify(*arguments)


@pytest.mark.parametrize("case", named(TOKENS["cases"]))
def test_a_token_that_is_taken_apart_once_says_the_same_as_its_text(case: dict[str, Any]) -> None:
    text, secrets, now = given(case)
    claims = UserToken(text).claims()
    token = UserToken(text)
    for _ in range(2):  # what was found by one reader of it is found by the next
        assert token.claims() == claims
        assert inspect(token, secrets, now)[0] == inspect(text, secrets, now)[0]
        assert _verdict(token, secrets, now) == _verdict(text, secrets, now)
        assert signed_by(token, secrets) == signed_by(text, secrets)
    assert _verdict(UserToken(text), secrets, now) == _verdict(text, secrets, now)


def _verdict(token: object, secrets: tuple[SigningSecret, ...], now: float) -> object:
    try:
        return verify(token, secrets, now)
    except TokenError as error:
        return type(error), vars(error)
