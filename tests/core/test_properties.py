"""Whatever is sent, the core answers with a value or with one of its own errors. Inputs come from Hypothesis."""

import json
import unicodedata
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kaltalk_iv.core.claims import (
    MAX_EMAIL,
    MAX_NAME,
    MAX_SUB,
    Claims,
    email_key,
    parse_email,
    parse_external_id,
    parse_name,
    read_self_claimed,
)
from kaltalk_iv.core.errors import InvalidClaim, Reason, TokenError, Unreadable
from kaltalk_iv.core.keyring import SigningSecret
from kaltalk_iv.core.strict_json import parse_object
from kaltalk_iv.core.tokens import MAX_LIFETIME_SECONDS, Proof, inspect, verify
from kaltalk_iv.core.user_token import UserToken
from tests.core.signing import NOW, SECRETS, base64url, sign

# No deadline: the machines that run this are shared, and a slow second is not a wrong answer.
PROPERTY = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])

KEY = SECRETS["current"].encode()
ACTIVE = (SigningSecret("current", KEY, NOW), SigningSecret("previous", SECRETS["previous"].encode(), NOW - 60))
TOKEN_REASONS = {error.reason for error in TokenError.__subclasses__()}

TEXT = st.text(st.characters(codec=None), max_size=40)  # with lone surrogates, NUL and everything else
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
MOMENTS = (
    st.integers(NOW - 100_000, NOW + 200_000)
    | st.floats(NOW - 100_000, NOW + 200_000)
    | st.sampled_from([0, -1, NOW, NOW + 1, NOW * 1000, 10**400, -(10**400), 1e308, float("inf"), float("nan"), "1e9"])
)
SUBJECTS = TEXT | st.integers() | st.sampled_from(["u_1", 1, "1", True, 2**53, "x" * 255, "x" * 256])
EMAILS = TEXT | st.emails() | st.builds("{}@{}".format, TEXT, TEXT)
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "sub": SUBJECTS | JSON,
        "exp": MOMENTS | JSON,
        "iat": MOMENTS | JSON,
        "nbf": MOMENTS | JSON,
        "email": EMAILS | JSON,
        "name": TEXT | JSON,
        "aud": JSON,
    },
)
NEARLY_GOOD = st.builds(
    lambda sub, exp, more: {"sub": sub, "exp": exp} | more,
    SUBJECTS,
    st.integers(NOW + 1, NOW + MAX_LIFETIME_SECONDS),
    st.fixed_dictionaries({}, optional={"email": EMAILS, "name": TEXT, "iat": st.integers(0, NOW), "x": TEXT}),
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["HS256", "HS256", "HS256", "none", "HS512", None]) | JSON},
    optional={"typ": st.sampled_from(["JWT", "jwt"]) | JSON, "kid": JSON, "crit": JSON, "b64": JSON, "jwk": JSON},
)
SEGMENTS = st.text("ABCxyz019-_", max_size=60)
KEYS = st.sampled_from([KEY, KEY, ACTIVE[1].key, b"", SECRETS["other"].encode()])


def outcome(token: object) -> Proof | Reason:
    """Return what ``verify`` makes of ``token``, after asking the other two readers for theirs."""
    result: Proof | Reason
    try:
        result = verify(token, ACTIVE, NOW)
    except TokenError as error:
        result = error.reason
    checks, verdict = inspect(token, ACTIVE, NOW)
    assert result == (verdict.reason if isinstance(verdict, TokenError) else verdict)
    assert all(check.passed for check in checks) == isinstance(result, Proof)
    decoded = UserToken(token).claims()
    if decoded is not None:
        assert_storable(decoded[0])
    if isinstance(result, Proof):
        assert_storable(result.claims)
        assert result.claims.external_id is not None
        assert decoded is not None
        assert decoded[0] == result.claims
        assert NOW < result.expires_at <= NOW + MAX_LIFETIME_SECONDS
    else:
        assert result in TOKEN_REASONS
    return result


def assert_storable(claims: Claims) -> None:
    """PostgreSQL takes neither NUL nor half a character, and no column is longer than its rule."""
    limits = ((claims.external_id, MAX_SUB), (claims.email, MAX_EMAIL), (claims.name, MAX_NAME))
    for value, limit in limits:
        if value is not None:
            value.encode()
            assert "\0" not in value
            assert 1 <= len(value) <= limit
    if claims.email is not None:
        assert len(email_key(claims.email)) <= MAX_EMAIL


@PROPERTY
@given(st.one_of(TEXT, st.binary(), JSON, st.text("ey.AQ-_=+/ \n", max_size=300)))
def test_anything_sent_as_a_token_fails_with_a_reason(token: object) -> None:
    assert outcome(token) in TOKEN_REASONS


@PROPERTY
@given(SEGMENTS, SEGMENTS, SEGMENTS | st.just("A" * 43))
def test_anything_in_the_shape_of_a_token_fails_with_a_reason(header: str, payload: str, signature: str) -> None:
    assert outcome(f"{header}.{payload}.{signature}") in TOKEN_REASONS


