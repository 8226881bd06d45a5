"""The short way of an identify answers what the long way would, and only where the long way writes nothing."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from kaltalk_iv.core.errors import KalTalkError, SessionInvalid, UnknownOrganization
from kaltalk_iv.service import chat, events
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.events import Event
from kaltalk_iv.service.identify import Identified, identify, identify_unchanged, read_request, weigh_request
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.session_seal import unseal
from kaltalk_iv.state import State, current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization, send_message, set_organization
from kaltalk_iv.testing import identify as send_identify
from tests.api.world import HOUR, Clock, everything_stored

ADMIN = Actor("grace", "local")
ADA: dict[str, Any] = {"email": "ada@shop.example", "name": "Ada"}
BOB: dict[str, Any] = {"externalId": "u_bob", "email": "bob@shop.example", "name": "Bob"}
ORIGIN = "https://shop.example"


def tokens(org: OrganizationForTests, previous: OrganizationForTests, now: float) -> dict[str, str]:
    """Return a token of each kind that an identify tells apart."""
    return {
        "as before": org.sign("u_ada", now=now, **ADA),
        "an id alone": org.sign("u_ada", now=now),
        "another name": org.sign("u_ada", now=now, **ADA | {"name": "Ada L."}),
        "an older one with another name": org.sign("u_ada", now=now - 2 * HOUR, lifetime=4 * HOUR, name="Ada of old"),
        "of the previous secret": previous.sign("u_ada", now=now, **ADA),
        "of who was downgraded": org.sign("u_away", now=now),
        "of who was self-claimed": org.sign("u_bob", now=now),
        "of somebody new": org.sign("u_new", now=now, email="new@shop.example"),
        "of somebody new with an orphan's e-mail": org.sign("u_new", now=now, email="orphan@shop.example"),
        "expired": org.sign("u_ada", now=now - 2 * HOUR, **ADA),
        "not yet valid": org.sign("u_ada", now=now, nbf=int(now + HOUR)),
        "badly signed": replace(org, secret="x" * 43).sign("u_ada", now=now, **ADA),
        "badly signed, of who was downgraded": replace(org, secret="x" * 43).sign("u_away", now=now),
        "no token at all": "not.a.token",
    }


CLAIMS: dict[str, dict[str, Any]] = {
    "nobody": {},
    "a bare name": {"name": "Somebody"},
    "the self-claimed one": BOB,
    "the self-claimed one by id": {"externalId": "u_bob"},
    "the self-claimed one, e-mail written otherwise": BOB | {"email": "BOB@shop.example"},
    "the self-claimed one with another name": BOB | {"name": "Robert"},
    "the verified one": {"externalId": "u_ada", "name": "Eve"},
    "an e-mail alone": {"email": "orphan@shop.example"},
    "an id that is new": {"externalId": "u_who"},
    "what is no claim": {"externalId": ["u_ada"], "email": 7},
}


# What the table below must have met, or it proves little.
EVER_SHORT = {
    "off": {"a token as before", "nobody", "a bare name", "the self-claimed one"},
    "optional": {"a token as before", "a token an id alone", "a token badly signed, of who was downgraded", "nobody"},
    "required": {"a token as before", "a token an older one with another name"},
}
EVER_LONG = {
    "off": {"a token of somebody new", "an id that is new", "the self-claimed one with another name"},
    "optional": {"a token as before", "a token expired", "a token of the previous secret", "an e-mail alone"},
    "required": {"a token as before", "a token another name", "a token of who was downgraded"},
}


@pytest.fixture
def app(sqlite_app: Flask) -> Flask:
    """Give KalTalk on SQLite: both ways take the same rows, and those are compared on both databases elsewhere."""
    return sqlite_app


@pytest.fixture
def org(app: Flask) -> OrganizationForTests:
    """Give an organization that serves one page and no other."""
    return add_organization(app, origins=ORIGIN)


@pytest.fixture
def world(app: Flask, org: OrganizationForTests, clock: Clock) -> tuple[OrganizationForTests, dict[str, Any]]:
    """Give the organization after a rotation, with customers and sessions of each kind. Its secret is the new one."""
    client = app.test_client()
    client.environ_base["HTTP_ORIGIN"] = ORIGIN

    def visit(**body: Any) -> str:
        token: str = send_identify(client, org.id, **body).get_json()["session"]["token"]
        return token

    visit(**BOB)
    visit(email="orphan@shop.example")
    visit(userJwt=org.sign("u_away", now=clock.now))
    visit(userJwt=replace(org, secret="x" * 43).sign("u_away", now=clock.now))
    visit(userJwt=org.sign("u_ada", now=clock.now, **ADA))
    with app.app_context():
        state = current_state()
        state.commit(lambda session, now: use_cases.rotate_secret(session, state.settings, ADMIN, org.id, None, now))
        fresh = state.commit(
            lambda session, now: use_cases.reveal_current_secret(session, state.settings, ADMIN, org.id, now)
        )
    current = replace(org, secret=fresh)
    sessions = {
        "no session": None,
        "what is no session": "ktws_x",
        "nobody's session": visit(),
        "a session of the verified one": visit(userJwt=current.sign("u_ada", now=clock.now, **ADA)),
        "a session of the self-claimed one": visit(**BOB),
        "a session that was ended": visit(userJwt=current.sign("u_ada", now=clock.now, **ADA)),
        "nobody's session that has spoken": visit(),
    }
    assert send_message(client, str(sessions["nobody's session that has spoken"]), "hello").status_code == 201
    ended = sessions["a session that was ended"]
    with app.app_context():
        state = current_state()
        state.commit(lambda session, now: chat.end_session(session, state.settings, ended, ORIGIN, now))
    return current, sessions


@contextmanager
def rolled_back(state: State, told: list[str]) -> Iterator[None]:
    """Note every statement of the block, and undo it."""
    engine = state.engine

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        told.append(statement.split(maxsplit=1)[0])

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
        state.session.rollback()


def check(state: State, organization_id: str, body: dict[str, Any], origin: str | None, now: float) -> str:
    """Fail unless both ways agree. Return which of them it goes."""
    short: tuple[Identified, Event | None] | KalTalkError | None
    long: Identified | KalTalkError
    reader, told = state.reader(), list[str]()
    assert reader is not None
    try:
        weighed = weigh_request(reader, state.settings, organization_id, read_request(body, origin), now)
        short = identify_unchanged(state.settings, weighed, now)
    except KalTalkError as error:
        short = error
    with rolled_back(state, told):
        try:
            long = identify(state.session, state.settings, organization_id, read_request(body, origin), now)
        except KalTalkError as error:
            long = error
        noted = events.take(state.session)
    if short is None:
        assert told[0] == "SELECT"
        assert len(told) > 1, "the long way was not needed"
        return "long"
    assert told == ["SELECT"] or (told == [] and isinstance(short, UnknownOrganization))
    if isinstance(short, KalTalkError) or isinstance(long, KalTalkError):
        assert (type(short), vars(short)) == (type(long), vars(long))
        return "refused"
    prior = _prior_id(state, body["session"], now)
    assert said(short[0], prior) == said(long, prior)
    assert noted == ([] if short[1] is None else [short[1]])
    return "short"


def _prior_id(state: State, prior: str | None, now: float) -> str | None:
    try:
        return unseal(prior, state.settings.session_keys, now).id
    except SessionInvalid:
        return None


def said(found: Identified, prior: str | None) -> tuple[object, ...]:
    """Return what an answer says, without what is drawn by lot for it."""
    visitor = found.session if found.session.id == prior else found.session._replace(id="a new one")
    return visitor, found.notices, found.seconds_off


@pytest.mark.parametrize("mode", ["off", "optional", "required"])
def test_both_ways_agree_for_every_kind_of_request_and_of_stored_state(
    app: Flask,
    org: OrganizationForTests,
    clock: Clock,
    world: tuple[OrganizationForTests, dict[str, Any]],
    mode: str,
) -> None:
    current, sessions = world
    set_organization(app, org.id, mode=mode)
    before = everything_stored(app)
    bodies = {f"a token {name}": {"userJwt": token} for name, token in tokens(current, org, clock.now).items()} | CLAIMS
    bodies["a token and another claim"] = {"userJwt": current.sign("u_ada", now=clock.now), **BOB}
    bodies["null for a token"] = {"userJwt": None, "externalId": "u_bob"}
    ways: dict[str, set[str]] = {"short": set(), "long": set(), "refused": set()}
    with app.app_context():
        state = current_state()
        for (name, body), prior, after in itertools.product(bodies.items(), sessions.values(), (0, 59, 60, 15 * 60)):
            way = check(state, org.id, body | {"session": prior}, ORIGIN, clock.now + after)
            ways[way].add(name)
    assert everything_stored(app) == before
    assert ways["short"] >= EVER_SHORT[mode]
    assert ways["long"] >= EVER_LONG[mode]
    assert bool(ways["refused"]) is (mode == "required")


@pytest.mark.parametrize(("organization_id", "origin"), [("org_none", ORIGIN), ("no id", ORIGIN), ("org_test", None)])
def test_both_ways_refuse_alike(
    app: Flask, org: OrganizationForTests, clock: Clock, organization_id: str, origin: str | None
) -> None:
    body = {"userJwt": org.sign("u_ada", now=clock.now), "session": None}
    with app.app_context():
        elsewhere = origin or "https://evil.example"
        assert check(current_state(), organization_id, body, elsewhere, clock.now) == "refused"
