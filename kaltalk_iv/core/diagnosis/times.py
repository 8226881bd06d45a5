"""What is wrong with ``exp``, ``iat`` and ``nbf``: units, clocks, time zones, lifetimes. And spans of time in words."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..tokens import CLOCK_SKEW_SECONDS
from .advice import Advice, advise
from .codes import Code

_CLAIMS: Final = ("exp", "iat", "nbf")
_EXP_ALIASES: Final = ("expiresIn", "expires_in", "expiresAt", "expires_at", "expires", "expiry", "expiration", "Exp")
_EARLIEST = 500_000_000  # 1985: what is smaller counts from somewhere else than 1970
_LATEST = 100_000_000_000  # the year 5138: what is larger counts in milliseconds or finer
_HOUR = 3600
_DAY = 24 * _HOUR
_AS_LONG_AS_AN_HOUR = _HOUR + CLOCK_SKEW_SECONDS
_NOT_JUST_SIGNED = 120  # seconds between signing a token and pasting it that need no word
_ZONES: Final = (*(hours * _HOUR for hours in range(1, 15)), 12600, 16200, 19800, 34200)  # and Iran to Adelaide
_ZONE_TOLERANCE = 90
_UNITS: Final = ((_DAY, "day"), (_HOUR, "hour"), (60, "minute"))


def in_words(seconds: float) -> str:
    """Return a span of time in at most two units: ``1 hour 4 minutes``, ``3 days``, ``12 seconds``."""
    left = round(abs(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(_counted(count, unit))
        elif parts:
            break  # 3 days, and not 3 days 12 seconds
    if not parts or (left and len(parts) == 1 and parts[0].endswith(("minute", "minutes"))):
        parts.append(_counted(left, "second"))
    return " ".join(parts[:2])


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count:,} {unit}s"


def moment(payload: Mapping[str, Any], claim: str) -> float | None:
    """Return the claim as Unix seconds when it is a number of a plausible size, else None."""
    value = _number(payload, claim)
    return float(value) if value is not None and _EARLIEST <= value < _LATEST else None


@dataclass(frozen=True, slots=True)
class Lifetime:
    """From when to when a token is good (Unix seconds, None where it does not say), and that in words."""

    issued_at: float | None
    expires_at: float | None
    sentence: str


def lifetime_of(payload: Mapping[str, Any], now: float) -> Lifetime | None:
    """Return the lifetime of a token, or None when it says neither when it was issued nor when it expires."""
    iat, exp = moment(payload, "iat"), moment(payload, "exp")
    said: list[str] = []
    if iat is not None:
        said.append(_issued(now - iat))
    if exp is not None:
        said.append(f"expired {in_words(now - exp)} ago" if exp <= now else f"expires in {in_words(exp - now)}")
    if iat is not None and exp is not None and iat < exp:
        said.append(f"good for {in_words(exp - iat)} in all")
    if not said:
        return None
    sentence = ", ".join(said)
    return Lifetime(iat, exp, f"{sentence[0].upper()}{sentence[1:]}.")


def _issued(seconds_ago: float) -> str:
    if abs(seconds_ago) < 2:
        return "issued just now"
    return f"issued {in_words(seconds_ago)} {'ago' if seconds_ago > 0 else 'in the future'}"


def _number(payload: Mapping[str, Any], claim: str) -> int | float | None:
    value = payload.get(claim)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def time_advice(payload: Mapping[str, Any], now: float, max_lifetime: float) -> Iterator[Advice]:
    """Yield what to mend about the times in ``payload``."""
    numbers = {claim: number for claim in _CLAIMS if (number := _number(payload, claim)) is not None}
    in_milliseconds = [claim for claim, number in numbers.items() if number >= _LATEST]
    if in_milliseconds:
        yield advise(Code.TIME_IN_MILLISECONDS, claims=", ".join(in_milliseconds))
    as_text = [claim for claim in _CLAIMS if isinstance(payload.get(claim), str)]
    if as_text:
        yield advise(Code.TIME_AS_TEXT, claims=", ".join(as_text))
    if "exp" not in payload:
        alias = next((name for name in _EXP_ALIASES if name in payload), None)
        yield advise(Code.EXP_MISSING) if alias is None else advise(Code.EXP_NAMED_OTHERWISE, claim=alias)
    elif 0 <= numbers.get("exp", -1) < _EARLIEST:
        yield advise(Code.EXP_RELATIVE)
    iat = moment(payload, "iat")
    exp = moment(payload, "exp")
    if exp is not None:
        yield from _expiry_advice(exp, iat, now, max_lifetime)
    yield from _clock_advice(exp, iat, moment(payload, "nbf"), now)


def _expiry_advice(exp: float, iat: float | None, now: float, max_lifetime: float) -> Iterator[Advice]:
    lifetime = exp - (now if iat is None else iat)
    if exp <= now:
        if iat is not None and exp <= iat:
            yield advise(Code.EXP_BEFORE_IAT)
        else:
            yield advise(Code.EXPIRED, exp, ago=in_words(now - exp))
    elif lifetime > max_lifetime:
        yield advise(Code.LIFETIME_TOO_LONG, lifetime=in_words(lifetime), limit=in_words(max_lifetime))
    elif lifetime > _AS_LONG_AS_AN_HOUR:
        yield advise(Code.LIFETIME_OVER_AN_HOUR, lifetime=in_words(lifetime))


def _clock_advice(exp: float | None, iat: float | None, nbf: float | None, now: float) -> Iterator[Advice]:
    """Yield how far the signer's clock is off, read from ``iat``; from ``exp`` where only a time zone shows in it."""
    if iat is not None and iat > now + CLOCK_SKEW_SECONDS:
        code = Code.TIME_ZONE_AHEAD if _is_a_zone(iat - now) else Code.CLOCK_AHEAD
        yield advise(code, claim="iat", span=in_words(iat - now))
    elif nbf is not None and nbf > now + CLOCK_SKEW_SECONDS:
        yield advise(Code.NBF_AHEAD, span=in_words(nbf - now))
    elif iat is not None and _NOT_JUST_SIGNED < now - iat < _DAY:
        code = Code.TIME_ZONE_BEHIND if _is_a_zone(now - iat) else Code.CLOCK_BEHIND
        yield advise(code, span=in_words(now - iat))
    elif iat is None and exp is not None and _is_a_zone(now - exp):
        yield advise(Code.TIME_ZONE_BEHIND, span=in_words(now - exp))


def _is_a_zone(seconds: float) -> bool:
    return any(abs(seconds - zone) <= _ZONE_TOLERANCE for zone in _ZONES)
