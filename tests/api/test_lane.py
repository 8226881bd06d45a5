"""The lane of KalTalk's own application answers as Flask's way does."""

import io
import json
from typing import Any
from wsgiref.validate import validator

import pytest

from kaltalk_iv.lane import Application
from kaltalk_iv.testing import add_organization, bearer, identify
from tests.api.beside import (
    IDENTIFY,
    MESSAGES,
    SESSION,
    SHOP,
    Endless,
    after_its_first,
    check_both_ways,
    check_identify,
    environ_of,
    said,
    served,
    takes,
)
from tests.api.test_faults import seal_differently
from tests.api.world import NOW, Clock, running

__all__ = ["served"]


@pytest.mark.parametrize("mode", ["off", "optional", "required"])
def test_an_identify_is_answered_alike(served: Application, mode: str) -> None:
    org = add_organization(served, mode=mode, origins=SHOP)
    good, bad = org.sign("u_1", now=NOW, email="a@shop.example"), org.sign("u_1", now=NOW - 7200)
    refused = 401 if mode == "required" else 200
    answered: list[dict[str, Any]] = [{"userJwt": good}, {"userJwt": good, "email": "b@shop.example", "name": 7}]
    for body in (*answered, {}, {"unknown": []}):
        check_identify(served, json.dumps(body).encode(), status=200)
    unproven: list[dict[str, Any]] = [{"userJwt": bad}, {"userJwt": good[:-2] + "AA"}, {"userJwt": None}]
    for body in (*unproven, {"email": "c@shop.example"}):
        check_identify(served, json.dumps(body).encode(), status=200 if mode == "off" else refused)


BAD_BODIES = {
    "empty": b"",
    "no object": b"[1]",
    "no JSON": b"{",
    "twice": b'{"email":"a@b.example","email":"c@d.example"}',
    "deep": b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "UTF-16": '{"email":"a@b.example"}'.encode("utf-16"),
    "NaN": b'{"email":NaN}',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_cannot_be_read_is_refused_alike(served: Application, body: bytes) -> None:
    add_organization(served, origins=SHOP)
    check_identify(served, body, status=400)
    check_identify(served, body, status=403, headers={"Origin": "https://elsewhere.example"})


@pytest.mark.parametrize("length", [16 * 1024, 16 * 1024 + 1, 40_000, 1_000_001])
def test_bodies_at_the_limit_and_above_are_answered_alike(served: Application, length: int) -> None:
    add_organization(served)
    body = b'{"name":"' + b"x" * (length - 11) + b'"}'
    assert len(body) == length
    status = 200 if length == 16 * 1024 else 413
    check_identify(served, body, status=status)
    terminated = {"wsgi.input_terminated": True}
    check_identify(served, body, status=status, environ=terminated)
    for length_too in ("", "5"):  # of which a server that passes both on believes the first (RFC 9112, section 6.1)
        chunked = terminated | {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": length_too}
        check_identify(served, body, status=status, environ=chunked)


def test_what_a_body_announces_is_answered_alike(served: Application) -> None:
    add_organization(served)
    body = b'{"email":"a@shop.example"}'
    for announced, status in (("26", 200), ("20", 400), ("", 400), ("-1", 400), ("2x", 400), ("\u0662\u0666", 400)):
        check_identify(served, body, status=status, environ={"CONTENT_LENGTH": announced})
    for announced in ("27", "500"):  # cut off: Werkzeug names it otherwise where the server ends the stream itself
        for terminated in ({}, {"wsgi.input_terminated": True}):
            asked = environ_of(
                IDENTIFY,
                data=body,
                content_type="application/json",
                environ={"CONTENT_LENGTH": announced} | terminated,
            )
            assert takes(served, asked)
            answer = said(served, asked)
            assert (answer.status, answer.body["code"]) == (400, "unreadable")


def test_nobody_waits_for_more_than_the_body(served: Application) -> None:
    add_organization(served)
    body = b'{"email":"a@shop.example"}'
    for sent, status in ((body, 200), (b"[" * len(body), 400)):
        extra = {"wsgi.input": Endless(sent), "CONTENT_LENGTH": str(len(sent))}
        asked = environ_of(IDENTIFY, content_type="application/json", environ=extra)
        assert takes(served, asked)
        assert said(served, asked).status == status


def test_a_body_that_comes_in_parts_is_read_whole(served: Application) -> None:
    add_organization(served)

    class Slowly(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 5))

    body = b'{"email":"a@shop.example"}'
    asked = environ_of(
        IDENTIFY,
        content_type="application/json",
        environ={"wsgi.input": Slowly(body), "CONTENT_LENGTH": str(len(body))},
    )
    assert takes(served, asked)
    assert said(served, asked).body["identity"]["email"] == "a@shop.example"


def test_a_body_that_breaks_off_with_an_error_is_a_400(served: Application) -> None:
    add_organization(served)

    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise ConnectionResetError

    asked = environ_of(
        IDENTIFY, content_type="application/json", environ={"wsgi.input": Broken(), "CONTENT_LENGTH": "20"}
    )
    assert said(served, asked).status == 400


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=utf-8", 200),
        ("APPLICATION/JSON", 200),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
    ],
)
def test_types_of_content_are_answered_alike(served: Application, content_type: str, status: int) -> None:
    add_organization(served)
    check_identify(served, b'{"email":"a@shop.example"}', status=status, content_type=content_type)


