"""What ``verify`` and ``inspect`` do beyond the vectors: every small change, bounded work, nothing but arithmetic."""

import base64
import sys
from itertools import pairwise
from typing import Any

import pytest

from kaltalk_iv.core.errors import (
    BadSignature,
    Expired,
    InvalidClaim,
    LifetimeTooLong,
    Malformed,
    MissingClaim,
    NotYetValid,
    Reason,
    TokenError,
)
from kaltalk_iv.core.keyring import SigningSecret
from kaltalk_iv.core.tokens import Proof, inspect, verify
from kaltalk_iv.core.user_token import MAX_TOKEN_LENGTH, UserToken
from tests.core.conftest import AuditLog
from tests.core.signing import NOW, sign

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
PAYLOAD = {"sub": "u_1", "email": "ada@example.com", "name": "Ada", "exp": NOW + 3600}
CHECK_NAMES = ["shape", "header", "signature", "payload", "expiry", "start", "sub", "profile"]


def reason_of(token: object, *secrets: SigningSecret, now: float = NOW) -> Reason | None:
    """Return why ``token`` fails, or None when it verifies."""
    try:
        verify(token, secrets, now)
    except TokenError as error:
        return error.reason
    return None


def test_every_other_character_at_every_place_breaks_a_good_token(current: SigningSecret) -> None:
    token = sign(PAYLOAD, current.key)
    signature_starts = token.rindex(".") + 1
    assert reason_of(token, current) is None
    for place, character in enumerate(token):
        for other in ALPHABET + ".=+/ é\n\0":
            if other != character:
                changed = token[:place] + other + token[place + 1 :]
                reason = reason_of(changed, current)
                assert reason is not None, (place, other)
                if place >= signature_starts:
                    assert reason in {Reason.BAD_SIGNATURE, Reason.MALFORMED}


def test_every_lost_doubled_or_swapped_character_breaks_a_good_token(current: SigningSecret) -> None:
    token = sign(PAYLOAD, current.key)
    changed = {token[:place] + token[place + 1 :] for place in range(len(token))}
    changed |= {token[:place] + token[place] + token[place:] for place in range(len(token))}
    changed |= {token[:place] + b + a + token[place + 2 :] for place, (a, b) in enumerate(pairwise(token))}
    changed |= {token[:length] for length in range(len(token))}
    changed.discard(token)
    assert all(reason_of(text, current) is not None for text in changed)


def test_a_signature_has_one_spelling(current: SigningSecret) -> None:
    token = sign(PAYLOAD, current.key)
    same_bytes = {
        token[:-1] + last for last in ALPHABET if _signature_bytes(token[:-1] + last) == _signature_bytes(token)
    }
    assert len(same_bytes) == 4
    assert [text for text in same_bytes if reason_of(text, current) is None] == [token]


def _signature_bytes(token: str) -> bytes:
    return base64.urlsafe_b64decode(token.rsplit(".", 1)[1] + "=")


def test_a_token_of_one_organization_says_nothing_in_another(current: SigningSecret, previous: SigningSecret) -> None:
    assert reason_of(sign(PAYLOAD, current.key), previous) is Reason.BAD_SIGNATURE
    assert reason_of(sign(PAYLOAD, previous.key), current) is Reason.BAD_SIGNATURE


def test_the_proof_names_the_secret_that_matched(current: SigningSecret, previous: SigningSecret) -> None:
    for secret in (current, previous):
        assert verify(sign(PAYLOAD, secret.key), (current, previous), NOW).secret_id == secret.id


def test_the_secret_given_first_is_tried_first(current: SigningSecret) -> None:
    twin = SigningSecret("twin", current.key, NOW - 60)
    token = sign(PAYLOAD, current.key)
    assert verify(token, (current, twin), NOW).secret_id == "current"
    assert verify(token, (twin, current), NOW).secret_id == "twin"


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (PAYLOAD | {"exp": NOW}, Expired),
        (PAYLOAD | {"exp": NOW + 10**6}, LifetimeTooLong),
        (PAYLOAD | {"iat": NOW + 10**6}, NotYetValid),
        (PAYLOAD | {"sub": None}, InvalidClaim),
        ({"sub": "u_1"}, MissingClaim),
        ("[]", Malformed),
    ],
)
def test_only_a_signature_mismatch_moves_on_to_the_next_secret(
    payload: str | dict[str, Any], error: type[TokenError], current: SigningSecret, previous: SigningSecret
) -> None:
    for secret in (current, previous):
        with pytest.raises(error):
            verify(sign(payload, secret.key), (current, previous), NOW)


