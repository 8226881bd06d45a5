"""The promises broken one by one, each by a fault that somebody could make, to see that the walk finds it."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from kaltalk_iv.core import policy, tokens
from kaltalk_iv.core.claims import Claims, Notice, email_key
from kaltalk_iv.core.policy import Decision, State
from kaltalk_iv.core.tokens import Proof
from kaltalk_iv.models import Customer, Message
from kaltalk_iv.service import binding, chat
from kaltalk_iv.service import identify as identifying
from kaltalk_iv.store import customers, messages, organizations
from kaltalk_iv.store.customers import CustomerRecord
from kaltalk_iv.store.messages import MessageRecord


def signatures_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    """The check of the signature is lost."""
    patch.setattr(tokens, "_CHECKS", [entry for entry in tokens._CHECKS if entry[0] != "signature"])


def sessions_outlive_their_proof(patch: pytest.MonkeyPatch) -> None:
    """A session stays worth what it was worth when it was handed out."""
    patch.setattr(chat, "verdict_now", lambda verdict, _mode, **_facts: verdict)


def claims_overwrite_what_is_proven(patch: pytest.MonkeyPatch) -> None:
    """A claim replaces whatever is on the record."""

    def apply(_session: Session, _organization: str, customer_id: str, claims: Claims, _now: float) -> None:
        claimed = {"name": claims.name, "email": claims.email, "email_key": claims.email and email_key(claims.email)}
        values = {name: value for name, value in claimed.items() if value is not None}
        if values:
            _session.execute(sa.update(Customer).where(Customer.id == customer_id).values(**values))

    patch.setattr(binding, "_would_change", lambda *_: True)
    patch.setattr(customers, "apply_self_claimed", apply)


def a_thread_is_read_whole(patch: pytest.MonkeyPatch) -> None:
    """Whoever speaks in a thread reads all of it."""

    def visible(session: Session, _visitor: object, conversation_id: str, **_rest: object) -> list[MessageRecord]:
        columns = [getattr(Message, name) for name in MessageRecord._fields]
        found = sa.select(*columns).where(Message.conversation_id == conversation_id, Message.author != "event")
        return [MessageRecord(*row) for row in session.execute(found)]

    patch.setattr(messages, "visible_messages", visible)


def an_answer_is_filled_up_from_the_record(patch: pytest.MonkeyPatch) -> None:
    """The answer holds what is known of whoever is claimed."""

    def fill_up(decision: Decision, record: CustomerRecord) -> Decision:
        if decision.state is not State.UNVERIFIED:
            return decision
        stored = Claims(record.external_id, record.email, record.name)
        return decision._replace(claims=decision.claims.filled_up_from(stored))

    _with_the_record(patch, fill_up)


def an_answer_says_who_is_known(patch: pytest.MonkeyPatch) -> None:
    """The answer holds no stored value, and is another one where there is a record."""
    known = (Notice("known", "externalId", "Welcome back."),)
    _with_the_record(patch, lambda decision, _record: decision._replace(notices=decision.notices + known))


def an_email_takes_over_a_record(patch: pytest.MonkeyPatch) -> None:
    """Who proves an e-mail gets the record that has it, though it has another id."""
    find = customers.find_by_email

    def adopt(session: Session, organization_id: str, customer_id: str, proof: Proof, now: float) -> bool:
        return _update(session, organization_id, customer_id, customers._proven(proof, now))

    patch.setattr(customers, "find_by_email", lambda *whose, **_options: find(*whose, without_id=False))
    patch.setattr(customers, "adopt", adopt)


def a_claimed_id_is_written_on_a_record(patch: pytest.MonkeyPatch) -> None:
    """A claimed id fills the blank of the record that the claimed e-mail finds."""

    def apply(session: Session, organization_id: str, customer_id: str, claims: Claims, _now: float) -> None:
        values = {"external_id": sa.func.coalesce(Customer.external_id, claims.external_id)}
        _update(session, organization_id, customer_id, values)

    patch.setattr(binding, "_would_change", lambda *_: True)
    patch.setattr(customers, "apply_self_claimed", apply)


def a_refused_request_is_seen(patch: pytest.MonkeyPatch) -> None:
    """The record of whoever is claimed notes the visit before the mode is asked."""
    load = organizations.load_for_identify

    def load_and_note(session: Session, organization_id: str, *rest: Any) -> object:
        found = load(session, organization_id, *rest)
        if found is not None and found.customer is not None:
            _update(session, organization_id, found.customer.id, {"last_seen_at": rest[-1]})
        return found

    patch.setattr(organizations, "load_for_identify", load_and_note)


def _update(session: Session, organization_id: str, customer_id: str, values: dict[str, Any]) -> bool:
    """Write ``values`` on a record. Return whether there is one."""
    it = (Customer.organization_id == organization_id, Customer.id == customer_id)
    done = session.execute(sa.update(Customer).where(*it).values(**values).returning(Customer.id))
    return done.first() is not None


def _with_the_record(patch: pytest.MonkeyPatch, change: Callable[[Decision, CustomerRecord], Decision]) -> None:
    load, decide = organizations.load_for_identify, policy.decide
    loaded: list[Any] = []

    def remember(*of: Any) -> object:
        loaded.append(load(*of))
        return loaded[-1]

    def decide_knowing(*of: Any) -> Decision:
        record = loaded[-1].customer
        return decide(*of) if record is None else change(decide(*of), record)

    patch.setattr(organizations, "load_for_identify", remember)
    patch.setattr(identifying, "decide", decide_knowing)
