"""A visitor's next line by one statement, which PostgreSQL can: it leaves what the several statements leave."""

import random
import re
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kaltalk_iv.core.listing import Status
from kaltalk_iv.models import Conversation, Customer, CustomerProof, Message
from kaltalk_iv.service import closing
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.store import customers, messages
from kaltalk_iv.testing import (
    OrganizationForTests,
    add_organization,
    identify,
    read_messages,
    send_message,
    set_organization,
)
from tests.api.test_messages import proven, session_of
from tests.api.world import Clock, conversations_of, engine_of, messages_of, rows_of
from tests.support.statements import told_to

_ID = re.compile(r"(con|cus|msg|ses|sec)_[0-9a-f]{24}")
_ACTOR = Actor("test", "local")
_STEPS: Final = 60


def words(told: list[tuple[str, Any]]) -> list[str]:
    return [statement.split(maxsplit=1)[0] for statement, _values in told]


def test_the_next_line_of_the_same_visitor_is_one_statement_on_postgresql_and_needs_no_transaction(
    postgresql_app: Flask, clock: Clock
) -> None:
    client, org = postgresql_app.test_client(), add_organization(postgresql_app)
    session = proven(client, org, clock)
    send_message(client, session, "first", "m1")
    renewed = session_of(identify(client, org.id, userJwt=org.sign("u_1", now=clock.now + 1), session=session))
    for number, by in enumerate((session, renewed), 2):
        with told_to(engine_of(postgresql_app)) as told:
            assert send_message(client, by, f"line {number}", f"m{number}").status_code == 201
        assert words(told) == ["SELECT", "WITH"]
    assert [line.position for line in messages_of(postgresql_app, org.id)] == [1, 2, 3]


def test_a_new_customer_is_one_statement_on_postgresql(postgresql_app: Flask, clock: Clock) -> None:
    client, org = postgresql_app.test_client(), add_organization(postgresql_app)
    proven(client, org, clock)  # the secret is stamped with this one
    with told_to(engine_of(postgresql_app)) as told:
        identify(client, org.id, userJwt=org.sign("u_2", now=clock.now, email="u_2@shop.example"))
    assert words(told) == ["SELECT", "SELECT", "WITH"]
    assert len(rows_of(postgresql_app, CustomerProof, org.id)) == 2


