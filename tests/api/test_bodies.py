"""What identify and messages make of bodies, methods and names of organizations that nobody should send."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kaltalk_iv.testing import OrganizationForTests, add_organization, bearer, identify, set_organization
from tests.api.world import Clock, everything_stored

IDENTIFY = "/v1/organizations/org_test/identify"


@pytest.fixture
def app(sqlite_app: Flask) -> Flask:
    """Give one database: what is refused here is refused before there is a database in it."""
    return sqlite_app


def check_problem(answer: TestResponse, status: int, code: str) -> None:
    """Fail unless ``answer`` is a problem (RFC 9457) with this code."""
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.get_json()["status"] == status
    assert answer.get_json()["code"] == code
    assert answer.get_json()["detail"].endswith(".")
    assert answer.headers["Vary"] == "Origin"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


UNREADABLE: dict[str, bytes] = {
    "ten thousand brackets": b"[" * 10_000,
    "ten thousand nested members": b'{"a":' * 3_000,
    "UTF-16": '{"email":"a@b.example"}'.encode("utf-16"),
    "UTF-32": '{"email":"a@b.example"}'.encode("utf-32"),
    "a byte order mark": b'\xef\xbb\xbf{"email":"a@b.example"}',
    "Latin-1": '{"name":"Zo\u00eb"}'.encode("latin-1"),
    "NaN": b'{"email":"a@b.example","x":NaN}',
    "Infinity": b'{"email":"a@b.example","x":-Infinity}',
    "a member twice": b'{"email":"a@b.example","email":"c@d.example"}',
    "a member twice, deeper": b'{"email":"a@b.example","x":{"y":1,"y":2}}',
    "a list": b'[{"email":"a@b.example"}]',
    "text": b'"a@b.example"',
    "null": b"null",
    "a number": b"1",
    "nothing": b"",
    "blanks": b"  \n ",
    "a NUL": b"\x00",
    "cut off": b'{"email":"a@b.example"',
    "a second object": b'{"email":"a@b.example"}{}',
    "a comment": b'{"email":"a@b.example"} // hello',
    "5,000 digits": b'{"email":"a@b.example","x":' + b"9" * 5_000 + b"}",
    "form data": b"email=a%40b.example",
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_a_body_that_is_no_strict_json_object_is_refused_and_stores_nothing(
    app: Flask, client: FlaskClient, org: OrganizationForTests, body: bytes
) -> None:
    before = everything_stored(app)
    check_problem(client.post(IDENTIFY, data=body, content_type="application/json"), 400, "unreadable")
    session = identify(client, org.id).get_json()["session"]["token"]
    sent = client.post("/v1/messages", data=body, content_type="application/json", headers=bearer(session))
    check_problem(sent, 400, "unreadable")
    assert everything_stored(app) == before


CONTENT_TYPES = [
    None,
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "application/problem+json",
    "application/json; charset=utf-16",
    "application/json; charset=latin-1",
    "text/json",
    "*/*",
    "",
]


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_a_body_that_is_not_called_json_is_refused_and_stores_nothing(
    app: Flask, client: FlaskClient, org: OrganizationForTests, content_type: str | None
) -> None:
    before = everything_stored(app)
    answer = client.post(IDENTIFY, data=b'{"email":"a@b.example"}', content_type=content_type)
    check_problem(answer, 415, "unsupported_media_type")
    assert everything_stored(app) == before


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=UTF-8"])
def test_json_in_utf_8_is_taken_however_it_is_written(
    client: FlaskClient, org: OrganizationForTests, content_type: str
) -> None:
    assert client.post(IDENTIFY, data=b" {} ", content_type=content_type).status_code == 200


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
def test_a_body_has_at_most_16_kib(client: FlaskClient, org: OrganizationForTests, more: int, status: int) -> None:
    body = b"{}".ljust(16 * 1024 + more)
    answer = client.post(IDENTIFY, data=body, content_type="application/json")
    assert answer.status_code == status
    if status == 413:
        check_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    ("path", "allowed"), [(IDENTIFY, {"POST"}), ("/v1/messages", {"GET", "POST"}), ("/v1/session", {"DELETE"})]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_a_wrong_method_is_a_405_that_says_which_are_right(
    app: Flask, client: FlaskClient, org: OrganizationForTests, path: str, allowed: set[str], method: str
) -> None:
    if method in allowed:
        assert client.open(path, method=method).status_code != 405
        return
    answer = client.open(path, method=method, json={"email": "a@b.example"})
    assert answer.status_code == 405
    assert {name.strip() for name in answer.headers["Allow"].split(",")} == allowed
    if method != "HEAD":
        check_problem(answer, 405, "method_not_allowed")


NOBODYS_IDS = [
    "org_unknown",
    "org%00test",
    "%00",
    "x" * 300,
    "org_t%C3%A9st",
    "%F0%9F%92%A9",
    "org_test%20",
    "ORG_TEST",
    "%ED%A0%80",
    "%FF",
    "org_test'--",
    "..",
]


def test_every_organization_that_is_not_there_is_answered_alike(client: FlaskClient, org: OrganizationForTests) -> None:
    answers = [client.post(f"/v1/organizations/{id_}/identify", json={}) for id_ in NOBODYS_IDS]
    for answer in answers:
        check_problem(answer, 404, "unknown_organization")
    assert (
        len({(answer.data, *(line for line in answer.headers if line[0] != "X-Request-ID")) for answer in answers}) == 1
    )


def test_an_unknown_organization_answers_a_known_and_an_unknown_customer_alike(
    client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    token = org.sign("u_1", now=clock.now)
    identify(client, org.id, userJwt=token)
    assert identify(client, "org_nobody", userJwt=token).data == identify(client, "org_nobody", email="x").data


HOSTILE: dict[str, Any] = {
    "NUL": "a\x00b@shop.example",
    "a lone surrogate": "a\ud800b@shop.example",
    "a surrogate pair cut in two": "\udc00\ud800",
    "an object": {"toString": "a@b.example"},
    "a list": ["a@b.example"],
    "true": True,
    "a float": 1.5,
    "a huge number": 10**400,
    "10 kB": "x" * 10_000,
    "direction overrides": "\u202e\u2066",
    "line breaks": "a@b.example\r\nSet-Cookie: x",
    "empty": "",
    "blank": " ",
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("field", ["externalId", "email", "name", "session", "userJwt"])
@pytest.mark.parametrize("mode", ["off", "optional", "required"])
def test_a_hostile_value_is_dropped_cleaned_or_refused_and_breaks_nothing(
    app: Flask, client: FlaskClient, org: OrganizationForTests, mode: str, field: str, value: object
) -> None:
    set_organization(app, org.id, mode=mode)
    answer = client.post(IDENTIFY, data=json.dumps({field: value}), content_type="application/json")
    assert answer.status_code == 200 or (mode == "required" and answer.status_code == 401)


MESSAGES: dict[str, Any] = {
    "no text": {"clientMessageId": "m1"},
    "no id": {"text": "hi"},
    "text that is a number": {"text": 1, "clientMessageId": "m1"},
    "text of blanks": {"text": " \n ", "clientMessageId": "m1"},
    "text of control characters": {"text": "\x00\x01", "clientMessageId": "m1"},
    "text of 4,001 characters": {"text": "x" * 4_001, "clientMessageId": "m1"},
    "an id with a NUL": {"text": "hi", "clientMessageId": "m\x001"},
    "an id that is a number": {"text": "hi", "clientMessageId": 1},
    "an id of 65 characters": {"text": "hi", "clientMessageId": "m" * 65},
    "an empty id": {"text": "hi", "clientMessageId": ""},
}


@pytest.mark.parametrize("body", MESSAGES.values(), ids=MESSAGES)
def test_a_message_that_is_none_is_refused_and_stores_nothing(
    app: Flask, client: FlaskClient, org: OrganizationForTests, body: dict[str, Any]
) -> None:
    session = identify(client, org.id).get_json()["session"]["token"]
    before = everything_stored(app)
    check_problem(client.post("/v1/messages", json=body, headers=bearer(session)), 400, "unreadable")
    assert everything_stored(app) == before


@pytest.mark.parametrize("cursor", ["", "1", "con_x.1", "con_" + "0" * 24 + ".-1", "0\x00", "0\n", "\ud7ff", "9" * 99])
def test_a_cursor_that_no_answer_gave_is_refused(client: FlaskClient, org: OrganizationForTests, cursor: str) -> None:
    session = identify(client, org.id).get_json()["session"]["token"]
    answer = client.get("/v1/messages", query_string={"after": cursor}, headers=bearer(session))
    check_problem(answer, 400, "unreadable")


def test_an_error_says_nothing_of_what_was_sent(
    client: FlaskClient, org: OrganizationForTests, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    token = org.sign("u_1", now=clock.now)
    send: list[Callable[[], TestResponse]] = [
        lambda: client.post(IDENTIFY, data=token.encode(), content_type="application/json"),
        lambda: client.get("/v1/messages", headers=bearer(token)),
        lambda: client.post("/v1/organizations/nobody/identify", json={"userJwt": token}),
        lambda: client.post(IDENTIFY, json={"userJwt": token + "x", "email": token}),
    ]
    for answer in (each() for each in send):
        assert token[:40] not in answer.text
    assert token[:40] not in caplog.text


def test_two_organizations_do_not_meet(app: Flask, client: FlaskClient, org: OrganizationForTests) -> None:
    other = add_organization(app, "org_other")
    for each in (org, other):
        assert identify(client, each.id, externalId="u_1").status_code == 200
    assert len(everything_stored(app)["kaltalk_iv_customers"]) == 2
