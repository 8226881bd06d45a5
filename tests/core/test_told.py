"""What a developer is told: every failure has a sentence, and the sentence holds the fact that mends it."""

from collections.abc import Callable
from typing import Any

import pytest

from kaltalk_iv.core.claims import Claims, read_numeric_date, read_self_claimed
from kaltalk_iv.core.diagnosis import Known, diagnose
from kaltalk_iv.core.errors import Expired, InvalidClaim, KalTalkError, LifetimeTooLong, Reason, TokenError, Unreadable
from kaltalk_iv.core.keyring import SigningSecret
from kaltalk_iv.core.origins import parse_origin
from kaltalk_iv.core.policy import FailedToken, Mode, decide
from kaltalk_iv.core.text import parse_client_message_id, parse_message
from kaltalk_iv.core.tokens import inspect, verify
from tests.core.signing import NOW, sign, text_of
from tests.core.test_diagnosis import CURRENT, advice_for, examine
from tests.core.test_vectors import CLAIMS, TOKENS, given, named

PAYLOAD = {"sub": "u_1", "exp": NOW + 3600}


def is_a_sentence(text: object) -> bool:
    """True for some words that end with a full stop."""
    return isinstance(text, str) and len(text.split()) > 2 and text.endswith(".") and text == text.strip()


@pytest.mark.parametrize("case", named(TOKENS["cases"]))
def test_every_check_says_in_a_sentence_how_it_went(case: dict[str, Any]) -> None:
    checks, outcome = inspect(*given(case))
    assert all(is_a_sentence(check.detail) for check in checks)
    if isinstance(outcome, TokenError):
        assert [check.detail for check in checks if check.passed is False] == [outcome.detail]


def test_a_dropped_value_is_told_by_the_check_of_the_profile(current: SigningSecret) -> None:
    good, dropped = (inspect(sign(PAYLOAD | more, current.key), (current,), NOW)[0][-1] for more in ({}, {"email": 1}))
    assert (good.passed, dropped.passed) == (True, True)
    assert "dropped" in dropped.detail
    assert "dropped" not in good.detail


@pytest.mark.parametrize("content", ["[]", "", "{"])
def test_the_part_that_cannot_be_read_is_named(content: str, current: SigningSecret) -> None:
    tokens = {
        "header": sign(PAYLOAD, current.key, header=content + " "),
        "payload": sign(content + " ", current.key),
    }
    for part, token in tokens.items():
        with pytest.raises(TokenError, match=rf"^The {part} of the token is not a strict JSON object: "):
            verify(token, (current,), NOW)


def test_a_part_that_is_cut_is_named(current: SigningSecret) -> None:
    header, payload, signature = sign(PAYLOAD, current.key).split(".")
    cut = {
        "The header of the token is cut": f"{header[:-3]}.{payload}.{signature}",
        "The signature has 42 characters": f"{header}.{payload}.{signature[:-1]}",
        "The signature has 0 characters": f"{header}.{payload}",
    }
    assert len(header[:-3]) % 4 == 1
    for told, token in cut.items():
        with pytest.raises(TokenError, match=told):
            verify(token, (current,), NOW)


@pytest.mark.parametrize(
    ("exp", "seconds_ago"), [(NOW, 0), (NOW - 60, 60), (0, NOW), (-NOW, NOW), (-(10**400), NOW), (-1.5e300, NOW)]
)
def test_how_long_ago_a_token_expired_is_told_as_a_number(
    exp: float, seconds_ago: float, current: SigningSecret
) -> None:
    with pytest.raises(Expired) as caught:
        verify(sign({"sub": "u_1", "exp": exp}, current.key), (current,), NOW)
    assert caught.value.seconds_ago == seconds_ago


@pytest.mark.parametrize("case", named([case for case in CLAIMS["cases"] if case["expect"] is None]))
def test_a_refused_value_is_told_with_its_field(case: dict[str, Any]) -> None:
    value = case["value"]
    value = value["json"] if isinstance(value, dict) else text_of(value) if isinstance(value, list) else value
    claims, notices = read_self_claimed({case["field"]: value}, "sub")
    assert claims.is_empty
    for notice in notices:
        assert notice.field == case["field"]
        assert notice.detail.startswith(f"{case['field']} ")
        assert is_a_sentence(notice.detail)
    assert len(notices) == (value is not None)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("1767268800", "exp must be a number of seconds since 1970, not text."),
        (True, "exp must be a number of seconds since 1970, not a boolean."),
        (None, "exp must be a number of seconds since 1970, not null."),
        (float("inf"), "exp is not a finite number."),
    ],
)
def test_a_time_that_is_none_is_told_with_its_claim(value: object, told: str) -> None:
    with pytest.raises(InvalidClaim) as caught:
        read_numeric_date({"exp": value}, "exp")
    assert (caught.value.claim, caught.value.detail) == ("exp", told)


