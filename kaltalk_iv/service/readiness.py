"""Can this process serve? The database answers, our tables are there, and the keys open what is stored.

Asked by load balancers, and by strangers as often as they like: so there is one question under way at a time, in a
thread of its own, its answer is kept for a second, and nobody waits for it longer than two.
"""

import threading
import time
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from .. import migrations
from ..config import Settings
from ..core.errors import SecretUnavailable
from ..store import signing_secrets

WAIT_SECONDS = 2.0
KEPT_SECONDS = 1.0
SAMPLE = 5


class Part(StrEnum):
    """What can keep a process from serving."""

    DATABASE = "database"
    TABLES = "tables"
    ENCRYPTION_KEYS = "encryption_keys"


def missing_part(engine: sa.Engine, settings: Settings) -> Part | None:
    """Return the first part that is not ready, or None.

    Tables that are newer than this code are fine: they are what a worker sees while the next release goes out. The
    keys are wrong when none of a few current secrets opens; one spoilt secret must not take all organizations down.
    """
    try:
        if not migrations.is_current(engine):
            return Part.TABLES
        with Session(engine) as session:
            found = signing_secrets.some_current_secrets(session, SAMPLE)
    except SQLAlchemyError:
        return Part.DATABASE
    if found and not any(_opens(settings, organization_id, secret) for organization_id, secret in found):
        return Part.ENCRYPTION_KEYS
    return None


def _opens(settings: Settings, organization_id: str, secret: signing_secrets.SecretRecord) -> bool:
    try:
        settings.vault.open(secret.sealed, organization_id, secret.id)
    except SecretUnavailable:
        return False
    return True


class Readiness:
    """The last answer of one application, and the question that is under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered_at = float("-inf")
        self._answer: Part | None = None
        self._under_way: threading.Event | None = None

    def missing_part(self, engine: sa.Engine, settings: Settings) -> Part | None:
        """Return the first part that is not ready, or None; the database, when it takes too long to say."""
        with self._lock:
            if time.monotonic() - self._answered_at < KEPT_SECONDS:
                return self._answer
            done = self._under_way
            if done is None:
                done = self._under_way = threading.Event()
                # A daemon: a database that hangs must not keep the process from ending.
                threading.Thread(target=self._ask, args=(engine, settings, done), daemon=True).start()
        if not done.wait(WAIT_SECONDS):
            return Part.DATABASE
        return self._answer

    def _ask(self, engine: sa.Engine, settings: Settings, done: threading.Event) -> None:
        answer: Part | None = Part.DATABASE  # also when something fails that nobody has thought of
        try:
            answer = missing_part(engine, settings)
        finally:
            with self._lock:
                self._answer, self._answered_at, self._under_way = answer, time.monotonic(), None
            done.set()
