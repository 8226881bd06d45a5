"""The list of conversations, page by page: ranges of indexes. Never a walk through all of them, nor a count of all."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..core.listing import Place, Search, Status
from ..models import Conversation, Customer
from .inbox import InboxRow, inbox_row, inbox_rows
from .sources import one_of

SEARCH_WIDTH = 500  # matches by one key that a search looks through, so that one letter does not walk a million rows

_RANGES_AT_ONCE = 200  # SQLite joins at most 500 queries in one
_LAST_CHARACTER = chr(0x10FFFF)
_KEY = (Conversation.last_message_at, Conversation.id)
# Spelled out and not sent as parameters: a partial index is used where its own condition stands in the query.
_IS_UNREAD = sa.text("unread_count > 0 AND status = 'open'")
_NAME_IS_PROVEN, _NAME_IS_CLAIMED = sa.text("name_proven"), sa.text("NOT name_proven")
_EMAIL_IS_PROVEN = sa.text("email_proven")


@dataclass(frozen=True, slots=True)
class Matches:
    """What a search found: customers, and conversations by what was claimed in them.

    ``is_cut``: there are more, and these are the first.
    """

    customer_ids: tuple[str, ...]
    conversation_ids: tuple[str, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """A range of the list: conversations with one status and one ``standing`` (None: any), by the last line."""

    status: Status
    standing: str | None


def list_page(
    session: Session,
    organization_id: str,
    lanes: Sequence[Lane],
    matches: Matches | None,
    *,
    place: Place | None,
    newer: bool,
    limit: int,
) -> list[InboxRow]:
    """Return up to ``limit`` conversations of these lanes, newest first.

    Those just before ``place`` in time or, ``newer``, just after it. Each lane is read from its place in an index, so
    it does not matter how many conversations there are or how rare a kind is among them.
    """
    found: dict[str, InboxRow] = {}
    for first in range(0, len(lanes), _RANGES_AT_ONCE):
        some = lanes[first : first + _RANGES_AT_ONCE]
        rows = _rows_of(session, organization_id, some, matches, place, newer=newer, limit=limit)
        found |= {row[0]: inbox_row(row) for row in session.execute(rows)}
    newest_first = sorted(found.values(), key=_place_of, reverse=True)
    return newest_first[-limit:] if newer else newest_first[:limit]


def find_matches(session: Session, organization_id: str, search: Search) -> Matches:
    """Return who and what begins with the text of ``search``: names, e-mails and ids, of records and as claimed.

    What is proven is looked for by itself as well: claims, however many, crowd nobody out who has proven who they are.
    """
    customer_ids = _beginning(
        session,
        organization_id,
        Customer.id,
        (Customer.name_key, search.name_key, _NAME_IS_PROVEN),
        (Customer.email_key, search.email_key, _EMAIL_IS_PROVEN),
        (Customer.name_key, search.name_key, _NAME_IS_CLAIMED),
        (Customer.email_key, search.email_key, None),
        (Customer.external_id, search.external_id, None),
    )
    conversation_ids = _beginning(
        session,
        organization_id,
        Conversation.id,
        (Conversation.claimed_name_key, search.name_key, None),
        (Conversation.claimed_email_key, search.email_key, None),
        (Conversation.claimed_external_id, search.external_id, None),
    )
    return Matches(customer_ids[0], conversation_ids[0], customer_ids[1] or conversation_ids[1])


def count_unread(session: Session, organization_id: str, up_to: int) -> int:
    """Return how many open conversations hold lines that no agent has seen; no more than ``up_to`` are counted."""
    some = sa.select(sa.literal(1)).where(Conversation.organization_id == organization_id, _IS_UNREAD)
    counted = sa.select(sa.func.count()).select_from(some.select_from(Conversation).limit(up_to).subquery())
    return session.execute(counted).scalar_one()


def _rows_of(
    session: Session,
    organization_id: str,
    lanes: Sequence[Lane],
    matches: Matches | None,
    place: Place | None,
    *,
    newer: bool,
    limit: int,
) -> sa.Select[Any]:
    rows = inbox_rows(organization_id)
    if matches is None and len(lanes) == 1:  # the index leads to the rows: they need not be looked up by id again
        return _from_place(rows.where(*_in_lane(lanes[0])), place, newer=newer, limit=limit)
    if matches is None:
        keys = [_range(organization_id, lane, place, newer=newer, limit=limit) for lane in lanes]
    else:
        keys = [_matching(session, organization_id, lanes, matches, place, newer=newer, limit=limit)]
    page = _page_of(keys, newer=newer, limit=limit)
    # Were the page joined, SQLite's later versions (3.46, not 3.40) would look up in it each one that there is.
    return rows.where(Conversation.id.in_(sa.select(page.c.id)))


def _range(organization_id: str, lane: Lane, place: Place | None, *, newer: bool, limit: int) -> sa.Select[Any]:
    keys = sa.select(*_KEY).where(Conversation.organization_id == organization_id, *_in_lane(lane))
    return _from_place(keys, place, newer=newer, limit=limit)


def _in_lane(lane: Lane) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [Conversation.status == lane.status]
    if lane.standing is not None:
        conditions.append(Conversation.standing == lane.standing)
    return conditions


def _matching(
    session: Session,
    organization_id: str,
    lanes: Sequence[Lane],
    matches: Matches,
    place: Place | None,
    *,
    newer: bool,
    limit: int,
) -> sa.Select[Any]:
    """Weigh what a search found, and nothing else: its rows are read by their ids first.

    Asked in one go, PostgreSQL walks back in time until it has met enough of them by chance (two seconds in a million),
    and SQLite through all that have the status (half a second).
    """
    # With a column that no index of the list has: SQLite would walk through such an index rather than look ids up.
    columns = (*_KEY, Conversation.status, Conversation.standing, Conversation.customer_id)
    ids = ((Conversation.customer_id, matches.customer_ids), (Conversation.id, matches.conversation_ids))
    by_ids = (
        sa.select(*columns).where(Conversation.organization_id == organization_id, one_of(session, column, some))
        for column, some in ids
    )
    found = sa.union(*by_ids).cte("matching").prefix_with("MATERIALIZED")
    ordered = found.c.last_message_at, found.c.id
    keys = sa.select(*ordered).where(found.c.status.in_({lane.status for lane in lanes}))
    standings = {lane.standing for lane in lanes if lane.standing is not None}
    if standings:
        keys = keys.where(found.c.standing.in_(standings))
    return _from_place(keys, place, newer=newer, limit=limit, key=ordered)


def _from_place(
    keys: sa.Select[*tuple[Any, ...]], place: Place | None, *, newer: bool, limit: int, key: Any = _KEY
) -> sa.Select[Any]:
    if place is not None:
        beyond = operator.gt if newer else operator.lt
        keys = keys.where(beyond(sa.tuple_(*key), sa.tuple_(place.at, place.id)))
    return keys.order_by(*(column.asc() if newer else column.desc() for column in key)).limit(limit)


def _page_of(keys: Sequence[sa.Select[Any]], *, newer: bool, limit: int) -> sa.Subquery:
    """Return the first ``limit`` of several sorted ranges; SQLite wants each of them in a query of its own."""
    if len(keys) == 1:
        return keys[0].subquery()
    parts = sa.union_all(*(sa.select(part.subquery()) for part in keys)).subquery()
    order = (column.asc() if newer else column.desc() for column in (parts.c.last_message_at, parts.c.id))
    return sa.select(parts).order_by(*order).limit(limit).subquery()


def _place_of(row: InboxRow) -> tuple[float, str]:
    return row.conversation.last_message_at, row.conversation.id


def _beginning(
    session: Session, organization_id: str, row_id: Any, *keys: tuple[Any, str, sa.TextClause | None]
) -> tuple[tuple[str, ...], bool]:
    """Return the ids of rows of which some key begins with its text, and whether there are more.

    Each key has its column, its text and, where a partial index has it, a condition.
    """
    ids: dict[str, None] = {}
    is_cut = False
    for column, text, condition in keys:
        if not text:
            continue
        found = sa.select(row_id).where(
            column.class_.organization_id == organization_id, column >= text, column < text + _LAST_CHARACTER
        )
        if condition is not None:
            found = found.where(condition)
        some = session.scalars(found.order_by(column.class_.organization_id, column).limit(SEARCH_WIDTH + 1)).all()
        is_cut = is_cut or len(some) > SEARCH_WIDTH
        ids |= dict.fromkeys(some[:SEARCH_WIDTH])
    return tuple(ids), is_cut