@PROPERTY
@given(HEADERS, PAYLOADS, KEYS)
def test_any_signed_object_ends_in_a_proof_or_a_reason(
    header: dict[str, Any], payload: dict[str, Any], key: bytes
) -> None:
    result = outcome(sign(payload, key, header=json.dumps(header)))
    if isinstance(result, Proof):
        assert header["alg"] == "HS256"
        assert key in {secret.key for secret in ACTIVE}


@PROPERTY
@given(NEARLY_GOOD)
def test_a_payload_with_a_good_expiry_is_as_good_as_its_sub(payload: dict[str, Any]) -> None:
    result = outcome(sign(payload, KEY))
    if is_good_sub(json.loads(json.dumps(payload["sub"]))):
        assert isinstance(result, Proof)
    else:
        assert result is Reason.INVALID_CLAIM


def is_good_sub(sub: object) -> bool:
    """Section 3, rule 7, written a second time."""
    if isinstance(sub, str):
        is_clean = all(unicodedata.category(character) not in {"Cc", "Cs"} for character in sub)
        return is_clean and 0 < len(sub) < 256 and not sub[0].isspace() and not sub[-1].isspace()
    return type(sub) is int and -(2**53) < sub < 2**53


@PROPERTY
@given(st.binary(max_size=200), st.binary(max_size=200))
@example(b'{"alg":"HS256"}', b"\xff\xfe{\x00}\x00")
def test_any_signed_bytes_end_in_a_reason(header: bytes, payload: bytes) -> None:
    for head in (header, '{"alg":"HS256"}'):
        assert outcome(sign(payload, KEY, header=head)) in TOKEN_REASONS


@PROPERTY
@given(JSON, JSON)
def test_any_signed_json_value_ends_in_a_reason(header: Any, payload: Any) -> None:
    assert outcome(sign(json.dumps(payload), KEY, header=json.dumps(header))) in TOKEN_REASONS
    assert outcome(sign(json.dumps(payload), KEY)) in TOKEN_REASONS


@PROPERTY
@given(NEARLY_GOOD, st.data())
def test_no_part_of_one_token_fits_another(payload: dict[str, Any], data: st.DataObject) -> None:
    token, other = sign(payload, KEY), sign({"sub": "u_2", "exp": NOW + 60}, SECRETS["other"].encode())
    parts = [data.draw(st.sampled_from(pair)) for pair in zip(token.split("."), other.split("."), strict=True)]
    mixed = ".".join(parts)
    if mixed != token:
        assert outcome(mixed) in TOKEN_REASONS


@PROPERTY
@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_json_is_an_object_that_every_reader_sees_alike_or_unreadable(raw: bytes) -> None:
    try:
        members = parse_object(raw)
    except Unreadable:
        return
    assert members == json.loads(raw)


@PROPERTY
@given(st.dictionaries(TEXT, TEXT | st.integers() | st.booleans() | st.none() | st.lists(st.integers())))
def test_every_plain_json_object_is_read(members: dict[str, Any]) -> None:
    assert parse_object(json.dumps(members).encode()) == members


@PROPERTY
@given(PAYLOADS | st.dictionaries(st.sampled_from(["externalId", "email", "name"]), JSON))
def test_whatever_is_claimed_without_proof_can_be_stored(values: dict[str, Any]) -> None:
    for id_field in ("sub", "externalId"):
        claims, notices = read_self_claimed(values, id_field)
        assert_storable(claims)
        assert all(notice.code in {"id_dropped", "email_dropped", "name_dropped"} for notice in notices)


@PROPERTY
@given(TEXT | st.text(st.characters(codec="utf-8"), max_size=300))
def test_cleaning_a_name_twice_changes_nothing(text: str) -> None:
    try:
        name = parse_name(text)
    except InvalidClaim:
        return
    assert parse_name(name) == name
    assert_storable(Claims(name=name))


@PROPERTY
@given(EMAILS)
def test_an_email_is_kept_as_given_and_its_key_is_stable(text: str) -> None:
    try:
        email = parse_email(text)
    except InvalidClaim:
        return
    assert email == text
    assert email_key(email_key(email)) == email_key(email)
    assert_storable(Claims(email=email))


@PROPERTY
@given(SUBJECTS)
def test_an_id_is_kept_as_given(value: object) -> None:
    try:
        external_id = parse_external_id(value, "sub")
    except InvalidClaim:
        return
    assert external_id == str(value)
    assert not isinstance(value, bool)
    assert parse_external_id(external_id, "sub") == external_id


@PROPERTY
@given(st.text(max_size=9000))
def test_no_text_is_a_token_of_its_own(text: str) -> None:
    assert outcome(text) in TOKEN_REASONS
    assert outcome(base64url(text.encode())) in TOKEN_REASONS