@pytest.mark.parametrize("mode", [Mode.OPTIONAL, Mode.REQUIRED])
def test_by_how_much_a_token_missed_its_time_goes_with_the_decision(mode: Mode) -> None:
    failed = FailedToken(Reason.EXPIRED, Claims("u_1"), 180.5)
    assert decide(mode, failed, Claims()).seconds_off == 180.5


def test_an_ignored_field_is_told_with_its_name(current: SigningSecret) -> None:
    proof = verify(sign(PAYLOAD, current.key), (current,), NOW)
    (notice,) = decide(Mode.OPTIONAL, proof, Claims(email="ada@example.com")).notices
    assert notice.detail.startswith("email was ignored")


@pytest.mark.parametrize(
    ("parse", "value", "told"),
    [
        (parse_message, 1, "text must be text."),
        (parse_message, "x" * 4001, "text must have 1 to 4000 characters; this one has 4001."),
        (parse_client_message_id, "a b", "clientMessageId must be 1 to 64 letters"),
        (parse_origin, "https://example.com/shop", "An origin is https:// or http:// and a host, without path"),
        (parse_origin, "https://*.example.com", "Write each one: https://shop.example.com."),
        (parse_origin, "https://a..b", "This is not the name of a host."),
        (parse_origin, "https://example.com:65536", "This is not the name of a host."),
    ],
)
def test_what_cannot_be_read_is_told_with_what_it_must_be(
    parse: Callable[[Any], str], value: object, told: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(value)
    assert told in caught.value.detail
    assert is_a_sentence(caught.value.detail.partition(": https")[0] + ".")
    assert isinstance(caught.value, KalTalkError)


@pytest.mark.parametrize(
    ("header", "payload", "told"),
    [
        ('{"alg":"hs512"}', {}, 'The token is signed with HS512: set the algorithm to "HS256".'),
        ("", {"exp": "soon", "iat": "now"}, "exp, iat: text,"),
        ("", {"exp": None, "expiresIn": 1}, None),
        ("", {"nbf": NOW + 600}, "nbf lies 10 minutes in the future"),
        ("", {"exp": NOW - 7200}, "The times lie 2 hours back"),
        ("", {"user": {"sub": "u_1"}, "sub": ...}, "move the claims out of user."),
        ("", {"uid": "u_1", "sub": ...}, "but uid stands among the claims: name it sub."),
        ("", {"exp": ..., "expiry": 1}, "but expiry stands among the claims: name it exp"),
        ("", {"mail": "a@b.c"}, "but mail stands among the claims: name it email."),
        ("", {"fullName": "Ada"}, "but fullName stands among the claims: name it name."),
        ("", {"email": "nobody"}, "email is not an e-mail address. It was dropped"),
        ("", {"sub": []}, "sub is a list:"),
        ("", {"sub": {}}, "sub is an object:"),
        ("", {"sub": True}, "sub is true or false:"),
        ("", {"sub": 1.5}, "sub is a number with a fraction:"),
    ],
)
def test_advice_holds_the_fact_that_it_is_about(header: str, payload: dict[str, Any], told: str | None) -> None:
    whole = {name: value for name, value in ({"sub": "u_1", "exp": NOW + 60} | payload).items() if value is not ...}
    said = [advice.detail for advice in examine(sign(whole, CURRENT, header=header or '{"alg":"HS256"}')).advice]
    if told is None:
        assert not any("expiresIn" in detail for detail in said)
    else:
        assert any(told in detail for detail in said)


def test_advice_on_an_expired_token_carries_the_moment_of_its_end() -> None:
    assert [advice.at for advice in advice_for({"sub": "u_1", "exp": NOW - 30})] == [NOW - 30]


def test_what_is_no_token_is_told_as_the_check_of_its_text_tells_it() -> None:
    assert examine("hello").checks == inspect("hello", (), NOW)[0]


def test_the_longest_lifetime_is_the_organizations_own(current: SigningSecret) -> None:
    token = sign(PAYLOAD, current.key)
    assert isinstance(diagnose(token, Known((current,)), NOW, 3599).outcome, LifetimeTooLong)
    assert not isinstance(diagnose(token, Known((current,)), NOW, 3600).outcome, TokenError)


def test_a_secret_of_any_letters_is_looked_for_without_a_fault() -> None:
    """With eight hyphens, what a lenient decoder keeps has a length that needs padding."""
    for hyphens in range(44):
        secret = SigningSecret("sec_1", f"ktiv_{'-' * hyphens}{'A' * (43 - hyphens)}".encode(), NOW)
        found = diagnose(sign(PAYLOAD, b"somebody else's key, of 32 bytes"), Known((secret,)), NOW, 86400)
        assert [advice.code.value for advice in found.advice] == ["key_unknown"]