@pytest.mark.parametrize(
    "origin", [None, SHOP, "null", "https://shop.example.evil", "https://\xf6.example", "x" * 5000]
)
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET", "DELETE"])
def test_origins_and_methods_are_answered_alike(served: Application, origin: str | None, method: str) -> None:
    org = add_organization(served, origins=SHOP)
    headers = {} if origin is None else {"Origin": origin}
    body = json.dumps({"userJwt": org.sign("u_1", now=NOW)}).encode()
    for path in (IDENTIFY, MESSAGES, SESSION, "/v1/organizations/org_nobody/identify"):
        for scheme in ("https", "http"):
            base_url = f"{scheme}://kaltalk.example"
            asked = {"path": path, "method": method, "data": body, "content_type": "application/json"}
            check_both_ways(served, **asked, headers=headers, base_url=base_url)


def test_no_answer_repeats_an_origin_that_no_browser_writes(served: Application) -> None:
    add_organization(served)
    for origin in ("https://shop.example\r\nSet-Cookie: a=b", "https://\xf6.example"):
        asked = environ_of(IDENTIFY, data=b"{}", content_type="application/json", environ={"HTTP_ORIGIN": origin})
        assert takes(served, asked)
        answer = said(served, asked)
        assert "Access-Control-Allow-Origin" not in dict(answer.headers)
        assert "Set-Cookie" not in str(answer)


def test_messages_are_answered_alike(served: Application) -> None:
    org = add_organization(served, origins=SHOP)
    token = identify(served.test_client(), org.id, userJwt=org.sign("u_1", now=NOW)).get_json()["session"]["token"]
    asked = {"content_type": "application/json", "headers": bearer(token) | {"Origin": SHOP}}
    sent = {"text": "hello", "clientMessageId": "m-1"}
    for body, status in ((sent, 201), (sent | {"text": ""}, 400), ({}, 400), (sent | {"session": "kts1.x"}, 201)):
        data = json.dumps(body).encode()
        assert check_both_ways(served, path=MESSAGES, data=data, **asked).status == status
    for query, status in (("", 200), ("after=0", 200), ("after=%00", 400), ("after=1&after=2", 400)):
        answer = check_both_ways(served, path=MESSAGES, method="GET", query_string=query, headers=asked["headers"])
        assert answer.status == status, (query, answer)
    for header in ("", "Basic x", "Bearer", "bearer kts1.x", f"Bearer  {token} ", "Bearer \xff"):
        check_both_ways(served, path=MESSAGES, method="GET", headers={"Authorization": header})
    assert check_both_ways(served, path=SESSION, method="DELETE", headers=asked["headers"]).status == 204
    assert check_both_ways(served, path=MESSAGES, method="GET", headers=asked["headers"]).status == 401


def test_a_secret_that_does_not_open_is_answered_alike(served: Application) -> None:
    org = add_organization(served)
    token = org.sign("u_1", now=NOW)
    seal_differently(served, org.id, "somebody's own text in the place of a sealed secret")
    check_identify(served, json.dumps({"userJwt": token}).encode(), status=503)


def test_a_limit_is_answered_alike(sqlite_url: str, clock: Clock) -> None:
    one = {"KALTALK_IV_LIMITS": "on", "KALTALK_IV_LIMIT_IDENTIFY_ADDRESS": "1 per 60 seconds"}
    for app in running(sqlite_url, clock, **one):
        served = after_its_first(app)
        add_organization(served)
        identify(served.test_client(), "org_test")
        for _ in range(2):
            said(served, environ_of(IDENTIFY))
        answer = check_identify(served, b"{}", status=429)
        assert ("Retry-After", "60") in answer.headers


def test_it_keeps_to_wsgi(served: Application) -> None:
    org = add_organization(served)
    body = json.dumps({"userJwt": org.sign("u_1", now=NOW)}).encode()
    asked = environ_of(IDENTIFY, data=body, content_type="application/json", headers={"Origin": SHOP})
    asked |= {"SCRIPT_NAME": ""}
    assert takes(served, asked)
    assert said(validator(served), asked).status == 200
