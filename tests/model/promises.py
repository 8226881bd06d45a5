"""The five promises about what unproven claims may touch, each as a look at the moment before a step and after it.

Each yields a sentence for every breach. It sees rows as they are stored, and asks the history what was proven.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.model.alphabet import Identify, Speak, Step, Who
from tests.model.history import History, Line, Proof, Visit
from tests.model.world import Outcome, Place, View

_COLUMNS: Final = {"id": "external_id", "email": "email", "name": "name"}


@dataclass(frozen=True, slots=True)
class Change:
    """One step: the moment before it and after it, what happened before and with it, and what it proved."""

    before: Place
    step: Step
    outcome: Outcome
    after: Place
    history: History
    history_after: History

    @property
    def proof(self) -> Proof | None:
        """What the step proved."""
        return self.history.proves(self.step, self.after.now)

    def proved(self, record: Any) -> Who | None:
        """Return what the step proved of this very record, or None."""
        return self.proof.who if self.proof is not None and self.proof.who.id == record.external_id else None

    def records(self) -> Iterator[tuple[Any | None, Any]]:
        """Yield every record of after, each with what it was before."""
        earlier = {record.id: record for record in self.before.rows["customers"]}
        for record in self.after.rows["customers"]:
            yield earlier.get(record.id), record

    def views(self) -> Iterator[tuple[Visit, View]]:
        """Yield what each browser that has a session is worth and reads after the step."""
        for visit, view in zip(self.history_after.visits, self.outcome.views, strict=True):
            if visit is not None and view is not None:
                yield visit, view


def nothing_turns_green_without_proof(change: Change) -> Iterator[str]:
    """Promise 1: a record, an answer, a session or a conversation is green only by a token that verifies."""
    for earlier, record in change.records():
        if record.verified and not (earlier and earlier.verified) and change.proved(record) is None:
            yield f"the record {_named(record)} turned green"
    answer = change.outcome.answer
    if answer is not None and (answer.state == "verified") != (change.proof is not None):
        yield f"the answer is {answer.state}, and the token {'proves' if change.proof else 'does not prove'} it"
    now = change.after.now
    for visit, view in change.views():
        is_proven = change.history_after.is_proven(visit, now)
        if (view.state == "verified") != is_proven:
            yield f"the session of {visit.who} is {view.state}, and its proof {'stands' if is_proven else 'is none'}"
    proven = {visit.session_id for visit, _ in change.views() if change.history_after.is_proven(visit, now)}
    green = {thread.id for thread in change.before.rows["conversations"] if thread.state == "verified"}
    for thread in change.after.rows["conversations"]:
        if thread.state == "verified" and thread.id not in green and thread.session_id not in proven:
            yield f"a conversation of {thread.claimed_external_id} turned green"


def what_is_proven_stays(change: Change) -> Iterator[str]:
    """Promise 2: claims fill blanks of a record that was ever verified, and are kept on the conversation."""
    for earlier, record in change.records():
        brought = change.proved(record)
        for field, column in _COLUMNS.items():
            value, is_proven = getattr(record, column), getattr(record, f"{column}_proven")
            was, was_proven = getattr(earlier, column, None), getattr(earlier, f"{column}_proven", False)
            new = getattr(brought, field, None)
            if new is not None:
                if (value, is_proven) != (new, True):
                    yield f"{field} of {_named(record)} is {value}, and the token proved {new}"
                continue
            if was is not None and value != was and (brought or getattr(earlier, "first_verified_at", None)):
                yield f"{field} of {_named(record)} was {was} and became {value}"
            if is_proven and not was_proven:
                yield f"{field} of {_named(record)} is called proven, and nothing proved it"
            proofs = change.history_after.proofs.get(record.external_id)
            if is_proven and value != getattr(proofs and proofs.who, field, None):
                yield f"{field} of {_named(record)} is called proven, and is not what was proven"
            if brought and is_proven and _is_doubted(change, record.external_id):
                yield f"{field} of {_named(record)} is called proven, and the secret that proved it is revoked"
    if isinstance(change.step, Speak) and change.outcome.refused is None:
        visit = change.history.visits[change.step.browser]
        spoken = {row.conversation_id for row in _new_lines(change)}
        for thread in change.after.rows["conversations"]:
            claimed = Who(thread.claimed_external_id, thread.claimed_email, thread.claimed_name)
            if thread.id in spoken and visit is not None and claimed != visit.who:
                yield f"the conversation says that {claimed} was claimed, and it was {visit.who}"


def landing_opens_nothing(change: Change) -> Iterator[str]:
    """Promise 3: an unverified session reads what it wrote itself; a verified one also its own id's proven lines."""
    history, now = change.history_after, change.after.now
    for visit, view in change.views():
        is_proven = history.is_proven(visit, now)
        for line_id in view.lines:
            line = history.lines[line_id]
            if not _may_read(history, visit, line, is_proven=is_proven):
                yield f"{visit.who} ({'proven' if is_proven else 'not proven'}) reads a line of {line.id}"


