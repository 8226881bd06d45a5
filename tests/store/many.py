"""A database with many conversations, and what it says of how it finds some of them."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests

COUNT = 20_000  # from so many on, both databases' planners prefer an index to a walk
READ_IN_VAIN = 500
MOST_STEPS = 100_000  # of SQLite's machine, for all queries of a page: less than a look at every row takes
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
FILL_CUSTOMERS = """
INSERT INTO kaltalk_iv_customers (organization_id, id, external_id, external_id_proven, email, email_key, email_proven,
  name, name_key, name_proven, verified, created_at, last_seen_at)
SELECT :org, 'cus_' || i, 'u_' || i, false, 'p' || i || '@example.com', 'p' || i || '@example.com', false,
  'Name ' || i, 'name ' || i, false, false, 0, 0 FROM n
"""
# One in 2,500 is proven by the secret that stands, one in ten by a revoked one, one in 5,000 is closed.
FILL_CONVERSATIONS = """
INSERT INTO kaltalk_iv_conversations (organization_id, id, customer_id, session_id, status, state, reason, secret_id,
  standing, state_since, claimed_external_id, claimed_email, claimed_email_key, claimed_name, claimed_name_key,
  message_count, unread_count, last_message_at, last_message, last_author, created_at)
SELECT :org, 'con_' || i, CASE WHEN i % 10 <> 2 THEN 'cus_' || i END, 'ses_' || i,
  CASE WHEN i % 5000 = 7 THEN 'closed' ELSE 'open' END,
  CASE WHEN i % 10 = 1 OR i % 2500 = 0 THEN 'verified' WHEN i % 10 = 2 THEN 'anonymous' ELSE 'unverified' END, NULL,
  CASE WHEN i % 2500 = 0 THEN :stands WHEN i % 10 = 1 THEN :revoked END,
  CASE WHEN i % 2500 = 0 THEN :stands WHEN i % 10 = 1 THEN :revoked WHEN i % 10 = 2 THEN 'anonymous'
    ELSE 'unverified' END,
  0, 'v_' || i, 'c' || i || '@example.com', 'c' || i || '@example.com', 'Claim ' || i, 'claim ' || i,
  1, CASE WHEN i % 4000 = 0 THEN 1 ELSE 0 END, i, 'Hello', 'visitor', 0 FROM n
"""


@pytest.fixture
def filled(app: Flask, org: OrganizationForTests) -> Iterator[Session]:
    """Give a session on a database with many conversations, a few of which are what a filter looks for."""
    with app.app_context():
        state = current_state()
        state.commit(lambda db, now: use_cases.replace_secrets(db, state.settings, Actor("test", "local"), org.id, now))
        revoked, stands = state.session.scalars(
            sa.text("SELECT id FROM kaltalk_iv_secrets ORDER BY revoked_at IS NULL")
        ).all()
        for statement in (FILL_CUSTOMERS, FILL_CONVERSATIONS):
            fill(state.session, statement, org=org.id, stands=stands, revoked=revoked)
        state.session.commit()
        if state.engine.dialect.name == "postgresql":  # which does so by itself; nobody does it for SQLite
            state.session.execute(sa.text("ANALYZE"))
        state.session.commit()
        yield state.session


def fill(session: Session, statement: str, **values: str | int) -> None:
    """Send an ``INSERT … SELECT :org, … FROM n`` with ``n.i`` from 1 to COUNT."""
    if session.get_bind().dialect.name == "postgresql":  # filling takes longer than a request may
        session.execute(sa.text("SET LOCAL statement_timeout = 0"))
    insert, select = statement.split("SELECT :org", 1)
    # SQLite takes the WITH of an INSERT before its SELECT, and so does PostgreSQL.
    session.execute(sa.text(f"{insert} {_NUMBERS} SELECT :org{select}"), {"count": COUNT} | values)


@contextmanager
def plans(session: Session) -> Iterator[list[str]]:
    """Collect the plan of each query and each UPDATE that is made meanwhile."""
    engine = session.get_bind().engine
    collected: list[str] = []
    thousands = itertools.count()
    is_sqlite = engine.dialect.name == "sqlite"
    explain, analyze = ("EXPLAIN QUERY PLAN", "") if is_sqlite else ("EXPLAIN", "(ANALYZE, TIMING OFF)")

    def note(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "WITH", "UPDATE")):
            options = "" if statement.startswith("UPDATE") else analyze  # which would change the rows twice
            cursor.execute(f"{explain} {options} {statement}", parameters)
            collected.append(statement + "\n" + "\n".join(str(row[-1]) for row in cursor.fetchall()))

    sa.event.listen(engine, "before_cursor_execute", note)
    if is_sqlite:  # its plans do not say how many rows were read, so its steps are counted
        driver: Any = session.connection().connection.driver_connection
        driver.set_progress_handler(lambda: next(thousands) and 0, 1000)
    try:
        yield collected
        assert next(thousands) < MOST_STEPS // 1000
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def walks(plan: str) -> list[str]:
    """Return the lines of ``plan`` that walk through conversations or customers, or read many in vain."""
    steps = [line for line in plan.splitlines()[1:] if re.search(r"kaltalk_iv_(conversations|customers)", line)]
    found = [line for line in steps if line.startswith("SCAN ") or "Seq Scan" in line]
    removed = re.findall(r"Rows Removed by (?:Filter|Index Recheck): ([0-9]+)", plan)
    return found + [f"{number} rows read in vain" for number in removed if int(number) > READ_IN_VAIN]
