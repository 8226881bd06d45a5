"""Settings: read from the application's configuration once, checked, and frozen."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .core.tokens import MAX_LIFETIME_SECONDS
from .rates import Rates, read_rates
from .vault import Vault

SESSION_LIFETIME_SECONDS = 12 * 60 * 60
LIFETIME_BOUNDS = (60, 7 * 24 * 3600)  # seconds, of sessions and of tokens
MIN_SECRET_KEY_BYTES = 16  # a shorter one, "dev" above all, is guessed offline from any widget session

# What stands in examples until somebody replaces it, and what a key on the keyboard looks like.
_PLACEHOLDER = re.compile(
    rb"change.?(me|this)|replace.?(me|this)|your.?(own.?)?(secret|key)|insecure|example", re.IGNORECASE
)
_FEWEST_DIFFERENT_BYTES = 6

_MAKE_A_SECRET_KEY = "python -c 'import secrets; print(secrets.token_urlsafe(32))'"  # noqa: S105 - a command
_MAKE_A_KEY = "python -c 'import kaltalk_iv; print(kaltalk_iv.generate_encryption_key())'"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the use cases need to know. Lifetimes are in seconds; the first session key signs, all of them verify."""

    vault: Vault = field(repr=False)
    session_keys: tuple[bytes, ...] = field(repr=False)
    session_lifetime: float
    max_token_lifetime: float
    rates: Rates = field(default_factory=dict)
    metrics_token: bytes | None = field(default=None, repr=False)
    trusts_request_id: bool = False
    goes_past_the_session: bool = False


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Return the settings that ``config`` holds.

    Reads ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``, ``KALTALK_IV_ENCRYPTION_KEYS`` (comma-separated text, newest
    first), ``KALTALK_IV_SESSION_LIFETIME`` and ``KALTALK_IV_MAX_TOKEN_LIFETIME`` (seconds),
    ``KALTALK_IV_DIRECT_SQL`` (True or False).
    Raises RuntimeError with the mend when something is missing or wrong; no value is shown.
    """
    if not config.get("SECRET_KEY"):
        raise RuntimeError("KalTalkIV needs app.config['SECRET_KEY']: it seals widget sessions.")
    secret_keys = [config["SECRET_KEY"], *(config.get("SECRET_KEY_FALLBACKS") or [])]
    given = config.get("KALTALK_IV_ENCRYPTION_KEYS") or ""
    keys = [key.strip() for key in (given.split(",") if isinstance(given, str) else given) if key.strip()]
    if not keys:
        raise RuntimeError(
            "KalTalkIV needs KALTALK_IV_ENCRYPTION_KEYS: signing secrets are stored encrypted, without a default key. "
            f"Make a key with: {_MAKE_A_KEY}"
        )
    try:
        vault = Vault(keys)
    except ValueError as error:
        raise RuntimeError(f"KALTALK_IV_ENCRYPTION_KEYS: {error}. Make a key with: {_MAKE_A_KEY}") from None
    session_keys = tuple(_session_key(secret_key) for secret_key in secret_keys)
    if not {_bytes(key) for key in keys}.isdisjoint(map(_bytes, secret_keys)):
        raise RuntimeError(
            "SECRET_KEY and KALTALK_IV_ENCRYPTION_KEYS must differ: whoever learns the one must not hold the other. "
            f"Make a key with: {_MAKE_A_KEY}"
        )
    return Settings(
        vault=vault,
        session_keys=session_keys,
        session_lifetime=_seconds(config, "KALTALK_IV_SESSION_LIFETIME", SESSION_LIFETIME_SECONDS),
        max_token_lifetime=_seconds(config, "KALTALK_IV_MAX_TOKEN_LIFETIME", MAX_LIFETIME_SECONDS),
        rates=read_rates(config),
        metrics_token=_metrics_token(config.get("KALTALK_METRICS_TOKEN")),
        goes_past_the_session=_switch(config, "KALTALK_IV_DIRECT_SQL"),
        # A request's id is taken from outside only where a proxy of ours stands in front, and puts it there.
        trusts_request_id=str(config.get("KALTALK_PROXY_HOPS", "")).strip().strip("0") != "",
    )


def _metrics_token(given: object) -> bytes | None:
    """Return the token that opens the metrics, or None: then nobody sees them."""
    if given is None or given == "":
        return None
    if not isinstance(given, str) or not re.fullmatch(rf"[!-~]{{{MIN_SECRET_KEY_BYTES},}}", given):
        raise RuntimeError(
            f"KALTALK_METRICS_TOKEN must be at least {MIN_SECRET_KEY_BYTES} plain characters without blanks. "
            f"Make one with: {_MAKE_A_SECRET_KEY}"
        )
    return given.encode()


def _session_key(secret_key: object) -> bytes:
    """Return a key of its own for widget sessions, so that no other signature made with SECRET_KEY passes for one."""
    raw = _bytes(secret_key)
    if not isinstance(raw, bytes) or len(raw) < MIN_SECRET_KEY_BYTES:
        raise RuntimeError(
            "SECRET_KEY and each of SECRET_KEY_FALLBACKS must be text or bytes of at least "
            f"{MIN_SECRET_KEY_BYTES} bytes. Make one with: {_MAKE_A_SECRET_KEY}"
        )
    if len(set(raw)) < _FEWEST_DIFFERENT_BYTES or _PLACEHOLDER.search(raw):
        raise RuntimeError(f"SECRET_KEY is a placeholder that anybody can guess. Make one with: {_MAKE_A_SECRET_KEY}")
    return hmac.digest(raw, b"kaltalk-iv widget session", hashlib.sha256)


def _bytes(key: object) -> object:
    return key.encode() if isinstance(key, str) else key


def _switch(config: Mapping[str, Any], name: str) -> bool:
    value = config.get(name, False)
    if value is not True and value is not False:
        raise RuntimeError(f"{name} must be True or False.")
    return value


def _seconds(config: Mapping[str, Any], name: str, default: float) -> float:
    value = config.get(name, default)
    lowest, highest = LIFETIME_BOUNDS
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise RuntimeError(f"{name} must be a number of seconds between {lowest} and {highest}.")
    return float(value)
