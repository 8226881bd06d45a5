"""What a statement on a conversation does when somebody else was faster than what was read."""

from flask import Flask
from sqlalchemy.orm import Session

from kaltalk_iv.core.claims import Claims
from kaltalk_iv.core.policy import State, Verdict
from kaltalk_iv.core.sessions import WidgetSession
from kaltalk_iv.core.tokens import Proof
from kaltalk_iv.state import current_state
from kaltalk_iv.store import conversations, customers
from kaltalk_iv.store.conversations import ConversationRecord
from kaltalk_iv.testing import OrganizationForTests
from tests.api.world import NOW

VERIFIED, DOUBTED = Verdict(State.VERIFIED, None), Verdict(State.UNVERIFIED, None)


def begun(session: Session, org: OrganizationForTests) -> tuple[WidgetSession, ConversationRecord]:
    """Return a visitor who claims to be a customer that we know, and the conversation that it has begun."""
    customer = customers.add_verified(session, org.id, Proof(Claims("u_1"), "sec_1", NOW + 60), NOW)
    visitor = WidgetSession("ses_1", org.id, customer, DOUBTED, Claims("u_1"), None, None, NOW + 60)
    return visitor, conversations.start_thread(session, visitor, DOUBTED, NOW)


def test_a_speaker_does_not_move_the_first_proof_or_the_date_of_a_state_that_stand_since_it_read(
    app: Flask, org: OrganizationForTests
) -> None:
    with app.app_context():
        session = current_state().session
        visitor, read = begun(session, org)
        proven = visitor._replace(verdict=VERIFIED, secret_id="sec_1", proven_until=NOW + 60)
        conversations.change_speaker(session, read, proven, VERIFIED, NOW + 1, is_change=True)

        again = proven._replace(id="ses_2")  # which read before that, and writes after it
        conversations.change_speaker(session, read, again, VERIFIED, NOW + 2, is_change=False)

        found = conversations.join_thread(session, again, read.id, "Hello", NOW + 2)
        assert found is not None
        assert (found.session_id, found.first_proven_at, found.state_since) == ("ses_2", NOW + 1, NOW + 1)


def test_nobody_joins_a_conversation_that_has_become_somebody_elses_proven_one(
    app: Flask, org: OrganizationForTests
) -> None:
    with app.app_context():
        session = current_state().session
        visitor, read = begun(session, org)
        stranger = visitor._replace(id="ses_2", customer_id="cus_of_somebody_else")
        nobody = visitor._replace(id="ses_3", customer_id=None)
        joined = [conversations.join_thread(session, one, read.id, "Hello", NOW) for one in (stranger, visitor)]
        assert [one and one.message_count for one in joined] == [1, 2]  # nothing is proven here yet

        proven = visitor._replace(verdict=VERIFIED, secret_id="sec_1", proven_until=NOW + 60)
        conversations.change_speaker(session, read, proven, VERIFIED, NOW + 1, is_change=True)
        assert conversations.join_thread(session, stranger, read.id, "Whose is this?", NOW + 2) is None
        assert conversations.join_thread(session, nobody, read.id, "Whose is this?", NOW + 2) is None
        mine = conversations.join_thread(session, visitor, read.id, "Mine", NOW + 3)
        assert mine is not None
        assert (mine.message_count, mine.last_message, mine.unread_count) == (3, "Mine", 3)