def test_exp_has_no_leeway_in_either_direction(current: SigningSecret) -> None:
    token = sign(PAYLOAD, current.key)
    assert reason_of(token, current, now=NOW + 3599.999) is None
    assert reason_of(token, current, now=NOW + 3600) is Reason.EXPIRED
    assert reason_of(token, current, now=NOW + 3600 - 86400) is None
    assert reason_of(token, current, now=NOW + 3600 - 86400.001) is Reason.LIFETIME_TOO_LONG


def test_an_organization_can_ask_for_shorter_tokens(current: SigningSecret) -> None:
    token = sign(PAYLOAD, current.key)
    assert verify(token, (current,), NOW, max_lifetime=3600).expires_at == NOW + 3600
    with pytest.raises(LifetimeTooLong, match=r"more than 0\.5 hours ahead"):
        verify(token, (current,), NOW, max_lifetime=1800)


def test_an_expired_token_says_since_when(current: SigningSecret) -> None:
    with pytest.raises(Expired) as caught:
        verify(sign(PAYLOAD, current.key), (current,), NOW + 3600 + 180)
    assert caught.value.seconds_ago == 180


@pytest.mark.parametrize("exp", [0, -1, -(10**400), -1e308])
def test_an_absurdly_old_token_is_finitely_old(exp: float, current: SigningSecret) -> None:
    with pytest.raises(Expired) as caught:
        verify(sign({"sub": "u_1", "exp": exp}, current.key), (current,), NOW)
    assert 0 <= caught.value.seconds_ago <= 2 * NOW


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("starts_at", "ahead"), [(NOW + 600, 600), (NOW * 1000, 86400), (10**400, 86400)])
def test_a_token_of_a_fast_clock_says_by_how_much(
    claim: str, starts_at: int, ahead: float, current: SigningSecret
) -> None:
    with pytest.raises(NotYetValid, match=f"{claim} lies in the future") as caught:
        verify(sign(PAYLOAD | {claim: starts_at}, current.key), (current,), NOW)
    assert caught.value.seconds_ahead == ahead


@pytest.mark.parametrize(
    ("dated", "issued_at"),
    [
        ({"iat": 0}, 0.0),
        ({"iat": NOW}, NOW),
        ({"iat": -1}, None),
        ({"iat": -(10**400)}, None),
        ({}, None),
        ({"nbf": 5}, None),
    ],
)
def test_a_proof_says_when_its_token_was_signed_where_that_can_be_a_time(
    dated: dict[str, int], issued_at: float | None, current: SigningSecret
) -> None:
    assert verify(sign(PAYLOAD | dated, current.key), (current,), NOW).issued_at == issued_at


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat", "sub"])
def test_an_invalid_claim_is_named(claim: str, current: SigningSecret) -> None:
    with pytest.raises(InvalidClaim, match=claim) as caught:
        verify(sign(PAYLOAD | {claim: []}, current.key), (current,), NOW)
    assert caught.value.claim == claim


@pytest.mark.parametrize("claim", ["exp", "sub"])
def test_a_missing_claim_is_named(claim: str, current: SigningSecret) -> None:
    payload = {name: value for name, value in PAYLOAD.items() if name != claim}
    with pytest.raises(MissingClaim, match=claim) as caught:
        verify(sign(payload, current.key), (current,), NOW)
    assert caught.value.claim == claim


@pytest.mark.parametrize("value", [None, True, 1, 1.5, [], {}, b"bytes", bytearray(), object()])
def test_a_token_that_is_not_text_is_malformed(value: object, current: SigningSecret) -> None:
    assert reason_of(value, current) is Reason.MALFORMED
    assert UserToken(value).claims() is None


def test_inspect_walks_the_checks_in_one_order(current: SigningSecret) -> None:
    for token in (sign(PAYLOAD, current.key), "", sign({}, current.key)):
        assert [check.name for check in inspect(token, (current,), NOW)[0]] == CHECK_NAMES


