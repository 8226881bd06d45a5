"""Coverage: identifies counted in memory, written now and then, and reported for 24 hours and 7 days.

No request waits for its count. A worker that is killed loses what it counted in its last seconds, and nothing else.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..core.coverage import Outcome, Sighting
from ..core.errors import UnknownOrganization
from ..store import counts, organizations
from ..store.counts import HOUR_SECONDS, CountRow

DAY_SECONDS = 24 * 3600
WEEK_SECONDS = 7 * DAY_SECONDS
WRITE_EVERY_SECONDS = 10
MAX_KINDS = 10_000  # rows held in memory; beyond it new kinds are not counted, so that nobody can fill a worker


class Tally:
    """The identifies that this process has counted and not yet written. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, int, str, str], CountRow] = {}
        self._since: float | None = None

    def add(self, sighting: Sighting, now: float) -> None:
        """Count one identify."""
        hour = int(now // HOUR_SECONDS) * HOUR_SECONDS
        reason = sighting.reason or ""
        one = CountRow(sighting.organization_id, hour, sighting.outcome, reason, 1, now, now, sighting.seconds_off)
        with self._lock:
            self._merge(one, now)

    def is_due(self, now: float) -> bool:
        """True when something has waited long enough to be written."""
        since = self._since
        return since is not None and now - since >= WRITE_EVERY_SECONDS

    def take(self) -> list[CountRow]:
        """Return all that is counted, and begin again."""
        with self._lock:
            rows, self._rows, self._since = list(self._rows.values()), {}, None
        return rows

    def put_back(self, rows: Iterable[CountRow], now: float) -> None:
        """Take back rows that could not be written; they are tried again later."""
        with self._lock:
            for row in rows:
                self._merge(row, now)

    def _merge(self, row: CountRow, now: float) -> None:
        key = (row.organization_id, row.hour, row.outcome, row.reason)
        there = self._rows.get(key)
        if there is not None:
            self._rows[key] = _sum(there, row)
        elif len(self._rows) < MAX_KINDS:
            self._rows[key] = row
        if self._since is None:
            self._since = now


def _sum(one: CountRow, other: CountRow) -> CountRow:
    return CountRow(
        organization_id=one.organization_id,
        hour=one.hour,
        outcome=one.outcome,
        reason=one.reason,
        count=one.count + other.count,
        first_at=min(one.first_at, other.first_at),
        last_at=max(one.last_at, other.last_at),
        seconds_off=one.seconds_off if other.seconds_off is None else other.seconds_off,
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """Identifies by outcome."""

    verified: int = 0
    failed: int = 0
    unsigned: int = 0
    anonymous: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.verified + self.failed + self.unsigned + self.anonymous

    @property
    def would_be_refused(self) -> int:
        """What mode ``required`` would have refused: whoever was named without proof."""
        return self.failed + self.unsigned


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of the chart: the identifies from ``begins_at`` on, until the next bar."""

    begins_at: float
    counts: Counts


@dataclass(frozen=True, slots=True)
class Failure:
    """Identifies that failed for one reason. ``seconds_off`` is by how much the last of them missed its time."""

    reason: str
    count: int
    first_at: float
    last_at: float
    seconds_off: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The report of an organization: two totals, 24 bars of an hour, 7 bars of a day, and why tokens failed."""

    last_day: Counts
    last_week: Counts
    hours: tuple[Bar, ...]
    days: tuple[Bar, ...]
    failures: tuple[Failure, ...]


def write(session: Session, rows: Iterable[CountRow], now: float) -> None:
    """Add counted ``rows`` to the database, save those of organizations that are gone."""
    rows = list(rows)
    there = organizations.known_ids(session, {row.organization_id for row in rows})
    counts.add_counts(session, (row for row in rows if row.organization_id in there), now)


def report(session: Session, organization_id: str, now: float) -> Coverage:
    """Return what was counted and written up to ``now``. Raises UnknownOrganization.

    Counts are kept by the hour: 24 hours are the running hour and the 23 before it, 7 days are 168 such hours.
    """
    if organizations.get_organization(session, organization_id) is None:
        raise UnknownOrganization
    running = int(now // HOUR_SECONDS) * HOUR_SECONDS
    day, week = running - DAY_SECONDS + HOUR_SECONDS, running - WEEK_SECONDS + HOUR_SECONDS
    rows = [row for row in counts.counts_since(session, organization_id, week) if week <= row.hour <= running]
    return Coverage(
        last_day=_count(row for row in rows if row.hour >= day),
        last_week=_count(rows),
        hours=_bars(rows, day, HOUR_SECONDS, 24),
        days=_bars(rows, week, DAY_SECONDS, 7),
        failures=_failures(rows),
    )


def _count(rows: Iterable[CountRow]) -> Counts:
    totals = dict.fromkeys(Outcome, 0)
    for row in rows:
        totals[Outcome(row.outcome)] += row.count
    return Counts(**{outcome.value: total for outcome, total in totals.items()})


def _bars(rows: list[CountRow], begins_at: int, width: int, number: int) -> tuple[Bar, ...]:
    starts = (begins_at + place * width for place in range(number))
    return tuple(Bar(start, _count(row for row in rows if start <= row.hour < start + width)) for start in starts)


def _failures(rows: list[CountRow]) -> tuple[Failure, ...]:
    by_reason: dict[str, CountRow] = {}
    for row in rows:
        if row.outcome == Outcome.FAILED:
            there = by_reason.get(row.reason)
            by_reason[row.reason] = row if there is None else _sum(there, row)
    found = (Failure(row.reason, row.count, row.first_at, row.last_at, row.seconds_off) for row in by_reason.values())
    return tuple(sorted(found, key=lambda failure: (-failure.count, failure.reason)))