def the_answer_holds_nothing_stored(change: Change) -> Iterator[str]:
    """Promise 4: an answer holds what the request brought. That it follows from nothing else is ``Answers``."""
    answer = change.outcome.answer
    if answer is not None and isinstance(change.step, Identify):
        brought = change.history.claims_of(change.step, change.after.now)
        if answer.who != brought:
            yield f"the answer says {answer.who}, and the request {brought}"


def nothing_merges_two_records(change: Change) -> Iterator[str]:
    """Promise 5: an id stays with its record; one without an id takes one only by a proof of its e-mail."""
    kept = {record.id for record in change.after.rows["customers"]}
    for record in change.before.rows["customers"]:
        if record.id not in kept:
            yield f"the record {_named(record)} is gone"
    for earlier, record in change.records():
        if earlier is None or earlier.external_id == record.external_id:
            continue
        brought = change.proved(record)
        is_adoption = earlier.external_id is None and brought is not None and brought.email is not None
        if not is_adoption or brought.email.lower() != (earlier.email or "").lower():  # type: ignore[union-attr]
            yield f"the record {_named(earlier)} became {_named(record)}"
    owners = {thread.id: thread for thread in change.before.rows["conversations"]}
    for thread in change.after.rows["conversations"]:
        was = owners.get(thread.id)
        if was is not None and was.first_proven_at is not None and was.customer_id != thread.customer_id:
            yield f"a proven conversation went to {thread.claimed_external_id}"


def a_refusal_changes_nothing(change: Change) -> Iterator[str]:
    """The table of section 4: refused means that nothing is bound, created or changed."""
    if change.outcome.refused is not None and change.before.rows != change.after.rows:
        yield "it was refused, and something is stored all the same"


PROMISES: Final[dict[str, Callable[[Change], Iterator[str]]]] = {
    "promise 1": nothing_turns_green_without_proof,
    "promise 2": what_is_proven_stays,
    "promise 3": landing_opens_nothing,
    "promise 4": the_answer_holds_nothing_stored,
    "promise 5": nothing_merges_two_records,
    "refusals": a_refusal_changes_nothing,
}


class Answers:
    """Promise 4 once more: the same request is answered alike, whatever records there are.

    What may matter is the mode that acts, which secrets verify, and the session that the page itself brings.
    """

    def __init__(self) -> None:
        self._seen: dict[object, tuple[object, str]] = {}

    def differ(self, change: Change, told_before: str) -> Iterator[str]:
        """Yield a sentence when ``change`` was answered otherwise than the same request was in another history."""
        step, history, now = change.step, change.history, change.after.now
        if not isinstance(step, Identify):
            return
        answer, prior = change.outcome.answer, None if step.browser is None else history.visits[step.browser]
        token = step.token
        signer = None if token is None else history.signer_of(token)
        verifies = signer is not None and history.is_alive(signer, now)
        alive = None if prior is None or now >= prior.ends else prior.who
        asked = (history.acts_as, token, step.plain, verifies, alive)
        told: object = change.outcome.refused
        if answer is not None:
            goes_on = prior is not None and prior.session_id == answer.session_id
            told = (answer.state, answer.reason, answer.who, answer.notices, goes_on)
        first, where = self._seen.setdefault(asked, (told, told_before))
        if first != told:
            yield f"this request was told {told} here, and {first} {where}"


def _named(record: Any) -> str:
    return str(record.external_id or record.email)


def _is_doubted(change: Change, external_id: str) -> bool:
    before = change.history.proofs.get(external_id)
    return before is not None and change.history.secrets[before.signer].is_revoked


def _new_lines(change: Change) -> list[Any]:
    known = {row.id for row in change.before.rows["messages"]}
    return [row for row in change.after.rows["messages"] if row.id not in known]


def _may_read(history: History, visit: Visit, line: Line, *, is_proven: bool) -> bool:
    is_own = line.session_id == visit.session_id
    if not is_proven:
        return is_own and line.signer is None
    is_sound = line.signer is not None and not history.secrets[line.signer].is_revoked
    return is_own or (is_sound and line.id == visit.who.id)
