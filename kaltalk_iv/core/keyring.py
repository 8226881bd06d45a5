"""Signing secrets: what one looks like, how long each verifies, and which are active at a moment."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

PREFIX = "ktiv_"
ENTROPY_BYTES = 32
MIN_KEY_BYTES = 32
GRACE_SECONDS = 24 * 60 * 60


def secret_from(entropy: bytes) -> str:
    """Return the signing secret that 32 random bytes make: ``ktiv_`` and 43 URL-safe characters."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a signing secret is made from {ENTROPY_BYTES} random bytes, not {len(entropy)}")
    return PREFIX + base64.urlsafe_b64encode(entropy).rstrip(b"=").decode()


def fingerprint(secret: str) -> str:
    """Return eight hex digits that tell secrets apart without giving one away (a cut SHA-256 of 256 random bits)."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret as the verifier sees it. The HMAC key is the string's bytes as they stand, never base64-decoded.

    ``expires_at`` is None for the current secret; ``revoked_at`` is set by an emergency replace.
    Raises ValueError for a key under 32 bytes (RFC 7518, section 3.2): an empty one would let anybody sign.
    """

    id: str
    key: bytes = field(repr=False)
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None

    def __post_init__(self) -> None:
        if len(self.key) < MIN_KEY_BYTES:
            raise ValueError(f"the key of the signing secret {self.id} has fewer than {MIN_KEY_BYTES} bytes")


def is_active(expires_at: float | None, revoked_at: float | None, now: float) -> bool:
    """True while a secret verifies: up to, and not at, the end of its grace window; never once it is revoked."""
    return revoked_at is None and (expires_at is None or now < expires_at)


def active(secrets: Iterable[SigningSecret], now: float) -> tuple[SigningSecret, ...]:
    """Return the secrets that verify at ``now``, newest first."""
    verifying = [secret for secret in secrets if is_active(secret.expires_at, secret.revoked_at, now)]
    return tuple(sorted(verifying, key=lambda secret: (secret.created_at, secret.id), reverse=True))
