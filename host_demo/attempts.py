"""How often somebody may guess a password, and how many accounts one network may make.

Without the first, guessing costs nothing; without the second, anybody has this shop write to every mailbox there is.
Counted in the memory of each worker: with four of them, somebody may try up to four times as often.
"""

from ipaddress import ip_address, ip_network

from flask import Flask, current_app, request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

FAILED_LOGINS_OF_NETWORK = parse("30 per minute")
FAILED_LOGINS_OF_NAME = parse("10 per minute")
NEW_ACCOUNTS_OF_NETWORK = parse("20 per hour")

Counted = list[tuple[RateLimitItem, tuple[str, ...]]]


def init_app(app: Flask) -> None:
    """Count for this application alone."""
    app.extensions["host_attempts"] = FixedWindowRateLimiter(MemoryStorage())


def failed_logins(username: str) -> Counted:
    """What a wrong password counts for; not for the name alone, or any stranger could lock its owner out."""
    return [(FAILED_LOGINS_OF_NETWORK, (_network(),)), (FAILED_LOGINS_OF_NAME, (username, _network()))]


def new_accounts() -> Counted:
    """What a new account counts for."""
    return [(NEW_ACCOUNTS_OF_NETWORK, (_network(),))]


def are_too_many(counted: Counted) -> bool:
    """Whether one of these counts is full."""
    return not all(_counter().test(limit, *who) for limit, who in counted)


def count(counted: Counted) -> None:
    """One more of these."""
    for limit, who in counted:
        _counter().hit(limit, *who)


def _counter() -> FixedWindowRateLimiter:
    counter: FixedWindowRateLimiter = current_app.extensions["host_attempts"]
    return counter


def _network() -> str:
    """Whom the visitor's address stands for: an IPv4 address itself, an IPv6 one all 2**64 of its network."""
    address = ip_address(request.remote_addr or "::")
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
