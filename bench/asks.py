"""What is asked of a filled database, by visitors and by an agent, each with what a right answer holds."""

import itertools
import random
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

import sqlalchemy as sa

from bench.filled import Filled
from bench.rows import LARGE
from bench.visitor import Answer, Client, Request, as_json
from kaltalk_iv.core.listing import Place, write_place

PAGE = 50  # conversations
_MONTH = 30 * 86_400  # so far from either end of the list that a page is full
_IDENTIFY = f"/v1/organizations/{LARGE}/identify"
_PEOPLE = """
SELECT customer.external_id, customer.email, customer.name, thread.id, thread.last_message_at
FROM kaltalk_iv_customers AS customer JOIN kaltalk_iv_conversations AS thread
  ON thread.organization_id = customer.organization_id AND thread.customer_id = customer.id
WHERE customer.organization_id = :org AND customer.external_id IN :subs
"""


@dataclass(frozen=True, slots=True)
class Person:
    """A proven customer of the large organization, with the one conversation and its place in the list."""

    sub: str
    email: str
    name: str
    conversation_id: str
    at: float


@dataclass(frozen=True, slots=True)
class Ask:
    """Something to ask for a person. ``request`` may ask other things before; only what it returns is timed."""

    name: str
    request: Callable[[Client, Filled, Person], Request]
    is_right: Callable[[Answer, Person], bool]


def draw_people(url: str, customers: int, number: int) -> list[Person]:
    """Return ``number`` random proven customers out of ``customers``, fewer where there are not so many."""
    drawn = random.Random()  # others in each run: what was asked for before is in some cache
    numbers = range(1, customers + 1)
    # Of the large organization, proven by the secret that stands: rows.py says who is.
    proven = (i for i in drawn.sample(numbers, min(customers, 4 * number)) if i % 10 and i // 10 % 100 < 70)
    subs = [f"u_{i}" for i in itertools.islice(proven, number)]
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        query = sa.text(_PEOPLE).bindparams(sa.bindparam("subs", expanding=True))
        found = connection.execute(query, {"org": LARGE, "subs": subs}).all()
    engine.dispose()
    if len(found) != len(subs):
        raise RuntimeError(f"{len(subs)} customers were looked for, and {len(found)} are there")
    people = [Person(*row) for row in found]
    drawn.shuffle(people)
    return people


def every_ask() -> list[Ask]:
    """Return all that is measured."""
    return [*_widget_asks(), *_list_asks(), *_search_asks(), Ask("conversation with its drawer", _drawer, _is_drawer)]


def _widget_asks() -> Iterator[Ask]:
    yield Ask("identify, known customer", _identify, _is_verified)
    yield Ask("identify, new customer", _identify_new, lambda answer, _person: _state_of(answer) == "verified")
    yield Ask("message", _message, lambda answer, _person: answer.status == 201)
    yield Ask("widget reads its thread", _thread, _is_thread)


def _list_asks() -> Iterator[Ask]:
    yield Ask("inbox, first page", partial(_list, ""), _is_full_page)
    yield Ask("inbox, a page far down", _older, _is_full_page)
    yield Ask("inbox, back up from there", _newer, _is_full_page)
    for identity in ("", "verified", "unverified", "anonymous"):
        for status in ("open", "closed", "all"):
            if identity or status != "open":
                asked = urlencode({"identity": identity, "status": status})
                yield Ask(f"inbox, {identity or 'everybody'}, {status}", partial(_list, asked), _is_full_page)


def _search_asks() -> Iterator[Ask]:
    for name, text, is_right in (
        ("whole name", lambda person: person.name, _has_person),
        ("first name", lambda person: person.name.split()[0], _is_full_page),
        ("first name and four letters", lambda person: _with_letters(person.name, 4), _has_any),
        ("one letter", lambda person: person.name[0], _is_full_page),
        ("whole e-mail", lambda person: person.email, _has_person),
        ("beginning of an e-mail", lambda person: person.email.partition(".")[0] + ".", _is_full_page),
        ("whole id", lambda person: person.sub, _has_any),
        ("beginning of an id", lambda person: person.sub[:3], _is_full_page),
        ("nobody's name", lambda person: person.name[::-1] + "?", _has_none),
    ):
        yield Ask(f"search, {name}", partial(_search, text), is_right)


def _token(filled: Filled, person: Person) -> str:
    return filled.organization.sign(person.sub, now=time.time(), email=person.email, name=person.name)


def _identify(_client: Client, filled: Filled, person: Person) -> Request:
    return as_json(_IDENTIFY, {"userJwt": _token(filled, person)})


def _identify_new(_client: Client, filled: Filled, person: Person) -> Request:
    new = secrets.token_hex(8)
    named = Person(f"new_{new}", f"{new}@example.com", person.name, "", 0)
    return as_json(_IDENTIFY, {"userJwt": _token(filled, named)})


def _session(client: Client, filled: Filled, person: Person) -> dict[str, str]:
    token = client.send(_identify(client, filled, person)).json()["session"]["token"]
    return {"Authorization": f"Bearer {token}"}


def _message(client: Client, filled: Filled, person: Person) -> Request:
    body = {"text": "And where is it now?", "clientMessageId": secrets.token_hex(16)}
    return as_json("/v1/messages", body, **_session(client, filled, person))


def _thread(client: Client, filled: Filled, person: Person) -> Request:
    return Request("GET", "/v1/messages", headers=_session(client, filled, person))


def _list(query: str, _client: Client, _filled: Filled, _person: Person) -> Request:
    return Request("GET", f"/inbox?{query}")


def _older(_client: Client, _filled: Filled, person: Person) -> Request:
    return Request("GET", f"/inbox?older={write_place(Place(person.at + _MONTH, person.conversation_id))}")


def _newer(_client: Client, _filled: Filled, person: Person) -> Request:
    return Request("GET", f"/inbox?newer={write_place(Place(person.at - _MONTH, person.conversation_id))}")


def _search(text: Callable[[Person], str], _client: Client, _filled: Filled, person: Person) -> Request:
    return Request("GET", f"/inbox?{urlencode({'q': text(person), 'status': 'all'})}")


def _drawer(_client: Client, _filled: Filled, person: Person) -> Request:
    return Request("GET", f"/inbox/{person.conversation_id}")


def _with_letters(name: str, number: int) -> str:
    first, _, last = name.partition(" ")
    return f"{first} {last[:number]}"


def _state_of(answer: Answer) -> object:
    return answer.json()["identity"]["state"] if answer.status == 200 else None


def _is_verified(answer: Answer, person: Person) -> bool:
    return _state_of(answer) == "verified" and answer.json()["identity"]["externalId"] == person.sub


def _is_thread(answer: Answer, _person: Person) -> bool:
    return answer.status == 200 and len(answer.json()["messages"]) >= 2


def _rows(answer: Answer) -> int:
    return answer.body.count(b'<li data-conversation="') if answer.status == 200 else -1


def _is_full_page(answer: Answer, _person: Person) -> bool:
    return _rows(answer) == PAGE


def _has_any(answer: Answer, _person: Person) -> bool:
    return _rows(answer) > 0


def _has_none(answer: Answer, _person: Person) -> bool:
    return _rows(answer) == 0


def _has_person(answer: Answer, person: Person) -> bool:
    return _rows(answer) > 0 and person.conversation_id.encode() in answer.body


def _is_drawer(answer: Answer, person: Person) -> bool:
    return answer.status == 200 and b'data-field="email"' in answer.body and person.email.encode() in answer.body
