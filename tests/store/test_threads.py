"""A thread on both databases: found by who speaks in it, its changes by their index, without a look at all others."""

import re

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kaltalk_iv.core.claims import Claims
from kaltalk_iv.core.policy import State, Verdict
from kaltalk_iv.core.sessions import WidgetSession
from kaltalk_iv.store import conversations, messages
from kaltalk_iv.testing import OrganizationForTests
from tests.api.world import NOW
from tests.store.many import fill, plans, walks

FILL_MESSAGES = """
INSERT INTO kaltalk_iv_messages (organization_id, conversation_id, position, id, author, session_id, state, text,
  client_message_id, created_at)
SELECT :org, 'con_7', i, 'msg_' || i, CASE WHEN i = 2 THEN 'event' ELSE 'visitor' END, 'ses_' || (i % 50),
  'unverified', CASE WHEN i = 2 THEN 'unverified' ELSE 'Hello' END, i, i FROM n
"""


def test_a_thread_is_found_by_who_speaks_without_a_walk_through_the_conversations(
    filled: Session, org: OrganizationForTests
) -> None:
    visitor = WidgetSession(
        id="ses_7",
        organization_id=org.id,
        customer_id="cus_7",
        verdict=Verdict(State.VERIFIED, None),
        claims=Claims("u_7"),
        secret_id="sec_any",
        proven_until=NOW,
        expires_at=NOW,
    )
    with plans(filled) as made:
        conversations.thread_of(filled, visitor, is_verified=True)
        conversations.join_own_thread(filled, visitor, "Hello", NOW, is_verified=True)
        conversations.nobodys_thread(filled, visitor)
    assert len(made) == 5
    for plan in made:
        assert walks(plan) == [], plan
    if "SEARCH" in made[-1]:  # SQLite, which by other indexes looks through a tenth of them
        assert re.findall(r"SEARCH kaltalk_iv_conversations .*", made[-1])[0].endswith("(organization_id=? AND id=?)")
        lines = re.findall(r"SEARCH kaltalk_iv_messages .*", "\n".join(made))
        assert len(lines) == 3
        assert {line.rpartition("(")[2] for line in lines} == {"organization_id=? AND session_id=?)"}


def test_the_changes_of_a_long_thread_are_found_by_their_own_index(filled: Session, org: OrganizationForTests) -> None:
    fill(filled, FILL_MESSAGES, org=org.id)
    if filled.get_bind().dialect.name == "postgresql":
        filled.execute(sa.text("ANALYZE kaltalk_iv_messages"))
    with plans(filled) as made:
        first, change = messages.identity_changes(filled, org.id, "con_7", 50)
    assert (first.position, change.position) == (1, 2)
    assert "ix_kaltalk_iv_messages_events" in made[-1]
    assert "author = 'event'" in made[-1]  # of a bound value PostgreSQL's lasting plans know nothing
