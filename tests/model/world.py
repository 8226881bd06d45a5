"""The real service on the real tables, in memory, as something that can be put back to any moment that was.

Nothing of KalTalk is replaced. What is not here is the HTTP edge: a body arrives as read JSON, and nothing commits.
"""

from collections import namedtuple
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import starmap
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from kaltalk_iv import generate_encryption_key
from kaltalk_iv.config import read_settings
from kaltalk_iv.core.errors import Conflict, IdentityRefused, SessionExpired
from kaltalk_iv.core.policy import Mode, Plan
from kaltalk_iv.models import PREFIX, AuditEvent, Base
from kaltalk_iv.service import chat
from kaltalk_iv.service import identify as identifying
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.store.database import prepare_engine
from kaltalk_iv.store.organizations import OrganizationRecord
from tests.core.signing import NOW, sign
from tests.model.alphabet import STRANGER, Identify, Keys, Organize, Speak, Step, Token, Wait, Who

ORGANIZATION: Final = "org_model"
PROOF_SECONDS: Final = 3600
STEP_SECONDS: Final = 1  # of two records, one was always seen last
_ACTOR: Final = Actor("admin", "local")
_STRANGERS_SECRET: Final = "ktiv_" + "s" * 43
_SETTINGS: Final = read_settings(
    {"SECRET_KEY": "a key for tests alone", "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key()}
)

Rows = Mapping[str, tuple[Any, ...]]
"""What is stored: by the table's name without our prefix, rows whose columns are attributes, oldest first."""


@dataclass(frozen=True, slots=True)
class Place:
    """A moment: all that is stored, the signing secrets, oldest first, and the widget session of each browser."""

    rows: Rows
    now: float
    keys: tuple[str, ...] = field(repr=False)
    sessions: tuple[str | None, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page was told. ``customer_id`` is in its session, sealed."""

    state: str
    reason: str | None
    who: Who
    notices: tuple[str, ...]
    session_id: str
    customer_id: str | None


@dataclass(frozen=True, slots=True)
class View:
    """What a browser's session is worth at a moment, or why it is refused, and the ids of the lines that it reads."""

    state: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step led to: an answer, or the code of a refusal."""

    answer: Answer | None = None
    refused: str | None = None

    def __str__(self) -> str:
        if self.answer is None:
            return "done" if self.refused is None else f"refused, {self.refused}"
        return self.answer.state + (f", {self.answer.reason}" if self.answer.reason else "")


class World:
    """One organization in a database in memory."""

    def __init__(self) -> None:
        self._engine = sa.create_engine("sqlite://", poolclass=StaticPool)
        prepare_engine(self._engine)
        Base.metadata.create_all(self._engine)
        self._connection = self._engine.connect()
        raw = self._connection.connection.driver_connection
        assert raw is not None
        self._raw = raw
        self._tables = [table for table in Base.metadata.sorted_tables if table is not AuditEvent.__table__]
        self._shapes = {
            table.name: namedtuple(table.name.removeprefix(PREFIX), [column.name for column in table.columns])  # noqa: PYI024 - the columns are the table's
            for table in self._tables
        }

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
        self._engine.dispose()

    def begin(self, mode: str, browsers: int) -> Place:
        """Return the moment at which an organization on the Pro plan has just been made."""
        self._empty()
        new = OrganizationRecord(ORGANIZATION, "Model", Plan.PRO, Mode(mode), ())
        with Session(self._connection) as session:
            use_cases.create_organization(session, _SETTINGS, _ACTOR, new, NOW)
            key = use_cases.reveal_current_secret(session, _SETTINGS, _ACTOR, ORGANIZATION, NOW)
            return Place(self._dump(), NOW, (key,), (None,) * browsers)

    def go_to(self, place: Place) -> None:
        """Put the database to ``place``."""
        self._empty()
        for table in self._tables:
            marks = ", ".join("?" * len(table.columns))
            self._raw.executemany(f"INSERT INTO {table.name} VALUES ({marks})", place.rows[_short(table)])  # noqa: S608
        self._raw.commit()

    def _empty(self) -> None:
        for table in reversed(Base.metadata.sorted_tables):
            self._raw.execute(f"DELETE FROM {table.name}")  # noqa: S608 - our own names
        self._raw.commit()

    def take(self, step: Step, place: Place) -> tuple[Place, Outcome]:
        """Return where ``step`` leads from ``place``. The database must be there, and is there again afterwards."""
        after = replace(place, now=place.now + (step.seconds if isinstance(step, Wait) else STEP_SECONDS))
        outcome = Outcome()
        with Session(self._connection) as session:
            try:
                match step:
                    case Identify():
                        after, outcome = self._identify(session, step, after)
                    case Speak():
                        self._speak(session, step, after)
                    case Organize():
                        plan = Plan(step.value) if step.name == "plan" else None
                        mode = Mode(step.value) if step.name == "mode" else None
                        use_cases.change_organization(session, _ACTOR, ORGANIZATION, after.now, plan=plan, mode=mode)
                    case Keys():
                        after = self._change_keys(session, step, after)
                    case Wait():
                        pass
            except (Conflict, IdentityRefused, SessionExpired) as error:
                outcome = Outcome(refused=error.code)
            session.flush()
            return replace(after, rows=self._dump()), outcome

    def look(self, place: Place, browser: int) -> View:
        """Return what a browser that has a session sees at ``place``, where the database must be."""
        with Session(self._connection) as session:
            try:
                visitor = chat.enter(session, _SETTINGS, place.sessions[browser], None, place.now)
            except (IdentityRefused, SessionExpired) as error:
                return View(f"refused, {error.code}")
            thread = chat.read_thread(session, visitor, chat.START)
            return View(visitor.verdict.state.value, tuple(line.id for line in thread.messages))

    def _identify(self, session: Session, step: Identify, place: Place) -> tuple[Place, Outcome]:
        body: dict[str, Any] = {"externalId": step.plain.id, "email": step.plain.email, "name": step.plain.name}
        if step.token is not None:
            body["userJwt"] = _signed(step.token, place)
        if step.browser is not None:
            body["session"] = place.sessions[step.browser]
        request = identifying.read_request(body, None)
        found = identifying.identify(session, _SETTINGS, ORGANIZATION, request, place.now)
        made, told = found.session, found.session.claims
        if step.browser is not None:
            held = (*place.sessions[: step.browser], found.token, *place.sessions[step.browser + 1 :])
            place = replace(place, sessions=held)
        answer = Answer(
            state=made.verdict.state.value,
            reason=None if made.verdict.reason is None else made.verdict.reason.value,
            who=Who(told.external_id, told.email, told.name),
            notices=tuple(f"{notice.code} {notice.field}" for notice in found.notices),
            session_id=made.id,
            customer_id=made.customer_id,
        )
        return place, Outcome(answer)

    def _speak(self, session: Session, step: Speak, place: Place) -> None:
        visitor = chat.enter(session, _SETTINGS, place.sessions[step.browser], None, place.now)
        chat.send_message(session, visitor, "words", f"at-{place.now:.0f}", place.now)

    def _change_keys(self, session: Session, step: Keys, place: Place) -> Place:
        if step.what == "rotate":
            use_cases.rotate_secret(session, _SETTINGS, _ACTOR, ORGANIZATION, None, place.now)
        else:
            use_cases.replace_secrets(session, _SETTINGS, _ACTOR, ORGANIZATION, place.now)
        key = use_cases.reveal_current_secret(session, _SETTINGS, _ACTOR, ORGANIZATION, place.now)
        return replace(place, keys=(*place.keys, key))

    def _dump(self) -> Rows:
        stored = {}
        for table in self._tables:
            found = self._raw.execute(f"SELECT * FROM {table.name} ORDER BY rowid")  # noqa: S608 - our own names
            stored[_short(table)] = tuple(starmap(self._shapes[table.name], found))
        return stored


def _short(table: sa.Table) -> str:
    return table.name.removeprefix(PREFIX)


def _signed(token: Token, place: Place) -> str:
    if token.flaw == "undecodable":
        return "not.a token"
    key = _STRANGERS_SECRET if token.signer is STRANGER else place.keys[token.signer]
    named = {"sub": token.who.id, "email": token.who.email, "name": token.who.name}
    payload: dict[str, Any] = {claim: value for claim, value in named.items() if value is not None}
    payload["exp"] = place.now + (0 if token.flaw == "expired" else PROOF_SECONDS)
    return sign(payload, key.encode())
