"""Signing secrets: their shape, their fingerprint, and exactly how long each one verifies."""

import hashlib
import re
import time
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from kaltalk_iv.core.errors import BadSignature
from kaltalk_iv.core.keyring import GRACE_SECONDS, SigningSecret, active, fingerprint, is_active, secret_from
from kaltalk_iv.core.tokens import verify
from tests.core.signing import NOW, SECRETS, sign


def test_a_secret_is_a_prefix_and_43_url_safe_characters() -> None:
    for entropy in (bytes(32), b"\xff" * 32, bytes(range(32))):
        assert re.fullmatch(r"ktiv_[A-Za-z0-9_-]{43}", secret_from(entropy))


def test_different_random_bytes_make_different_secrets() -> None:
    assert len({secret_from(bytes([first]) + bytes(31)) for first in range(256)}) == 256
    assert len({secret_from(bytes(31) + bytes([last])) for last in range(256)}) == 256


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_secret_of_fewer_or_more_bytes_is_not_made(size: int) -> None:
    with pytest.raises(ValueError, match=f"32 random bytes, not {size}"):
        secret_from(bytes(size))


@pytest.mark.parametrize("key", [b"", b"secret", b"x" * 31])
def test_a_short_key_is_never_used(key: bytes) -> None:
    with pytest.raises(ValueError, match="fewer than 32 bytes") as caught:
        SigningSecret("sec_1", key, NOW)
    assert b"x" * 31 not in str(caught.value).encode()


def test_the_key_is_the_text_itself_and_not_what_base64_makes_of_it(current: SigningSecret) -> None:
    token = sign({"sub": "u_1", "exp": NOW + 60}, SECRETS["current"].encode())
    assert verify(token, (current,), NOW).secret_id == "current"


def test_a_fingerprint_tells_secrets_apart_and_gives_none_away() -> None:
    secret = SECRETS["current"]
    assert re.fullmatch("[0-9a-f]{8}", fingerprint(secret))
    assert fingerprint(secret) == hashlib.sha256(secret.encode()).hexdigest()[:8]
    assert fingerprint(secret) != fingerprint(SECRETS["previous"])


def test_a_secret_does_not_change(current: SigningSecret) -> None:
    with pytest.raises(FrozenInstanceError):
        current.id = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("seconds_later", "verifies"),
    [(0, True), (1, True), (86_399, True), (86_399.999, True), (86_400, False), (86_400.001, False), (10**9, False)],
)
def test_the_previous_secret_verifies_for_exactly_24_hours(
    seconds_later: float, verifies: bool, previous: SigningSecret
) -> None:
    retired = replace(previous, expires_at=NOW + GRACE_SECONDS)
    at = NOW + seconds_later
    token = sign({"sub": "u_1", "exp": at + 60}, previous.key)
    assert active([retired], at) == ((retired,) if verifies else ())
    if verifies:
        assert verify(token, active([retired], at), at).secret_id == retired.id
    else:
        with pytest.raises(BadSignature):
            verify(token, active([retired], at), at)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"])
@pytest.mark.parametrize("rotated_at", ["2026-03-28T12:00", "2026-10-24T12:00", "2026-03-08T01:00"])
def test_the_grace_window_is_24_hours_over_a_clock_change_too(
    rotated_at: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        began = datetime.fromisoformat(rotated_at).replace(tzinfo=ZoneInfo(zone)).timestamp()
        until = began + GRACE_SECONDS
        assert is_active(until, None, until - 1)
        assert not is_active(until, None, until)
        assert (datetime.fromtimestamp(until, UTC) - datetime.fromtimestamp(began, UTC)).total_seconds() == 86_400
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_key_of_32_bytes_is_long_enough() -> None:
    assert SigningSecret("sec_1", b"x" * 32, NOW).key == b"x" * 32


@pytest.mark.parametrize("expires_at", [None, NOW + 60, NOW - 60])
@pytest.mark.parametrize("revoked_at", [NOW - 60, NOW, NOW + 60, 0.0])
def test_a_revoked_secret_never_verifies_again(expires_at: float | None, revoked_at: float) -> None:
    assert not is_active(expires_at, revoked_at, NOW)
    assert active([SigningSecret("sec_1", b"x" * 32, NOW, expires_at, revoked_at)], NOW) == ()


def test_the_current_secret_has_no_end(current: SigningSecret) -> None:
    assert active([current], NOW) == active([current], NOW + 10**9) == (current,)


def test_active_secrets_come_newest_first_in_any_order_of_rows(current: SigningSecret) -> None:
    older = replace(current, id="older", created_at=NOW - 2)
    oldest = replace(current, id="oldest", created_at=NOW - 3)
    for rows in ([current, older, oldest], [oldest, older, current], [older, current, oldest]):
        assert [secret.id for secret in active(rows, NOW)] == ["current", "older", "oldest"]


def test_secrets_of_one_moment_have_one_order(current: SigningSecret) -> None:
    twins = [replace(current, id=name) for name in ("a", "b", "c")]
    assert active(twins, NOW) == active(reversed(twins), NOW)


def test_without_secrets_none_is_active() -> None:
    assert active([], NOW) == ()
