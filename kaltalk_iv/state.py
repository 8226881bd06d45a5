"""What one application has of ours: settings, database, guard, clock. Kept with the application."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar

from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from .config import Settings
from .core.coverage import Outcome, Sighting
from .core.errors import SecretUnavailable
from .current import this_app
from .limiter import Limiter
from .observing import signals
from .observing.alarms import Alarms
from .observing.metrics import Metrics
from .observing.requests import name_organization
from .service import coverage, events
from .service.coverage import Tally
from .service.events import Event
from .service.readiness import Readiness
from .store.reading import Reader
from .store.sources import Writer

_NAME = "kaltalk_iv"
_log = logging.getLogger(__name__)
_alarms = logging.getLogger("kaltalk_iv")
_failures = logging.getLogger("kaltalk_iv.identify")
_ATTEMPTS = 4

T = TypeVar("T")
W = TypeVar("W", Session, Writer)


class Database(Protocol):
    """What we ask of the application's ``db``: Flask-SQLAlchemy's has it."""

    @property
    def session(self) -> Callable[[], Session]:
        """What returns the session of this application context: a ``scoped_session``, say."""


class Role(StrEnum):
    """What somebody may do in the dashboard."""

    AGENT = "agent"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody whom the guard lets into one organization's dashboard. Two may have one name, but never one login."""

    name: str
    organization_id: str
    role: Role = Role.AGENT
    login: str | None = None

    @property
    def in_full(self) -> str:
        """Login and name, for the audit trail: the login first, so that no name can be taken for another's login."""
        return f"{self.login} ({self.name})" if self.login else self.name


Guard = Callable[[], Viewer | Response | None]
"""Answers who looks at the dashboard: a Viewer, a Response (a redirect to a login, say), or None for 403."""

Confirm = Callable[[str], bool]
"""Answers whether this is the password of whoever looks at the page. Asked again before a secret is shown."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that a request of ours needs and that is not in the request."""

    settings: Settings
    db: Database
    guard: Guard | None
    clock: Callable[[], float]
    confirm: Confirm | None = None
    tally: Tally = field(default_factory=Tally)
    metrics: Metrics = field(default_factory=Metrics)
    alarms: Alarms = field(default_factory=Alarms)
    readiness: Readiness = field(default_factory=Readiness)
    limiter: Limiter = field(default_factory=Limiter)
    reader: Callable[[], Reader | None] = lambda: None

    @property
    def session(self) -> Session:
        """The database session of this application context."""
        return self.db.session()

    @property
    def engine(self) -> Engine:
        """The engine of that session."""
        return self.session.get_bind().engine

    def commit(self, use_case: Callable[[Session, float], T]) -> T:
        """Run ``use_case`` with the session and the time, commit, and return what it returned.

        A lost race that the database reports as a broken constraint is run again: it then finds the winner's row.
        What the use case noted as an event is told once it is committed, and never when it is not.
        """
        return self._commit(self.session, use_case)

    def write(self, use_case: Callable[[Writer, float], T]) -> T:
        """Do as ``commit`` does, past the session where the database is ours: for what widgets ask for all day."""
        reader = self.reader()
        return self._commit(self.session if reader is None else reader.transaction(), use_case)

    def _commit(self, writer: W, use_case: Callable[[W, float], T]) -> T:
        for attempt in range(_ATTEMPTS):
            events.take(writer)  # of an attempt that was rolled back
            try:
                result = use_case(writer, self.clock())
                writer.commit()
            except IntegrityError:
                writer.rollback()
                if attempt == _ATTEMPTS - 1:
                    raise
                self.metrics.database_retry()
            except BaseException:
                writer.rollback()
                raise
            else:
                for event in events.take(writer):
                    self.tell(event)
                return result
        raise AssertionError("unreachable")

    def tell(self, event: Event) -> None:
        """Send the signal of what has happened, outside of any transaction of ours."""
        self.metrics.event(event)
        if not signals.send(event):
            self.metrics.receiver_failed()
            self.session.rollback()  # what the receiver left half done must not become ours

    def count(self, sighting: Sighting) -> None:
        """Count an identify, in memory alone. The first failure of a kind in a minute is a line in the log."""
        now = self.clock()
        self.tally.add(sighting, now)
        name_organization(sighting.organization_id)
        self.metrics.identify(sighting)
        if sighting.outcome is Outcome.FAILED:
            message = f"An identify of {sighting.organization_id} failed: {sighting.reason}."
            self.alarms.say(_failures, logging.WARNING, f"identify {sighting.reason}", now, message)

    def secret_unavailable(self, error: SecretUnavailable) -> None:
        """Raise the alarm: a stored signing secret does not open, and who signs with it gets a 503."""
        self.metrics.secret_unavailable()
        message = f"{error.detail} Run the command keys doctor."
        self.alarms.say(_alarms, logging.CRITICAL, "secret_unavailable", self.clock(), message)

    def database_failed(self, error: Exception) -> None:
        """Raise the alarm: the database did not answer. What it said may hold values, so only its class is logged."""
        self.metrics.database_error(error)
        kind = type(error).__name__
        self.alarms.say(_alarms, logging.ERROR, kind, self.clock(), f"The database did not answer: {kind}")

    def write_counts(self) -> None:
        """Write what was counted here. What cannot be written now waits for the next time."""
        rows = self.tally.take()
        if not rows:
            return
        try:
            self.commit(lambda session, now: coverage.write(session, rows, now))
        except SQLAlchemyError as error:
            self.tally.put_back(rows, self.clock())
            self.metrics.counts_written(postponed=True)
            _log.warning("The counts of identifies are not written yet: %s", type(error).__name__)
        else:
            self.metrics.counts_written(postponed=False)

    def counts_due(self, app: Flask) -> Callable[[], None] | None:
        """Return what writes the counts, when it is time: to be called once the answer is on its way.

        So no visitor waits for them.
        """
        if not self.tally.is_due(self.clock()):
            return None

        def write() -> None:
            with app.app_context():
                self.write_counts()

        return write


def install(app: Flask, state: State) -> None:
    """Keep ``state`` with ``app``. Raises RuntimeError when there is one already."""
    if _NAME in app.extensions:
        raise RuntimeError("KalTalkIV is already set up on this application: call init_app once.")
    app.extensions[_NAME] = state


def current_state() -> State:
    """Return the state of the current application. Raises RuntimeError, naming the call that is missing."""
    state: State | None = this_app().extensions.get(_NAME)
    if state is None:
        raise RuntimeError("KalTalkIV is not set up on this application: call KalTalkIV(app, db=db) first.")
    return state
