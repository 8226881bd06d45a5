"""The list of conversations on both databases: read from indexes, in whole pages, and true to the shields."""

import itertools
import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from kaltalk_iv.core.listing import Filters, Place, Status, read_search
from kaltalk_iv.core.policy import State
from kaltalk_iv.service import closing, inbox
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.inbox import Listing
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.store import listing
from kaltalk_iv.testing import OrganizationForTests, add_organization, identify, send_message, set_organization
from tests.api.world import NOW, Clock, engine_of
from tests.store.many import COUNT, plans, walks

EVERY_FILTER = [Filters(state, status) for state in (None, *State) for status in (None, *Status)]
ADA = "Ada Lovelace"


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
