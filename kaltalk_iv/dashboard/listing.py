"""The list as a page shows it: what its URL asks for, the links of its filters, and what is said of what it holds."""

from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from ..core.listing import Filters, Place, Status, read_filters, read_place, write_place
from ..core.policy import Mode, State
from ..service.inbox import MOST_UNREAD, Listing, list_conversations
from ..state import current_state
from .protection import viewer

STATES = {
    None: "All",
    State.VERIFIED: "Verified",
    State.UNVERIFIED: "Unverified",
    State.ANONYMOUS: "Anonymous",
}
STATUSES = {Status.OPEN: "Open", Status.CLOSED: "Closed", None: "Both"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A link of the list."""

    label: str
    url: str
    is_current: bool


def asked_listing() -> Listing:
    """Return the page of the list that the URL of this request asks for. Any URL asks for one."""
    filters, place, newer = _asked()
    state = current_state()
    return list_conversations(state.session, viewer().organization_id, state.clock(), filters, place, newer=newer)


def asked_query() -> dict[str, Any]:
    """Return the part of this request's URL that asks for a page of the list, for a link beside it."""
    filters, place, newer = _asked()
    return query(filters) | _place_query(place, newer=newer)


def query(filters: Filters) -> dict[str, str]:
    """Return ``filters`` as the parameters of a URL; what is the default is left out."""
    asked: dict[str, str] = {}
    if filters.state is not None:
        asked["identity"] = filters.state.value
    if filters.status is not Status.OPEN:
        asked["status"] = "all" if filters.status is None else filters.status.value
    if filters.search is not None:
        asked["q"] = filters.search.text
    return asked


def place_query(listing: Listing) -> dict[str, str]:
    """Return what asks for this very page again, for the links and the script of a page that shows it beside others."""
    return query(listing.filters) | _place_query(listing.place, newer=listing.newer)


def states(listing: Listing) -> list[Choice]:
    """Return the choice of an identity state."""
    asked = listing.filters
    return [
        Choice(label, _url(Filters(state, asked.status, asked.search)), asked.state is state)
        for state, label in STATES.items()
    ]


def statuses(listing: Listing) -> list[Choice]:
    """Return the choice between open and closed conversations."""
    asked = listing.filters
    return [
        Choice(label, _url(Filters(asked.state, status, asked.search)), asked.status is status)
        for status, label in STATUSES.items()
    ]


def pages(listing: Listing) -> list[Choice]:
    """Return the links to the pages before and after this one, as far as there are any."""
    links = []
    if listing.has_newer:
        links.append(Choice("Newest", _url(listing.filters), is_current=False))
        if listing.entries:
            links.append(Choice("Newer", _url(listing.filters, newer=_place(listing, 0)), is_current=False))
    if listing.has_older:
        links.append(Choice("Older", _url(listing.filters, older=_place(listing, -1)), is_current=False))
    return links


def clear_url(listing: Listing) -> str | None:
    """Return the link that takes every filter away, or None where there is none to take."""
    return None if listing.filters == Filters() else url_for("kaltalk_iv_dashboard.inbox")


def page_title(listing: Listing) -> str:
    """Return what a browser's tab says: how many conversations are unread, and which are listed."""
    return with_unread(heading(listing), listing)


def heading(listing: Listing) -> str:
    """Return which conversations are listed, in a few words."""
    asked = listing.filters
    parts = [] if asked.state is None else [STATES[asked.state].lower()]
    if asked.status is not Status.OPEN:
        parts.append("closed" if asked.status is Status.CLOSED else "open and closed")
    if asked.search is not None:
        parts.append("search")
    return "Inbox" + (f": {', '.join(parts)}" if parts else "")


def with_unread(title: str, listing: Listing) -> str:
    """Return a page's title with the number of unread conversations before it."""
    return f"({unread(listing)}) {title}" if listing.unread else title


def unread(listing: Listing) -> str:
    """Return how many open conversations are unread, for a small place."""
    return f"{MOST_UNREAD - 1}+" if listing.unread >= MOST_UNREAD else str(listing.unread)


def summary(listing: Listing) -> str:
    """Return how much of what was asked for stands in the list; nothing for an empty one, which speaks for itself."""
    count = len(listing.entries)
    if not count:
        return ""
    if listing.has_newer or listing.has_older:
        which = "The newest" if not listing.has_newer else "The next" if listing.has_older else "The last"
        return f"{which} {count} conversations" if count > 1 else f"{which} conversation"
    return f"{count} conversations" if count > 1 else "1 conversation"


def empty(listing: Listing) -> str:
    """Return the sentence that stands in place of conversations."""
    asked = listing.filters
    if listing.is_unused:
        return "No conversations yet."
    if asked.state is State.VERIFIED and listing.mode is Mode.OFF:
        return "Identity verification is off: nobody is checked."
    if listing.has_newer:
        return "No older conversations."
    if listing.is_cut:
        return cut_notice()  # there may well be some among those that were not looked through
    words = ["No", asked.status and asked.status.value, asked.state and asked.state.value, "conversations"]
    sentence = " ".join(word for word in words if word)
    return f"{sentence} found." if asked.search else f"{sentence}."


def cut_notice() -> str:
    """Return what is said of a search that meets too many to look through."""
    return "Many match. Only some were looked through: type more."


def _asked() -> tuple[Filters, Place | None, bool]:
    asked = request.args
    filters = read_filters(asked.get("identity", ""), asked.get("status", ""), asked.get("q", ""))
    newer = read_place(asked.get("newer", ""))
    return filters, newer or read_place(asked.get("older", "")), newer is not None


def _place_query(place: Place | None, *, newer: bool) -> dict[str, str]:
    return {} if place is None else {"newer" if newer else "older": write_place(place)}


def _place(listing: Listing, index: int) -> str:
    said = listing.entries[index].conversation
    return write_place(Place(said.last_message_at, said.id))


def _url(filters: Filters, **place: str) -> str:
    asked: dict[str, Any] = query(filters) | place
    return url_for("kaltalk_iv_dashboard.inbox", **asked)
