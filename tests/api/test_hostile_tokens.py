"""What a hostile token may cost and touch at the API, beyond being refused: time, other people, the database."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv.models import Customer
from kaltalk_iv.testing import OrganizationForTests, add_organization, identify, send_message, set_organization
from tests.api.world import Clock, customers_of, engine_of, messages_of, rows_of
from tests.core.signing import sign
from tests.core.test_tokens import HOSTILE_HEADERS
from tests.support.statements import told_to

MOST_SECONDS = 0.05
HOSTILE_TEXTS: dict[str, tuple[Callable[[], str], int]] = {
    "a number of digits": (lambda: "9" * 8_000, 200),
    "the longest token": (lambda: "a" * 4_000 + "." + "b" * 4_190, 200),
    "all the letters that a request may have": (lambda: "a" * 16_000, 200),
    "brackets in a payload": (lambda: sign(b"[" * 6_000, b"x" * 32), 200),
    "a megabyte": (lambda: "a." * 2**19, 413),
    "eight megabytes": (lambda: "a" * 2**23, 413),
    "a payload of six megabytes": (lambda: sign(b'{"a":[' + b"[1]," * 1_500_000 + b"0]}", b"x" * 32), 413),
}


@pytest.mark.parametrize(("text", "status"), HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_abuse_7_a_hostile_token_is_answered_within_50_milliseconds_of_work(
    sqlite_app: Flask, text: Callable[[], str], status: int
) -> None:
    org, client = add_organization(sqlite_app), sqlite_app.test_client()
    body = json.dumps({"userJwt": text()}).encode()

    def seconds() -> float:
        began = time.thread_time()  # work, and not waiting: the machine may be busy with something else
        answer = client.post(f"/v1/organizations/{org.id}/identify", data=body, content_type="application/json")
        assert answer.status_code == status
        return time.thread_time() - began

    seconds()
    assert min(seconds() for _ in range(3)) < MOST_SECONDS


def test_abuse_9_a_header_makes_no_query_and_stands_in_none(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    payload = {"sub": "u_1", "exp": clock.now + 60}
    plain = sign(payload, org.secret.encode())
    identify(client, org.id, userJwt=plain)
    with told_to(engine_of(app)) as usual:
        identify(client, org.id, userJwt=plain)
    assert any("u_1" in repr(each) for each in usual)  # the recorder sees values
    for header in HOSTILE_HEADERS:
        with told_to(engine_of(app)) as told:
            answer = identify(client, org.id, userJwt=sign(payload, org.secret.encode(), header=header))
        assert answer.get_json()["identity"]["state"] == "verified"
        assert told == usual, header
        assert not [each for each in told if any(word in repr(each) for word in ("etc", "OR 1=1", "keys.json", "AAAA"))]


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_abuse_1_a_token_of_another_organization_touches_none_of_its_customers_and_no_other_of_ours(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, mode: str
) -> None:
    other = add_organization(app, "org_other")
    for each in (org, other):
        for sub in ("u_1", "u_2"):
            proven = identify(client, each.id, userJwt=org_signs(each, sub, clock)).get_json()["session"]["token"]
            send_message(client, proven, f"words of {sub} at {each.id}")
    set_organization(app, other.id, mode=mode)
    theirs, ours = untouched(app, org.id), untouched(app, other.id, besides="u_1")

    answer = identify(client, other.id, userJwt=org_signs(org, "u_1", clock))

    code = answer.get_json().get("code") or answer.get_json()["identity"]["reason"]
    assert (answer.status_code, code) == (401 if mode == "required" else 200, "bad_signature")
    assert untouched(app, org.id) == theirs
    assert untouched(app, other.id, besides="u_1") == ours
    green = sorted(record.external_id or "" for record in customers_of(app, other.id) if record.verified)
    assert green == (["u_1", "u_2"] if mode == "required" else ["u_2"])


def org_signs(org: OrganizationForTests, sub: str, clock: Clock) -> str:
    """Return a good token of ``org`` for a customer whose address says which one it is."""
    return org.sign(sub, now=clock.now, email=f"{sub}@{org.id.replace('_', '-')}.example", name=sub)


def untouched(app: Flask, organization_id: str, besides: str | None = None) -> list[tuple[Any, ...]]:
    """Return the organization's customers, save one, and all its lines."""
    people = [tuple(row) for row in rows_of(app, Customer, organization_id) if row.external_id != besides]
    assert people
    return sorted(people, key=repr) + [tuple(line) for line in messages_of(app, organization_id)]


WRONG_TYPES: list[Any] = [True, False, 1.0, [1], ["1"], {"1": 1}, None]


def test_abuse_6_in_plain_fields_too_one_and_its_text_are_one_customer_and_true_is_nobody(
    app: Flask, client: FlaskClient, org: OrganizationForTests
) -> None:
    for value in (1, "1"):
        assert identify(client, org.id, externalId=value).get_json()["identity"]["externalId"] == "1"
    (one,) = customers_of(app, org.id)
    for value in WRONG_TYPES:
        answer = identify(client, org.id, externalId=value, name="Eve")
        assert answer.get_json()["identity"]["externalId"] is None, value
    assert customers_of(app, org.id) == [one]
    for text in ("true", "True", "1.0"):
        identify(client, org.id, externalId=text)
    assert sorted(record.external_id or "" for record in customers_of(app, org.id)) == ["1", "1.0", "True", "true"]


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_abuse_42_a_bad_token_is_answered_alike_for_a_known_and_an_unknown_customer(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, mode: str
) -> None:
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, email="u_1@shop.example", name="Ada"))
    set_organization(app, org.id, mode=mode)

    def answer(sub: str, key: bytes, lifetime: float) -> tuple[int, object, list[str]]:
        token = sign({"sub": sub, "exp": clock.now + lifetime}, key)
        found = identify(client, org.id, userJwt=token)
        told = found.get_json()
        session = told.pop("session", {"token": ""})
        text = json.dumps(told).replace(sub, "the id").replace(found.headers["X-Request-ID"], "")
        assert "shop.example" not in text
        assert "Ada" not in text
        return found.status_code, (text, session.get("expiresAt")), sorted(name for name, _ in found.headers)

    for key, lifetime in ((b"x" * 32, 60), (org.secret.encode(), -60), (org.secret.encode(), 10**6)):
        assert answer("u_1", key, lifetime) == answer("u_9", key, lifetime)