def test_inspect_says_what_failed_and_what_was_not_checked(current: SigningSecret) -> None:
    checks, verdict = inspect(sign(PAYLOAD, current.key), (current,), NOW + 3600)
    assert isinstance(verdict, Expired)
    assert [check.passed for check in checks] == [True, True, True, True, False, None, None, None]
    assert checks[4].detail == verdict.detail
    assert all("Not checked" in check.detail for check in checks[5:])


def test_inspect_counts_a_dropped_value_as_passed_and_says_so(current: SigningSecret) -> None:
    checks, verdict = inspect(sign(PAYLOAD | {"email": 1}, current.key), (current,), NOW)
    assert isinstance(verdict, Proof)
    assert checks[-1].passed is True
    assert "dropped" in checks[-1].detail


def test_inspect_keeps_the_lifetime_that_it_is_given(current: SigningSecret) -> None:
    _checks, verdict = inspect(sign(PAYLOAD, current.key), (current,), NOW, max_lifetime=60)
    assert isinstance(verdict, LifetimeTooLong)


HOSTILE_HEADERS = [
    '{"alg":"HS256","kid":"../../../../etc/hostname"}',
    '{"alg":"HS256","kid":"/dev/null"}',
    '{"alg":"HS256","kid":"x\' OR 1=1 --"}',
    '{"alg":"HS256","kid":"a\\u0000b"}',
    '{"alg":"HS256","jku":"http://127.0.0.1:9/keys.json"}',
    '{"alg":"HS256","x5u":"file:///etc/hostname"}',
    '{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"},"x5c":["MIIB"],"x5t":"AAAA"}',
]


@pytest.mark.parametrize("header", HOSTILE_HEADERS)
def test_a_header_opens_no_file_and_no_connection(header: str, audit_log: AuditLog, current: SigningSecret) -> None:
    token = sign(PAYLOAD, current.key, header=header)
    forged = sign(PAYLOAD, b"", header=header)
    audit_log.is_on = True
    outcomes = [reason_of(token, current), reason_of(forged, current)]
    inspect(token, (current,), NOW)
    UserToken(token).claims()
    audit_log.is_on = False
    assert outcomes == [None, Reason.BAD_SIGNATURE]
    assert audit_log.events == []


def test_the_audit_log_would_notice_a_file(audit_log: AuditLog) -> None:
    audit_log.is_on = True
    with open(__file__, "rb"):  # noqa: PTH123 - the plainest way to open one
        pass
    assert "open" in audit_log.events


def c_functions_called(token: object, secret: SigningSecret) -> set[str]:
    """Return the names of the built-in functions that one ``verify`` of ``token`` calls."""
    names: set[str] = set()

    def record(_frame: object, event: str, argument: Any) -> None:
        if event == "c_call":
            names.add(argument.__name__)

    sys.setprofile(record)
    try:
        verify(token, (secret,), NOW)
    except TokenError:
        pass
    finally:
        sys.setprofile(None)
    return names - {"setprofile"}


@pytest.mark.parametrize("filler", ["a", ".", "\0", "\ud800", "🦔", "[", "é"])
@pytest.mark.parametrize("size", [MAX_TOKEN_LENGTH + 1, 2**20, 7 * 2**20, 2**23])
def test_a_token_that_is_too_long_is_measured_and_not_read(size: int, filler: str, current: SigningSecret) -> None:
    token = filler * size
    with pytest.raises(Malformed, match=rf"has {size} characters; at most 8192"):
        verify(token, (current,), NOW)
    assert UserToken(token).claims() is None
    unread = c_functions_called(token, current)
    assert "fullmatch" not in unread
    assert not {name for name in unread if "decode" in name or "encode" in name or "search" in name}


def test_the_recorder_would_notice_that_a_token_is_read(current: SigningSecret) -> None:
    assert "fullmatch" in c_functions_called(sign(PAYLOAD, current.key), current)


def test_a_signature_is_computed_once_for_each_active_secret_at_most(
    current: SigningSecret, previous: SigningSecret
) -> None:
    digests = 0

    def record(_frame: object, event: str, argument: Any) -> None:
        nonlocal digests
        digests += event == "c_call" and argument.__name__ == "compare_digest"

    sys.setprofile(record)
    try:
        with pytest.raises(BadSignature):
            verify(sign(PAYLOAD, b"x" * 32), (current, previous), NOW)
    finally:
        sys.setprofile(None)
    assert digests == 2
