"""The text of a chat message: what is kept of what was typed."""

import re

from .errors import Unreadable

MAX_MESSAGE = 4000

_LINE_BREAKS = re.compile("\r\n?|\u2028|\u2029")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_id(value: str) -> bool:
    """True when ``value`` could be an id of ours. Anything else need not reach a database, which may not store it."""
    return _ID.fullmatch(value) is not None


def parse_message(value: object) -> str:
    """Return the message that ``value`` is: 1 to 4,000 characters, lines kept, control characters gone.

    Half a character (a lone surrogate, which no database stores) becomes U+FFFD. Raises Unreadable.
    """
    if not isinstance(value, str):
        raise Unreadable("text must be text.")
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub("", _LINE_BREAKS.sub("\n", value))).strip()
    if not 1 <= len(text) <= MAX_MESSAGE:
        raise Unreadable(f"text must have 1 to {MAX_MESSAGE} characters; this one has {len(text)}.")
    return text


def parse_client_message_id(value: object) -> str:
    """Return the id that a widget gave its message, so that a repeated send is known. Raises Unreadable."""
    if not isinstance(value, str) or not is_id(value):
        raise Unreadable("clientMessageId must be 1 to 64 letters, digits, hyphens or underscores. A UUID is fine.")
    return value
