"""The settings of the limits: what is counted, how often is too often, and where several workers count together."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from limits import RateLimitItem, parse
from limits.errors import ConfigurationError
from limits.storage import RedisStorage

STORAGE_SETTING = "KALTALK_RATELIMIT_STORAGE_URL"
SWITCH_SETTING = "KALTALK_IV_LIMITS"
LONGEST_WINDOW_SECONDS = 24 * 3600

# One slow answer of the store, then memory counts: no visitor waits for a store that is away.
_STORE_PATIENCE_SECONDS = 0.25


class Limit(StrEnum):
    """What is counted. The value is the name of the setting that says how often."""

    IDENTIFY_ADDRESS = "KALTALK_IV_LIMIT_IDENTIFY_ADDRESS"
    IDENTIFY_ORGANIZATION = "KALTALK_IV_LIMIT_IDENTIFY_ORGANIZATION"
    MESSAGES_ADDRESS = "KALTALK_IV_LIMIT_MESSAGES_ADDRESS"
    SEND_ADDRESS = "KALTALK_IV_LIMIT_SEND_ADDRESS"
    SEND_SESSION = "KALTALK_IV_LIMIT_SEND_SESSION"
    SEND_ORGANIZATION = "KALTALK_IV_LIMIT_SEND_ORGANIZATION"
    LOGIN_ADDRESS = "KALTALK_IV_LIMIT_LOGIN_ADDRESS"
    LOGIN_NAME = "KALTALK_IV_LIMIT_LOGIN_NAME"
    LOGIN_NAME_ANYWHERE = "KALTALK_IV_LIMIT_LOGIN_NAME_ANYWHERE"
    REVEAL = "KALTALK_IV_LIMIT_REVEAL"
    CHANGE = "KALTALK_IV_LIMIT_CHANGE"
    TEST_IT = "KALTALK_IV_LIMIT_TEST_IT"
    DENIED = "KALTALK_IV_LIMIT_DENIED"


# Short windows: whoever is refused by mistake may go on soon. An office with a thousand visitors is one address; still
# no address has more than a small part of what its organization has, or one machine could silence a shop.
DEFAULT_RATES: Mapping[Limit, str] = {
    Limit.IDENTIFY_ADDRESS: "300 per 10 seconds",
    Limit.IDENTIFY_ORGANIZATION: "5000 per 10 seconds",
    Limit.MESSAGES_ADDRESS: "3000 per 10 seconds",
    Limit.SEND_ADDRESS: "300 per 10 seconds",
    Limit.SEND_SESSION: "20 per 10 seconds",
    Limit.SEND_ORGANIZATION: "2000 per 10 seconds",
    Limit.LOGIN_ADDRESS: "30 per minute",
    Limit.LOGIN_NAME: "10 per minute",
    Limit.LOGIN_NAME_ANYWHERE: "30 per minute",
    Limit.REVEAL: "10 per 10 minutes",
    Limit.CHANGE: "60 per minute",
    Limit.TEST_IT: "60 per minute",
    Limit.DENIED: "60 per minute",
}

Rates = Mapping[Limit, RateLimitItem]


def read_rates(config: Mapping[str, Any]) -> Rates:
    """Return the rates that ``config`` sets, or the defaults; what is off is left out.

    Raises RuntimeError with the mend.
    """
    switch = config.get(SWITCH_SETTING, "on")
    if switch not in {"on", "off"}:
        raise RuntimeError(f"{SWITCH_SETTING} must be on or off.")
    if switch == "off":
        return {}
    rates = {limit: _rate(limit, config.get(limit.value, usual)) for limit, usual in DEFAULT_RATES.items()}
    return {limit: rate for limit, rate in rates.items() if rate is not None}


def read_store(config: Mapping[str, Any]) -> RedisStorage | None:
    """Return where several workers count together, or None: each counts in its own memory.

    Raises RuntimeError with the mend; the address may hold a password and is never shown.
    """
    url = config.get(STORAGE_SETTING) or ""
    if url in {"", "memory://"}:
        return None
    options: dict[str, Any] = {
        "socket_connect_timeout": _STORE_PATIENCE_SECONDS,
        "socket_timeout": _STORE_PATIENCE_SECONDS,
        "retry": None,  # redis-py would try three times, with seconds between
        "key_prefix": "kaltalk-iv",
    }
    try:
        if urlsplit(url).scheme not in {"redis", "rediss", "redis+unix"}:
            raise ConfigurationError
        return RedisStorage(url, wrap_exceptions=True, **options)
    except (ConfigurationError, AttributeError, TypeError, ValueError):
        raise RuntimeError(
            f"{STORAGE_SETTING} must be an address such as redis://127.0.0.1:6379/0, with the package redis installed, "
            "or empty: then each worker counts in its own memory."
        ) from None


def _rate(limit: Limit, given: object) -> RateLimitItem | None:
    if str(given).strip().lower() in {"off", "0"}:
        return None
    try:
        rate = parse(given if isinstance(given, str) and not set(given) & set(",;|") else "")
    except ValueError:
        rate = None
    if rate is None or rate.amount < 1 or not 1 <= rate.get_expiry() <= LONGEST_WINDOW_SECONDS:
        raise RuntimeError(
            f"{limit.value} must be a rate such as '{DEFAULT_RATES[limit]}', with a window of up to a day, or 'off'."
        )
    return rate
