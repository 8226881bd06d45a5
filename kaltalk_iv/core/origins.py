"""Web origins: what an entry of an organization's list looks like, and whether a page's origin is on it."""

import re
from collections.abc import Collection
from ipaddress import IPv6Address

from .errors import Unreadable

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Not urlsplit: it takes line ends out of the middle, and what it makes of "[::1]x" depends on the Python version.
# Letters in both cases and no IGNORECASE, to which the long s (U+017F) is an s.
_SCHEME = "[Hh][Tt][Tt][Pp][Ss]?"
_ORIGIN = re.compile(rf"({_SCHEME})://(?:\[([0-9A-Fa-f:.]+)\]|([^\s/?#@:\[\]\\]+))(?::([0-9]{{1,5}}))?/?")
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
# An address of a page: its host, with what stands around it left out.
_ADDRESS = re.compile(rf"(?:({_SCHEME}):/*)?(?:[^\s/?#@]*@)?([^\s/?#@\\,;]+)")
_LONGEST_ADDRESS = 500


def parse_origin(entry: str) -> str:
    """Return ``entry`` as browsers write an origin (RFC 6454, section 6.2).

    Raises Unreadable, with what it should be.
    """
    parts = _ORIGIN.fullmatch(entry.strip())
    if parts is None:
        raise Unreadable(
            "An origin is https:// or http:// and a host, without path, user name or wildcard: https://shop.example.com."
        )
    scheme, ipv6, name = parts[1].lower(), parts[2], parts[3]
    port = int(parts[4] or _DEFAULT_PORTS[scheme])
    try:
        host = f"[{IPv6Address(ipv6).compressed}]" if ipv6 else name.encode("idna").decode().lower()
    except ValueError:  # UnicodeError is one
        raise Unreadable("This is not the name of a host. Write an origin like https://shop.example.com.") from None
    if "*" in host:
        raise Unreadable(f"An origin has no wildcard. Write each one: {scheme}://{host.replace('*', 'shop')}.")
    if not 1 <= port <= 65_535 or not (ipv6 or _HOST.fullmatch(host)):
        raise Unreadable("This is not the name of a host. Write an origin like https://shop.example.com.")
    return f"{scheme}://{host}" + (f":{port}" if port != _DEFAULT_PORTS[scheme] else "")


def is_allowed(origin: str | None, allowed: Collection[str]) -> bool:
    """True when a page of ``origin`` may call: an empty list allows any, and a call without an origin is no page's."""
    return origin is None or not allowed or origin in allowed


def suggest_origin(entry: str) -> str | None:
    """Return the origin that a refused ``entry`` seems to mean, or None: an address of a page, or a bare host."""
    parts = _ADDRESS.match(entry.strip()[:_LONGEST_ADDRESS])
    if parts is None:
        return None
    host = parts[2].lstrip("*.").rstrip(".")
    try:
        return parse_origin(f"{(parts[1] or 'https').lower()}://{host}")
    except Unreadable:
        return None
