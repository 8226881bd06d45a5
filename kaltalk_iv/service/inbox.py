"""The inbox of an organization: its conversations, newest first. Shields are weighed at the moment of looking."""

import math
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..core.errors import UnknownOrganization
from ..core.listing import Filters, Place, Status
from ..core.policy import Mode, State, Verdict, verdict_now
from ..store import listing, organizations, signing_secrets
from ..store.conversations import ConversationRecord
from ..store.inbox import InboxRow
from ..store.listing import Lane
from ..store.signing_secrets import SecretRecord

LIST_LENGTH = 50
MOST_UNREAD = 100  # so many, or more
EVERYTHING_OPEN = Filters()


@dataclass(frozen=True, slots=True)
class Entry:
    """A conversation with what its identity is worth now, in the effective mode. ``title`` is None for nobody named."""

    conversation: ConversationRecord
    mode: Mode
    verdict: Verdict
    title: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list, newest first, and what was asked for. ``unread`` is counted up to 100.

    ``place`` is where the page begins, and ``newer`` the direction from there; None for the newest. ``is_cut``: the
    search met more than it looks through. ``is_unused``: this organization has no conversation at all.
    """

    filters: Filters
    place: Place | None
    newer: bool
    entries: tuple[Entry, ...]
    mode: Mode
    has_newer: bool
    has_older: bool
    is_cut: bool
    is_unused: bool
    unread: int


def list_conversations(
    session: Session,
    organization_id: str,
    now: float,
    filters: Filters = EVERYTHING_OPEN,
    place: Place | None = None,
    *,
    newer: bool = False,
) -> Listing:
    """Return the 50 conversations before ``place`` or, ``newer``, after it. Raises UnknownOrganization.

    A page of newer ones that is not full has reached the top, so it is the newest page.
    """
    mode = effective_mode_of(session, organization_id)
    lanes = _lanes(filters, mode, signing_secrets.list_secrets(session, organization_id))
    matches = None if filters.search is None else listing.find_matches(session, organization_id, filters.search)

    def page(place: Place | None, *, newer: bool) -> list[InboxRow]:
        return listing.list_page(
            session, organization_id, lanes, matches, place=place, newer=newer, limit=LIST_LENGTH + 1
        )

    found = page(place, newer=newer)
    if newer and len(found) <= LIST_LENGTH:
        place, newer = None, False
        found = page(place, newer=newer)
    shown = found[-LIST_LENGTH:] if newer else found[:LIST_LENGTH]
    entries = [entry_of(row, mode, now) for row in shown]
    # A secret may have been revoked since the lanes were chosen: no row stands under a filter that its shield denies.
    entries = [entry for entry in entries if filters.state in {None, entry.verdict.state}]
    return Listing(
        filters=filters,
        place=place,
        newer=newer,
        entries=tuple(entries),
        mode=mode,
        has_newer=place is not None,
        has_older=newer or len(found) > LIST_LENGTH,
        is_cut=matches is not None and matches.is_cut,
        is_unused=not found and filters == EVERYTHING_OPEN and not _has_any(session, organization_id),
        unread=listing.count_unread(session, organization_id, MOST_UNREAD),
    )


def _lanes(filters: Filters, mode: Mode, secrets: list[SecretRecord]) -> list[Lane]:
    """Return the ranges of the index that hold what ``filters`` ask for, as ``verdict_now`` has it at this moment."""
    statuses = tuple(Status) if filters.status is None else (filters.status,)
    revoked = [secret.id for secret in secrets if mode is Mode.OFF or secret.revoked_at is not None]
    standings: dict[State | None, list[str | None]] = {
        None: [None],
        State.ANONYMOUS: [State.ANONYMOUS],
        State.UNVERIFIED: [State.UNVERIFIED, *revoked],
        State.VERIFIED: [secret.id for secret in secrets if secret.id not in revoked],
    }
    return [Lane(status, standing) for status in statuses for standing in standings[filters.state]]


def _has_any(session: Session, organization_id: str) -> bool:
    lanes = [Lane(status, None) for status in Status]
    return bool(listing.list_page(session, organization_id, lanes, None, place=None, newer=False, limit=1))


def effective_mode_of(session: Session, organization_id: str) -> Mode:
    """Return the mode that acts in this organization now. Raises UnknownOrganization."""
    organization = organizations.get_organization(session, organization_id)
    if organization is None:
        raise UnknownOrganization
    return organization.effective_mode


def entry_of(row: InboxRow, mode: Mode, now: float) -> Entry:
    """Return the conversation of ``row`` with what its identity is worth at ``now``."""
    said = row.conversation
    # No time limit here: what was spoken under proof stays proven when the token has run out since.
    verdict = verdict_now(said.verdict, mode, proven_until=math.inf, secret_revoked=row.secret_revoked, now=now)
    if verdict.state is State.VERIFIED:  # a name that nobody proved must not head what is marked as proven
        return Entry(said, mode, verdict, row.proven_name or row.proven_email or row.customer_external_id)
    of_record = row.customer_name or row.customer_email or row.customer_external_id
    return Entry(said, mode, verdict, of_record or said.claimed_name or said.claimed_email or said.claimed_external_id)
