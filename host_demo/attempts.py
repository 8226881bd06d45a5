"""How often somebody may guess a password, make an account or have a mail sent.

Counted in the memory of each worker: with four of them, somebody may up to four times as often. Who counts as one is
the visitor's address, so behind a proxy `HOST_PROXY_HOPS` must be right, or all visitors are one.
"""

from ipaddress import ip_address, ip_network
from threading import Lock

from flask import Flask, current_app, request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

_lock = Lock()  # the storage loses a hit where two begin a window at once

Counted = list[tuple[RateLimitItem, tuple[str, ...]]]


def login(username: str) -> Counted:
    """What a login counts for. Not for the name wherever it comes from: a stranger could lock its owner out."""
    network = _network()
    return [(parse("30 per minute"), ("login", network)), (parse("10 per minute"), ("login", network, username))]


def new_account() -> Counted:
    """What a new account counts for, and one whose username is taken."""
    return [(parse("30 per hour"), ("account", _network()))]


def mail(email: str) -> Counted:
    """What a mail counts for: nobody has this shop fill a mailbox, or write to all that there are.

    A stranger can use up the five of an address; its owner waits for an hour then.
    """
    return [(parse("30 per hour"), ("mail", _network())), (parse("5 per hour"), ("mail to", email.lower()))]


def may(counted: Counted) -> bool:
    """Count one more of these; whether it may be.

    Counted before it is done: of a hundred requests at once each would find that the others have not counted yet.
    """
    windows = FixedWindowRateLimiter(_storage())
    for at, (limit, who) in enumerate(counted):
        with _lock:
            is_free = windows.hit(limit, *who)
        if not is_free:
            take_back(counted[:at])  # nobody else of a network is refused for what one of them was refused
            return False
    return True


def take_back(counted: Counted) -> None:
    """One less of these: a login that succeeded was no guess."""
    with _lock:
        for limit, who in counted:
            _storage().decr(limit.key_for(*who))


def init_app(app: Flask) -> None:
    """Count for this application alone."""
    app.extensions["host_attempts"] = MemoryStorage()


def _storage() -> MemoryStorage:
    storage: MemoryStorage = current_app.extensions["host_attempts"]
    return storage


def _network() -> str:
    """Whom the visitor's address stands for: an IPv4 address itself, an IPv6 one all 2**64 of its network."""
    given = request.remote_addr or ""
    try:
        address = ip_address(given)
    except ValueError:  # some servers have no address for a Unix socket
        return given
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
