"""The list of conversations on both databases: read from indexes, in whole pages, and true to the shields."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from kaltalk_iv.core.claims import Claims
from kaltalk_iv.core.listing import Filters, Place, Status, read_search
from kaltalk_iv.core.policy import State, Verdict
from kaltalk_iv.core.sessions import WidgetSession
from kaltalk_iv.service import closing, inbox
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.inbox import Listing
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.store import conversations, listing
from kaltalk_iv.testing import OrganizationForTests, add_organization, identify, send_message, set_organization
from tests.api.world import NOW, Clock, engine_of

EVERY_FILTER = [Filters(state, status) for state in (None, *State) for status in (None, *Status)]
ADA = "Ada Lovelace"
COUNT = 20_000  # from so many on, both databases' planners prefer an index to a walk
READ_IN_VAIN = 500
MOST_STEPS = 100_000  # of SQLite's machine, for all queries of a page: less than a look at every row takes
FILL = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
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
        values = {"count": COUNT, "org": org.id, "stands": stands, "revoked": revoked}
        if state.session.get_bind().dialect.name == "postgresql":  # filling takes longer than a request may
            state.session.execute(sa.text("SET LOCAL statement_timeout = 0"))
        for statement in (FILL_CUSTOMERS, FILL_CONVERSATIONS):
            insert, select = statement.split("SELECT :org", 1)
            # SQLite takes the WITH of an INSERT before its SELECT, and so does PostgreSQL.
            state.session.execute(sa.text(f"{insert} {FILL} SELECT :org{select}"), values)
        state.session.commit()
        if state.engine.dialect.name == "postgresql":  # which does so by itself; nobody does it for SQLite
            state.session.execute(sa.text("ANALYZE"))
        state.session.commit()
        yield state.session


def listed(app: Flask, organization_id: str, filters: Filters, place: Place | None = None, **options: bool) -> Listing:
    """Return a page of the list."""
    with app.app_context():
        state = current_state()
        return inbox.list_conversations(state.session, organization_id, state.clock(), filters, place, **options)


def ids(page: Listing) -> list[str]:
    """Return which conversations stand on a page."""
    return [entry.conversation.id for entry in page.entries]


def place_of(page: Listing, index: int) -> Place:
    """Return where the next page begins."""
    said = page.entries[index].conversation
    return Place(said.last_message_at, said.id)


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


def test_no_filter_and_no_search_walks_through_the_conversations(
    filled: Session, org: OrganizationForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SEARCH_WIDTH", 20)  # as small beside these rows as it is beside a million
    middle = Place(COUNT / 2, f"con_{COUNT // 2}")
    searches = [
        Filters(None, None, read_search(text))
        for text in ("name 77", "p7777@", "u_19999", "claim 55", "c5555@", "v_77", "name 1", "zz", "%")
    ]
    for filters, (place, newer) in itertools.product(
        [*EVERY_FILTER, *searches], [(None, False), (middle, False), (middle, True)]
    ):
        with plans(filled) as made:
            inbox.list_conversations(filled, org.id, NOW, filters, place, newer=newer)
        assert made
        for plan in made:
            assert walks(plan) == [], (filters, place, plan)
        collected = [plan for plan in made if plan.startswith("WITH")]
        assert bool(collected) == (filters.search is not None)
        if collected and "Planning Time" in collected[0]:
            # Among a million PostgreSQL walks back in time until enough matches have come by, unless they are
            # collected first. With so few as here it does not fall for that, so the plan is asked for its shape.
            assert "CTE Scan on matching" in collected[0]
        elif collected:
            # SQLite guesses that an organization has ten conversations, and would look through all of them.
            assert (
                re.findall(r"SEARCH kaltalk_iv_conversations .*\(organization_id=\?(?: AND status=\?)?\)", collected[0])
                == []
            )


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


def test_what_is_rare_is_found_among_many(filled: Session, org: OrganizationForTests) -> None:
    proven = inbox.list_conversations(filled, org.id, NOW, Filters(State.VERIFIED, None))
    closed = inbox.list_conversations(filled, org.id, NOW, Filters(None, Status.CLOSED))
    assert ids(proven) == [f"con_{number}" for number in range(COUNT, 0, -2500)]
    assert ids(closed) == ["con_15007", "con_10007", "con_5007", "con_7"]
    assert proven.unread == COUNT // 4000
    one = inbox.list_conversations(filled, org.id, NOW, Filters(None, None, read_search("NAME 19999")))
    assert ids(one) == ["con_19999"]
    many = inbox.list_conversations(filled, org.id, NOW, Filters(None, None, read_search("name")))
    assert many.is_cut
    assert len(many.entries) == inbox.LIST_LENGTH


def test_shields_and_filters_agree_in_every_mode_before_and_after_a_revocation(
    app: Flask, org: OrganizationForTests, clock: Clock
) -> None:
    by_kind = {
        "proven": {"userJwt": org.sign("u_1", now=clock.now, name="Ada")},
        "forged": {"userJwt": org.sign("u_2", now=clock.now, name="Bob")[:-2] + "AA"},
        "claimed": {"email": "carla@example.com"},
        "anonymous": {},
        "proven later": {"userJwt": org.sign("u_3", now=clock.now)},
    }
    client = app.test_client()
    with app.app_context():
        state = current_state()
        actor = Actor("test", "local")
        for kind, body in by_kind.items():
            conversation_id = _write(client, org.id, **body)
            if kind in {"proven later", "forged"}:
                closing.set_status(
                    state.session, org.id, conversation_id, Status.CLOSED, actor="Alan", seen=9, now=clock.now
                )
                state.session.commit()
        changes = [
            {"mode": "optional"},
            {"mode": "off"},
            {"mode": "required"},
            {"plan": "free"},
            {"plan": "pro", "mode": "optional"},
        ]
        seen = set()
        for revoked in (False, True):
            if revoked:
                state.commit(lambda db, now: use_cases.replace_secrets(db, state.settings, actor, org.id, now))
            for change in changes:
                set_organization(app, org.id, **change)
                everything = listed(app, org.id, Filters(None, None)).entries
                assert len(everything) == len(by_kind)
                for filters in EVERY_FILTER:
                    wanted = [
                        entry.conversation.id
                        for entry in everything
                        if filters.state in {None, entry.verdict.state}
                        and filters.status in {None, entry.conversation.status}
                    ]
                    assert ids(listed(app, org.id, filters)) == wanted, (revoked, change, filters)
                    with_search = Filters(filters.state, filters.status, read_search("Ada"))
                    assert set(ids(listed(app, org.id, with_search))) <= set(wanted)
                seen |= {(entry.conversation.id, entry.verdict.state) for entry in everything}
    assert len(seen) == len(by_kind) + 2  # the two proven ones were seen green and amber


def _write(client: Any, organization_id: str, **body: Any) -> str:
    token = identify(client, organization_id, **body).get_json()["session"]["token"]
    cursor: str = send_message(client, token, "Hello").get_json()["cursor"]
    return cursor.split(".", maxsplit=1)[0]


def test_every_conversation_is_on_one_page_both_ways_though_new_lines_come_in_between(
    app: Flask, org: OrganizationForTests, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "LIST_LENGTH", 3)
    client = app.test_client()
    sessions, made = [], []
    for number in range(11):
        clock.move(number // 4)  # several share a moment
        sessions.append(identify(client, org.id, email=f"p{number}@example.com").get_json()["session"]["token"])
        made.append(send_message(client, sessions[-1], "Hello").get_json()["cursor"].split(".")[0])
    for filters in (Filters(), Filters(State.UNVERIFIED, None), Filters(None, Status.OPEN, read_search("p"))):
        down = [listed(app, org.id, filters)]
        while down[-1].has_older:
            clock.move(1)
            send_message(client, sessions[ids(down[-1]) != [] and made.index(ids(down[0])[0])], "Again")
            down.append(listed(app, org.id, filters, place_of(down[-1], -1)))
        assert sorted(itertools.chain(*map(ids, down))) == sorted(made)
        up = [down[-1]]
        while up[-1].has_newer:
            up.append(listed(app, org.id, filters, place_of(up[-1], 0), newer=True))
        assert ids(up[-1]) == ids(listed(app, org.id, filters))
        assert set(itertools.chain(*map(ids, up))) == set(made)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ada", {ADA}),
        ("ADA LOV", {ADA}),
        ("ada@", {ADA}),
        ("u_ada", {ADA}),
        ("U_ADA", set()),
        ("mallory", {ADA}),  # claimed on her record, and kept on the conversation
        ("m@evil", {ADA}),
        ("50%", {"50%_x"}),
        ("50\u066a", set()),
        ("%", set()),
        ("_", set()),
        ("5__", set()),
        ("zo\u00eb", {"Zoe\u0308"}),
        ("ZOE\u0308", {"Zoe\u0308"}),
        ("\u202eada", {ADA}),
        ("ada\x00", {ADA}),
        ("'; DROP TABLE x; --", set()),
        ("a" * 10_000, set()),
        ("\U0010ffff", set()),
    ],
)
def test_a_search_finds_the_same_on_both_databases(
    app: Flask, org: OrganizationForTests, clock: Clock, text: str, found: set[str]
) -> None:
    client = app.test_client()
    _write(client, org.id, userJwt=org.sign("u_ada", now=clock.now, name=ADA, email="ada@example.com"))
    _write(client, org.id, externalId="u_ada", email="m@evil.example", name="Mallory")
    _write(client, org.id, name="50%_x", externalId="u_50")
    _write(client, org.id, name="Zoe\u0308", externalId="u_zoe")
    other = add_organization(app, "org_other")
    _write(client, other.id, name="Ada of another shop", externalId="u_ada")
    assert {entry.title for entry in listed(app, org.id, Filters(None, None, read_search(text))).entries} == found


def test_another_organization_does_not_crowd_a_search_out(
    app: Flask, org: OrganizationForTests, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SEARCH_WIDTH", 2)
    other = add_organization(app, "org_a_other")
    client = app.test_client()
    for number in range(5):
        _write(client, other.id, externalId=f"u_{number}", email=f"ada{number}@example.com", name="Ada")
    _write(client, org.id, externalId="u_ada", email="ada@example.com", name="Ada")
    page = listed(app, org.id, Filters(None, None, read_search("ada")))
    assert (len(page.entries), page.is_cut) == (1, False)


def test_claims_however_many_crowd_nobody_out_who_has_proven_that_name_or_e_mail(
    app: Flask, org: OrganizationForTests, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SEARCH_WIDTH", 2)
    client = app.test_client()
    for number in range(5):
        _write(client, org.id, externalId=f"forged_{number}", email="ada@example.com", name=ADA)
    _write(client, org.id, userJwt=org.sign("u_ada", now=clock.now, email="ada@example.com", name=ADA))
    for text in ("ada love", "ada@example.com", "u_ada"):
        (found,) = listed(app, org.id, Filters(State.VERIFIED, None, read_search(text))).entries
        assert found.conversation.claimed_external_id == "u_ada"


def test_a_secret_that_is_revoked_while_the_list_is_made_leaves_nobody_under_verified(
    app: Flask, org: OrganizationForTests, clock: Clock
) -> None:
    _write(app.test_client(), org.id, userJwt=org.sign("u_ada", now=clock.now))
    engine = engine_of(app)
    revoked: list[bool] = []

    def revoke(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM kaltalk_iv_conversations" in statement and not revoked:
            revoked.append(True)
            with engine.begin() as another:
                another.execute(sa.text("UPDATE kaltalk_iv_secrets SET revoked_at = 1"))

    verified = Filters(State.VERIFIED, None)
    assert len(listed(app, org.id, verified).entries) == 1
    sa.event.listen(engine, "before_cursor_execute", revoke)
    assert listed(app, org.id, verified).entries == ()
    assert revoked


def test_a_filter_over_very_many_secrets_asks_in_several_queries(
    app: Flask, org: OrganizationForTests, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = app.test_client()
    made: list[str] = []
    with app.app_context():
        state = current_state()
        for number in range(5):
            clock.move(1)
            secret = state.commit(
                lambda db, now: use_cases.reveal_current_secret(db, state.settings, Actor("test", "local"), org.id, now)
            )
            host = OrganizationForTests(org.id, secret)
            made.insert(0, _write(client, org.id, userJwt=host.sign(f"u_{number}", now=clock.now)))
            state.commit(
                lambda db, now: use_cases.replace_secrets(db, state.settings, Actor("test", "local"), org.id, now)
            )
    at_once = ids(listed(app, org.id, Filters(State.UNVERIFIED, None)))
    monkeypatch.setattr(listing, "_RANGES_AT_ONCE", 2)
    assert ids(listed(app, org.id, Filters(State.UNVERIFIED, None))) == at_once == made
