"""What an agent asks of the inbox: filters, a search and a place in the list.

All of it comes from a URL, so from anybody. Nothing here raises: a bad filter is no filter, and a bad place is none.
"""

import base64
import math
import re
import struct
from dataclasses import dataclass
from enum import StrEnum

from .claims import email_key, name_key, parse_name
from .errors import InvalidClaim
from .policy import State
from .text import is_id

MAX_SEARCH = 255  # no name, e-mail or id is longer

_MOMENT = struct.Struct(">d")
_CONTROL_OR_SURROGATE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # what no database stores, and no key holds


class Status(StrEnum):
    """Whether a conversation waits for somebody."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for: the ``text`` as typed, cleaned, and the beginning of each key that it may be."""

    text: str
    name_key: str
    email_key: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Filters:
    """Which conversations to list. None leaves a filter out."""

    state: State | None = None
    status: Status | None = Status.OPEN
    search: Search | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list: that of the conversation ``id``, whose last line was written ``at`` (Unix seconds)."""

    at: float
    id: str


def read_filters(identity: str, status: str, search: str) -> Filters:
    """Return the filters that these words from a URL name: the open conversations of everybody where they name none."""
    states = {state.value: state for state in State}
    statuses: dict[str, Status | None] = {status.value: status for status in Status} | {"all": None}
    return Filters(states.get(identity), statuses.get(status, Status.OPEN), read_search(search))


def read_search(text: str) -> Search | None:
    """Return what ``text`` looks for, or None when nothing is left of it."""
    cleaned = _CONTROL_OR_SURROGATE.sub("", text[: 4 * MAX_SEARCH]).strip()[:MAX_SEARCH].strip()
    if not cleaned:
        return None
    try:
        as_name = name_key(parse_name(cleaned))  # cleaned like the names that are stored: no direction overrides
    except InvalidClaim:
        as_name = ""
    return Search(cleaned, as_name, email_key(cleaned), cleaned)


def write_place(place: Place) -> str:
    """Return ``place`` as text for a URL."""
    return base64.urlsafe_b64encode(_MOMENT.pack(place.at) + place.id.encode()).decode().rstrip("=")


def read_place(text: str) -> Place | None:
    """Return the place that ``text`` names, or None. It is not signed: a forged one is a place like any other."""
    try:
        packed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        moment, conversation_id = packed[: _MOMENT.size], packed[_MOMENT.size :].decode("ascii")
        (at,) = _MOMENT.unpack(moment)
    except (ValueError, struct.error):  # binascii's and Unicode's errors are ValueErrors
        return None
    return Place(at, conversation_id) if math.isfinite(at) and is_id(conversation_id) else None