def test_a_line_that_another_request_has_just_sent_is_found_and_not_stored_twice(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, org = app.test_client(), add_organization(app)
    session = proven(client, org, clock)
    send_message(client, session, "first", "m1")
    in_one, answers = messages.append_where_it_goes_on, list[TestResponse]()

    def lose(*of: Any) -> Any:
        if not answers:
            answers.append(app.test_client().post("/nowhere"))
            answers.append(send_message(app.test_client(), session, "second", "m2"))
        return in_one(*of)

    monkeypatch.setattr(messages, "append_where_it_goes_on", lose)
    again = send_message(client, session, "second", "m2")
    assert (again.status_code, again.json) == (201, answers[1].json)
    assert [line.text for line in messages_of(app, org.id)] == ["first", "second"]


def chance(*of: object) -> random.Random:
    return random.Random(repr(of))  # noqa: S311 - a walk, and no secret


def test_a_page_that_spoke_as_nobody_is_not_taken_for_the_one_that_has_proven_who_it_is(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    nobody = session_of(identify(client, org.id))
    ada = proven(client, org, clock, session=nobody)
    send_message(client, nobody, "as nobody")
    send_message(client, ada, "as ada")
    (thread,) = conversations_of(app, org.id)
    assert (thread.state, thread.first_proven_at) == ("verified", clock.now)
    said = [(line.author, line.text, line.state) for line in messages_of(app, org.id)]
    assert said == [
        ("visitor", "as nobody", "anonymous"),
        ("event", "anonymous", "verified"),
        ("visitor", "as ada", "verified"),
    ]


class Walk:
    """A chat in one organization, step by step."""

    def __init__(self, app: Flask, organization_id: str, clock: Clock) -> None:
        self.app, self.clock = app, clock
        self.client: FlaskClient = app.test_client()
        self.org: OrganizationForTests = add_organization(app, organization_id)
        self.sessions: list[str] = []

    def step(self, choose: random.Random, number: int) -> tuple[int, object]:
        """Do what ``choose`` says and return status and body of the answer."""
        answer = choose.choices(
            (self.speak, self.come, self.close, self.revoke, self.change_mode),
            (60, 20, 8, 4, 4),
        )[0](choose, number)
        if answer is None:
            return 0, None
        body = answer.get_json()
        return answer.status_code, body.get("message") or body.get("code") or body.get("identity")

    def speak(self, choose: random.Random, number: int) -> TestResponse | None:
        """Say something new or, now and then, something again."""
        said = number if choose.random() < 0.8 else choose.randrange(number + 1)
        if not self.sessions:
            return None
        session = choose.choice((self.sessions[-1], choose.choice(self.sessions)))
        return send_message(self.client, session, f"line {said}", f"m{said}")

    def come(self, choose: random.Random, _number: int) -> TestResponse:
        """Open a page: somebody proven, somebody who claims, or nobody, with a session from before or without."""
        known = (("u_1", "ada@shop.example"), ("u_2", None), (None, "ada@shop.example"), (None, None))
        sub, email = choose.choice(known)
        prior = choose.choice([None, *self.sessions])
        body: dict[str, object] = {} if prior is None else {"session": prior}
        if sub is not None and choose.random() < 0.7:
            claims = {} if email is None else {"email": email}
            body["userJwt"] = self.org.sign(sub, now=self.clock.now, lifetime=choose.choice((600, 3600)), **claims)
        else:
            body |= {"externalId": sub, "email": email}
        answer = identify(self.client, self.org.id, **{name: value for name, value in body.items() if value})
        if answer.status_code == 200:
            self.sessions.append(session_of(answer))
        return answer

    def close(self, choose: random.Random, _number: int) -> None:
        """Close a conversation, as an agent does."""
        threads = sorted(conversations_of(self.app, self.org.id), key=lambda row: row.created_at)
        if threads:
            thread = choose.choice(threads)
            with self.app.app_context():
                current_state().commit(
                    lambda session, now: closing.set_status(
                        session, self.org.id, thread.id, Status.CLOSED, actor="Grace", seen=10_000, now=now
                    )
                )

    def revoke(self, _choose: random.Random, _number: int) -> None:
        """Replace the secrets in an emergency."""
        of = self.org.id
        with self.app.app_context():
            state = current_state()
            ours = state.settings
            state.commit(lambda session, now: use_cases.replace_secrets(session, ours, _ACTOR, of, now))
            secret = state.commit(lambda session, now: use_cases.reveal_current_secret(session, ours, _ACTOR, of, now))
        self.org = OrganizationForTests(self.org.id, secret)

    def change_mode(self, choose: random.Random, _number: int) -> None:
        """Set another mode."""
        set_organization(self.app, self.org.id, mode=choose.choice(("off", "optional", "optional", "required")))

    def stored(self) -> list[tuple[object, ...]]:
        """Return all rows, each id as the number under which it first comes."""
        names: dict[str, str] = {}

        def plain(value: object) -> object:
            if isinstance(value, str) and _ID.fullmatch(value):
                return names.setdefault(value, f"{value[:3]} {len(names)}")
            return value

        kept: list[tuple[object, ...]] = []
        proofs = rows_of(self.app, CustomerProof, self.org.id)
        for model, order in ((Message, "position"), (Conversation, "created_at"), (Customer, "created_at")):
            rows = sorted(rows_of(self.app, model, self.org.id), key=lambda row: (row.created_at, getattr(row, order)))
            kept += [
                tuple(plain(value) for name, value in row._mapping.items() if name != "organization_id") for row in rows
            ]
        kept += sorted((plain(row.customer_id), plain(row.secret_id), row.first_at) for row in proofs)
        return kept


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_said_it_leaves_what_several_statements_leave(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    in_one, used = messages.append_where_it_goes_on, list[str]()

    def watched(*of: Any) -> Any:
        done = in_one(*of)
        used.append("in one" if done else "in several")
        return done

    walks = Walk(app, "org_one", clock), Walk(app, "org_several", clock)
    for number in range(_STEPS):
        outcomes = []
        for walk in walks:
            with monkeypatch.context() as patch:
                if walk is walks[0]:
                    patch.setattr(messages, "append_where_it_goes_on", watched)
                else:
                    patch.setattr(messages, "append_where_it_goes_on", lambda *_of: None)
                    patch.setattr(customers, "dialect_of", lambda _source: "sqlite")
                outcomes.append(walk.step(chance(seed, number), number))
        assert plain_outcome(outcomes[0]) == plain_outcome(outcomes[1]), number
        assert walks[0].stored() == walks[1].stored(), number
        clock.move(chance(seed, number, "seconds").choice((0.5, 5, 400)))
    assert {"in one", "in several"} == set(used)
    for one, other in zip(walks[0].sessions, walks[1].sessions, strict=True):
        assert what_is_read(walks[0].client, one) == what_is_read(walks[1].client, other)


def what_is_read(client: FlaskClient, session: str) -> tuple[int, object]:
    answer = read_messages(client, session)
    return answer.status_code, [line["text"] for line in answer.get_json().get("messages", ())]


def plain_outcome(outcome: tuple[int, object]) -> tuple[int, object]:
    status, told = outcome
    return status, {name: value for name, value in told.items() if name != "id"} if isinstance(told, dict) else told
