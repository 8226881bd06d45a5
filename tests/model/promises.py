"""The five promises about what unproven claims may touch, each as a look at one step or at one moment.

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


@dataclass(frozen=True, slots=True)
class Moment:
    """What one browser sees at a moment, what it said to get its session, and what happened until then."""

    now: float
    history: History
    visit: Visit
    view: View

    @property
    def is_proven(self) -> bool:
        """Whether the proof of the session stands."""
        return self.history.is_proven(self.visit, self.now)


def nothing_turns_green_without_proof(change: Change) -> Iterator[str]:
    """Promise 1: a record, an answer, a session or a conversation is green only by a token that verifies."""
    for earlier, record in change.records():
        if record.verified and not (earlier and earlier.verified) and change.proved(record) is None:
            yield f"the record {_named(record)} turned green"
    answer = change.outcome.answer
    if answer is not None and (answer.state == "verified") != (change.proof is not None):
        yield f"the answer is {answer.state}, and the token {'proves' if change.proof else 'does not prove'} it"
    history, now = change.history_after, change.after.now
    proven = {visit.session_id for visit in history.visits if visit is not None and history.is_proven(visit, now)}
    green = {thread.id for thread in change.before.rows["conversations"] if thread.state == "verified"}
    for thread in change.after.rows["conversations"]:
        if thread.state == "verified" and thread.id not in green and thread.session_id not in proven:
            yield f"a conversation of {thread.claimed_external_id} turned green"


def what_is_proven_stays(change: Change) -> Iterator[str]:
    """Promise 2: claims fill blanks of a record that was ever verified, and only a proof is called proven."""
    for earlier, record in change.records():
        for field, column in _COLUMNS.items():
            for told in _told_of_a_value(change, earlier, record, field, column):
                yield f"{field} of {_named(record)} {told}"


def _told_of_a_value(change: Change, earlier: Any | None, record: Any, field: str, column: str) -> Iterator[str]:
    brought = change.proved(record)
    value, is_proven = getattr(record, column), getattr(record, f"{column}_proven")
    new = getattr(brought, field, None)
    if new is not None:
        if (value, is_proven) != (new, True):
            yield f"is {value}, and the token proved {new}"
        return
    was = getattr(earlier, column, None)
    if was is not None and value != was and (brought or getattr(earlier, "first_verified_at", None)):
        yield f"was {was} and became {value}"
    if not is_proven:
        return
    proofs = change.history_after.proofs.get(record.external_id)
    if not getattr(earlier, f"{column}_proven", False) or value != getattr(proofs and proofs.who, field, None):
        yield "is called proven, and was not proven"
    if brought and _is_doubted(change, record.external_id):
        yield "is called proven, and the secret that proved it is revoked"


def a_claim_is_kept_where_it_was_made(change: Change) -> Iterator[str]:
    """Promise 2, the other half: what was claimed stands on the conversation, and is shown there as claimed."""
    if not isinstance(change.step, Speak) or change.outcome.refused is not None:
        return
    visit = change.history.visits[change.step.browser]
    known = {row.id for row in change.before.rows["messages"]}
    spoken_in = {row.conversation_id for row in change.after.rows["messages"] if row.id not in known}
    for thread in change.after.rows["conversations"]:
        claimed = Who(thread.claimed_external_id, thread.claimed_email, thread.claimed_name)
        if thread.id in spoken_in and visit is not None and claimed != visit.who:
            yield f"the conversation says that {claimed} was claimed, and it was {visit.who}"


def a_session_is_worth_its_proof(moment: Moment) -> Iterator[str]:
    """Promise 1 for sessions: green while the token, the secret and the mode that proved it stand, and no longer."""
    if (moment.view.state == "verified") != moment.is_proven:
        yield f"the session of {moment.visit.who} is {moment.view.state}, and its proof stands: {moment.is_proven}"


def landing_opens_nothing(moment: Moment) -> Iterator[str]:
    """Promise 3: an unverified session reads what it wrote itself; a verified one also its own id's proven lines."""
    for line in map(moment.history.lines.__getitem__, moment.view.lines):
        if not _may_read(moment.history, moment.visit, line, is_proven=moment.is_proven):
            proven = "a proven line" if line.signer is not None else "a line"
            yield f"{moment.visit.who} ({'proven' if moment.is_proven else 'not proven'}) reads {proven} of {line.id}"


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


OF_STEPS: Final[dict[str, Callable[[Change], Iterator[str]]]] = {
    "promise 1": nothing_turns_green_without_proof,
    "promise 2": what_is_proven_stays,
    "promise 2, on the conversation,": a_claim_is_kept_where_it_was_made,
    "promise 4": the_answer_holds_nothing_stored,
    "promise 5": nothing_merges_two_records,
    "the refusal": a_refusal_changes_nothing,
}
OF_MOMENTS: Final[dict[str, Callable[[Moment], Iterator[str]]]] = {
    "promise 1": a_session_is_worth_its_proof,
    "promise 3": landing_opens_nothing,
}


def _named(record: Any) -> str:
    return str(record.external_id or record.email)


def _is_doubted(change: Change, external_id: str) -> bool:
    before = change.history.proofs.get(external_id)
    return before is not None and change.history.secrets[before.signer].is_revoked


def _may_read(history: History, visit: Visit, line: Line, *, is_proven: bool) -> bool:
    is_own = line.session_id == visit.session_id
    if not is_proven:
        return is_own and line.signer is None
    is_sound = line.signer is not None and not history.secrets[line.signer].is_revoked
    return is_own or (is_sound and line.id == visit.who.id)
