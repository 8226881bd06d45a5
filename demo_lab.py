"""What the demo lends the lab of KalTalk's side: its own use cases, asked without leaving a trace.

It knows KalTalk and nothing of the host; `app.py` brings the two together.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy.orm import Session

from kaltalk_iv.core.errors import IdentityRefused, UnknownOrganization
from kaltalk_iv.core.keyring import is_active
from kaltalk_iv.core.policy import Mode
from kaltalk_iv.core.policy import State as Identity
from kaltalk_iv.dashboard import wording
from kaltalk_iv.service import modes, settings, token_check
from kaltalk_iv.service.conversation import open_conversation
from kaltalk_iv.service.identify import IdentifyRequest, identify, read_request
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.session_seal import unseal
from kaltalk_iv.state import State, current_state
from kaltalk_iv.store import audit, conversations, customers, organizations
from kaltalk_iv.store.customers import CustomerRecord

T = TypeVar("T")

EFFECTS = {  # was the record verified before, is it after; None: there is no record
    (None, None): "nobody is named, so there is no record",
    (None, False): "a new record, not verified",
    (None, True): "a new record, verified",
    (False, False): "the record stays unverified",
    (False, True): "the record becomes verified",
    (True, False): "the record loses its verified flag",
    (True, True): "the record stays verified",
}


class LabSide:
    """One organization of one KalTalk application. `deploy` gives the host a new secret, as a deployment would."""

    def __init__(self, kaltalk: Flask, organization_id: str, deploy: Callable[[str], None]) -> None:
        self._app = kaltalk
        self._id = organization_id
        self._deploy = deploy

    def modes(self) -> dict[str, str]:
        """The mode that was chosen and the one that acts, which is Off below the Pro plan."""
        return self._look(self._modes)

    def choose_mode(self, mode: str, who: str, address: str) -> None:
        """Choose a mode by the rules of the settings page. Raises Conflict where those refuse it."""
        with self._app.app_context():
            current_state().commit(
                lambda session, now: modes.choose_mode(session, Actor(who, address), self._id, Mode(mode), now)
            )

    def previous_secret(self, who: str, address: str) -> str:
        """The secret whose grace window runs; where none does, rotate and let the host have the new one."""
        with self._app.app_context():
            state = current_state()
            previous, fresh = state.commit(
                lambda session, now: self._previous(session, state, Actor(who, address), now)
            )
        if fresh is not None:
            self._deploy(fresh)
        return previous

    def checks(self, token: str) -> dict[str, Any]:
        """What Test it says: each check by name, and the secret that signed."""

        def look(state: State, session: Session, now: float) -> dict[str, Any]:
            report = token_check.check_token(session, state.settings, self._id, token, now)
            signed = report.secret
            return {
                "secret": None if signed is None else {"fingerprint": signed.fingerprint, "status": signed.status},
                "lines": [{"title": c.title, "passed": c.passed, "detail": c.detail} for c in report.checks[1:]],
            }

        return self._look(look)

    def outlook(self, body: dict[str, Any], origin: str) -> list[dict[str, Any]]:
        """What this identify does in each mode: the real one, three times, each rolled back."""
        asked = read_request(body, origin)
        return self._look(lambda state, session, now: [self._try(state, session, now, asked, mode) for mode in Mode])

    def seen(self, widget_session: str | None, sub: str) -> dict[str, Any]:
        """What is stored and what an agent sees now. Raises SessionInvalid or SessionExpired."""

        def look(state: State, session: Session, now: float) -> dict[str, Any]:
            if widget_session is None:
                found = customers.find_by_external_id(session, self._id, sub)
                return {"record": found and self._record(session, found), "row": None}
            visitor = unseal(widget_session, state.settings.session_keys, now)
            customer = visitor.customer_id and customers.get_customer(session, self._id, visitor.customer_id)
            is_verified = visitor.verdict.state is Identity.VERIFIED
            thread = conversations.thread_of(session, visitor, is_verified=is_verified)
            # A thread follows its speaker: what a claim landed on since is not for an older session of that visit.
            if thread is not None and thread.customer_id != visitor.customer_id:
                thread = None
            return {
                "record": self._record(session, customer) if customer else None,
                "row": None if thread is None else self._row(session, thread.id, now),
            }

        return self._look(look)

    def _look(self, look: Callable[[State, Session, float], T]) -> T:
        """Return what `look` finds, and roll back what it did."""
        with self._app.app_context():
            state = current_state()
            try:
                return look(state, state.session, state.clock())
            finally:
                state.session.rollback()

    def _modes(self, _state: State, session: Session, _now: float) -> dict[str, str]:
        organization = organizations.get_organization(session, self._id)
        if organization is None:
            raise UnknownOrganization
        return {"chosen": organization.mode, "acts": organization.effective_mode}

    def _previous(self, session: Session, state: State, actor: Actor, now: float) -> tuple[str, str | None]:
        running = (s for s in settings.list_secrets(session, self._id) if s.expires_at is not None)
        found = next((s for s in running if is_active(s.expires_at, s.revoked_at, now)), None)
        if found is None:
            before = settings.reveal_current_secret(session, state.settings, actor, self._id, now)
            settings.rotate_secret(session, state.settings, actor, self._id, None, now)
            return before, settings.reveal_current_secret(session, state.settings, actor, self._id, now)
        detail = f"secret {found.fingerprint}, the previous one"
        audit.add_audit_event(
            session, self._id, actor=actor.name, address=actor.address, action="secret_revealed", detail=detail, now=now
        )
        return state.settings.vault.open(found.sealed, self._id, found.id), None

    def _try(self, state: State, session: Session, now: float, asked: IdentifyRequest, mode: Mode) -> dict[str, Any]:
        organizations.change_organization(session, self._id, {"mode": mode.value})
        outcome: dict[str, Any] = {"mode": mode}
        try:
            found = identify(session, state.settings, self._id, asked, now)
        except IdentityRefused as refused:
            session.rollback()
            return outcome | {"status": 401, "state": None, "reason": refused.reason, "effect": "nothing changes"}
        customer_id, verdict = found.session.customer_id, found.session.verdict
        after = self._flag(session, customer_id)
        session.rollback()
        effect = EFFECTS[self._flag(session, customer_id), after]
        return outcome | {"status": 200, "state": verdict.state, "reason": verdict.reason, "effect": effect}

    def _flag(self, session: Session, customer_id: str | None) -> bool | None:
        customer = None if customer_id is None else customers.get_customer(session, self._id, customer_id)
        return None if customer is None else customers.verified_flag_now(session, self._id, customer)

    def _record(self, session: Session, customer: CustomerRecord) -> dict[str, Any]:
        fields = ("external_id", "email", "name")
        return {
            name: {"value": getattr(customer, name), "proven": getattr(customer, f"{name}_proven")} for name in fields
        } | {
            "verified": customers.verified_flag_now(session, self._id, customer),
            "downgraded_reason": customer.downgraded_reason,
        }

    def _row(self, session: Session, conversation_id: str, now: float) -> dict[str, Any]:
        entry = open_conversation(session, self._id, conversation_id, now).entry
        return {
            "title": wording.title(entry),
            "last": entry.conversation.last_message,
            "state": entry.verdict.state,
            "reason": entry.verdict.reason,
            "shield": wording.shield(entry),
            "no_shield": wording.no_shield(entry),
            "why": wording.why(entry),
            "path": f"/inbox/{conversation_id}",
        }
