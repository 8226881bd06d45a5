"""How often is too often: per address, organization, widget session, login and admin. Counted in memory or in Redis.

The library ``limits`` reads the rates and counts in Redis. Flask-Limiter, which wraps it, is not used: it runs before
every request of the embedding application, obeys that application's ``RATELIMIT_*`` settings, and costs 0.3 ms a
request where what an identify asks here costs 0.01 ms.
"""

import hashlib
import logging
import math
import re
import time
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address
from typing import Protocol, TypeVar

from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import RedisStorage

from .core.errors import RateLimited
from .rates import STORAGE_SETTING, SWITCH_SETTING, Limit, Rates
from .windows import Windows

_STORE_REST_SECONDS = 10.0
_ALARM_SECONDS = 60.0

# Some proxies write the visitor's port behind the address. Nobody may be somebody new with each connection, and all
# visitors of such a proxy may not be one.
_WITH_PORT = re.compile(r"\[(?P<ipv6>[^\]]+)\](?::[0-9]+)?|(?P<ipv4>[0-9.]+):[0-9]+")

_log = logging.getLogger("kaltalk_iv")

T = TypeVar("T")


class _Store(Protocol):
    """What is asked of a store of the library, and of our own."""

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Return the count of the window that runs, with ``amount`` added."""

    def get_expiry(self, key: str) -> float:
        """Return when that window ends, in Unix seconds."""


def network_of(address: str | None) -> str:
    """Return whom an address stands for: an IPv4 address itself, the /64 network of an IPv6 one.

    Whoever has one IPv6 address has the other 2**64 of its network, and would be somebody new with each of them.
    """
    with_port = _WITH_PORT.fullmatch(address or "")
    if with_port is not None:
        address = with_port["ipv6"] or with_port["ipv4"]
    if address is None or ":" not in address:
        return address or "unknown"
    try:
        found = IPv6Address(address)
    except AddressValueError:
        return "unknown"
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))


class Limiter:
    """Counts for one application. Without rates it lets everything pass."""

    def __init__(
        self,
        rates: Rates | None = None,
        *,
        key: bytes = b"",
        clock: Callable[[], float] = time.time,
        store: RedisStorage | None = None,
    ) -> None:
        """``key`` (up to 64 bytes) keeps addresses and logins out of the store, and applications out of each other."""
        self._rates = rates or {}
        self._names = {limit: _unfinished_name(key, limit, rate) for limit, rate in self._rates.items()}
        self._clock = clock
        # One memory for each limit: a flood of addresses must not push failed logins out.
        self._local = {limit: Windows(clock) for limit in self._rates}
        self._shared = store
        self._rest_until = self._quiet_until = 0.0
        self._was_announced = False

    def hit(self, limit: Limit, *who: str) -> None:
        """Count one more of ``who``. Raises RateLimited when that is one too many, with the seconds to wait."""
        if not self._was_announced:
            self._announce()
        rate = self._rates.get(limit)
        if rate is None:
            return
        name = self._name(limit, who)
        until = self._ask(limit, lambda store: _refused_until(store, rate, name))
        if until is not None:
            wait = math.ceil(until - self._clock())
            raise RateLimited(retry_after=min(max(wait, 1), rate.get_expiry()))

    def give_back(self, limit: Limit, *who: str) -> None:
        """Take back one that was counted: a login that succeeded was no guess."""
        rate = self._rates.get(limit)
        if rate is not None:
            name = self._name(limit, who)
            self._ask(limit, lambda store: store.incr(name, rate.get_expiry(), -1))

    def _ask(self, limit: Limit, question: Callable[[_Store], T]) -> T:
        if self._shared is not None and not self._is_store_resting():
            try:
                answer = question(self._shared)
            except StorageError as error:
                self._rest_until = self._clock() + _STORE_REST_SECONDS
                self._raise_alarm(error)
            else:
                self._rest_until = 0.0
                return answer
        return question(self._local[limit])

    def _is_store_resting(self) -> bool:
        now = self._clock()
        is_resting = 0 < self._rest_until - now <= _STORE_REST_SECONDS
        if self._rest_until and not is_resting:
            self._rest_until = now + _STORE_REST_SECONDS  # one request finds out, and the others do not wait for it
        return is_resting

    def _announce(self) -> None:
        """Say in one line where this worker counts: with its first request, so that no command says it."""
        self._was_announced = True
        if not self._rates:
            _log.warning("The limits are off: %s.", SWITCH_SETTING)
        elif self._shared is None:
            _log.info("Limits are counted in memory, by each worker for itself; %s shares them.", STORAGE_SETTING)
        else:
            _log.info("Limits are counted in Redis, by all workers together.")

    def _raise_alarm(self, error: StorageError) -> None:
        now = self._clock()
        if 0 < self._quiet_until - now <= _ALARM_SECONDS:
            return
        self._quiet_until = now + _ALARM_SECONDS
        cause = type(error.storage_error).__name__
        _log.error("The store of the limits did not answer (%s): each worker counts for itself until it does.", cause)

    def _name(self, limit: Limit, who: tuple[str, ...]) -> str:
        """Return what ``who`` is counted as."""
        name = self._names[limit].copy()
        name.update("\0".join(who).encode("utf-8", "surrogatepass"))
        return name.hexdigest()


def _unfinished_name(key: bytes, limit: Limit, rate: RateLimitItem) -> hashlib.blake2b:
    """Return how the names of a limit begin: another way where the rate is another, because its window may be."""
    return hashlib.blake2b(f"{limit.value}\0{rate.amount}/{rate.get_expiry()}\0".encode(), key=key, digest_size=16)


def _refused_until(store: _Store, rate: RateLimitItem, name: str) -> float | None:
    """Return None when one more was counted in its fixed window, else when that ends, in Unix seconds."""
    return None if store.incr(name, rate.get_expiry()) <= rate.amount else store.get_expiry(name)
