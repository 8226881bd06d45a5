"""Taking a user token apart: its three parts and what they hold, proving nothing. What proves is in ``tokens``."""

import re
from binascii import a2b_base64
from typing import Any

from .claims import Claims, Notice, read_profile, read_self_claimed
from .errors import Malformed, Unreadable
from .strict_json import parse_object

MAX_TOKEN_LENGTH = 8192

_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)(?:\.([A-Za-z0-9_-]*))?")


class UserToken:
    """What a page sent as ``userJwt``, whatever it is. It is taken apart once, for the claims and for the checks."""

    __slots__ = ("_payload", "_profile", "_segments", "_value")

    def __init__(self, value: object) -> None:
        """Raises nothing: what ``value`` is shows when it is read."""
        self._value = value
        self._segments: tuple[str, str, str] | None = None
        self._payload: dict[str, Any] | None = None
        self._profile: tuple[str | None, str | None, tuple[Notice, ...]] | None = None

    @property
    def segments(self) -> tuple[str, str, str]:
        """Header, payload and signature as they were sent. Raises Malformed."""
        if self._segments is None:
            self._segments = split(self._value)
        return self._segments

    @property
    def payload(self) -> dict[str, Any]:
        """The payload, proving nothing. Raises Malformed."""
        if self._payload is None:
            self._payload = decode_object(self.segments[1], "payload")
        return self._payload

    @property
    def profile(self) -> tuple[str | None, str | None, tuple[Notice, ...]]:
        """E-mail, name, and what was dropped of them, proving nothing. Raises Malformed."""
        if self._profile is None:
            self._profile = read_profile(self.payload)
        return self._profile

    def claims(self) -> tuple[Claims, tuple[Notice, ...]] | None:
        """Return what is claimed, proving nothing, or None when the payload cannot be read. Raises nothing."""
        try:
            return read_self_claimed(self.payload, "sub", self.profile)
        except Malformed:
            return None


def split(token: object) -> tuple[str, str, str]:
    """Return header, payload and signature as they were sent; a missing signature is empty. Raises Malformed."""
    if not isinstance(token, str):
        raise Malformed("A user token is text: three base64url parts joined by dots.")
    if len(token) > MAX_TOKEN_LENGTH:
        raise Malformed(f"The token has {len(token)} characters; at most {MAX_TOKEN_LENGTH} are read.")
    shape = _SHAPE.fullmatch(token)
    if shape is None:
        raise Malformed("The token is not three base64url parts joined by dots (RFC 7515, section 3.1).")
    return shape[1], shape[2], shape[3] or ""


def decode_segment(segment: str, name: str) -> bytes:
    """Return the bytes of one part of a token; ``name`` is what the error calls it. Raises Malformed."""
    if len(segment) % 4 == 1:
        raise Malformed(f"The {name} of the token is cut: no base64url text has this length.")
    return a2b_base64(segment.replace("-", "+").replace("_", "/") + "=" * (-len(segment) % 4))


def decode_object(segment: str, name: str) -> dict[str, Any]:
    """Return the JSON object in one part of a token. Raises Malformed."""
    try:
        return parse_object(decode_segment(segment, name))
    except Unreadable as error:
        raise Malformed(f"The {name} of the token is not a strict JSON object: {error.detail}") from None
