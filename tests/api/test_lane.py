"""The lane of KalTalk's own application answers as Flask's way does."""

import io
import json
import logging
from functools import partial
from typing import Any
from wsgiref.validate import validator

import flask.signals
import pytest
from flask import Flask

from kaltalk_iv.lane import Application
from kaltalk_iv.models import IdentifyCount
from kaltalk_iv.observing.requests import current_trace
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import add_organization, bearer, identify
from tests.api.beside import (
    IDENTIFY,
    MESSAGES,
    SESSION,
    SHOP,
    Said,
    after_its_first,
    check_both_ways,
    environ_of,
    said,
    served,
    takes,
)
from tests.api.test_faults import seal_differently
from tests.api.world import NOW, Clock, rows_of, running

__all__ = ["served"]


def check_identify(app: Application, body: bytes, *, status: int, **asked: Any) -> Said:
    """Return the answer to an identify, after ``check_both_ways``."""
    given = {"path": IDENTIFY, "data": body, "content_type": "application/json", "headers": {"Origin": SHOP}} | asked
    answer = check_both_ways(app, **given)
    assert answer.status == status, answer
    return answer


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


class Endless(io.BytesIO):
    """A connection that stays open: who reads past the body waits for ever."""

    def read(self, size: int | None = -1) -> bytes:
        """Return what is there. Fails where a real one would wait."""
        part = super().read(size)
        assert part, "this would wait for ever"
        return part


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


def test_what_nobody_foresaw_is_answered_and_logged_alike(
    served: Application, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with served.app_context():
        state = current_state()
    told: list[Exception] = []

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    def hear(_sender: Flask, exception: Exception) -> None:
        told.append(exception)

    monkeypatch.setattr(type(state.limiter), "hit", fail)
    with flask.signals.got_request_exception.connected_to(hear), caplog.at_level(logging.INFO):
        answer = check_identify(served, b"{}", status=500)
    assert answer.body["code"] == "error"
    assert [type(error) for error in told] == [ZeroDivisionError] * 2
    failures = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in failures] == [f"Exception on {IDENTIFY} [POST]"] * 2
    access = [record for record in caplog.records if record.name == "kaltalk_iv.access"]
    assert [vars(record)["status"] for record in access] == [500, 500]
    assert current_trace() is None


def test_what_nobody_foresaw_after_the_body_was_read_waits_for_no_more_of_it(
    served: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_organization(served)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("kaltalk_iv.api.widgets.read_request", fail)
    extra = {"wsgi.input": Endless(b"{}"), "CONTENT_LENGTH": "2"}
    answer = said(served, environ_of(IDENTIFY, content_type="application/json", environ=extra))
    assert (answer.status, answer.body["code"]) == (500, "error")


def test_an_error_that_the_application_handles_is_handled_alike(
    sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_app.register_error_handler(ZeroDivisionError, lambda _error: ({"code": "teapot"}, 418))
    served = after_its_first(sqlite_app)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("kaltalk_iv.api.widgets.read_request", fail)
    check_identify(served, b"{}", status=418)


def test_it_keeps_to_wsgi(served: Application) -> None:
    org = add_organization(served)
    body = json.dumps({"userJwt": org.sign("u_1", now=NOW)}).encode()
    asked = environ_of(IDENTIFY, data=body, content_type="application/json", headers={"Origin": SHOP})
    asked |= {"SCRIPT_NAME": ""}
    assert takes(served, asked)
    assert said(validator(served), asked).status == 200


def test_counts_and_log_lines_are_those_of_flasks_way(served: Application, caplog: pytest.LogCaptureFixture) -> None:
    add_organization(served)
    with caplog.at_level(logging.INFO, "kaltalk_iv.access"):
        check_identify(served, b'{"email":"a@shop.example"}', status=200)
    access = [record for record in caplog.records if record.name == "kaltalk_iv.access"]
    told = [(record.getMessage(), vars(record)["route"], vars(record)["method"]) for record in access]
    route = "/v1/organizations/<path:organization_id>/identify"
    assert told == [(f"POST {route} 200", route, "POST")] * 2
    with served.app_context():
        text = current_state().metrics.text().decode()
    assert 'kaltalk_requests_total{endpoint="kaltalk_iv_api.identify_visitor",status="200"} 2.0' in text
    assert 'kaltalk_identifies_total{outcome="unsigned",reason="no_token"} 2.0' in text


@pytest.mark.parametrize("way", ["beside", "flask"])
def test_counts_are_written_once_the_answer_is_closed(served: Application, clock: Clock, way: str) -> None:
    org = add_organization(served)
    asked: dict[str, Any] = {"path": IDENTIFY, "data": b'{"email":"a@shop.example"}'}
    asked["content_type"] = "application/json"
    said(served, environ_of(**asked))
    clock.move(60)
    environ = environ_of(**asked)
    assert takes(served, environ)
    called = served.wsgi_app if way == "beside" else partial(Flask.wsgi_app, served)
    answer = called(environ, lambda *_: lambda _bytes: None)
    assert list(answer)
    assert not rows_of(served, IdentifyCount, org.id)
    answer.close()  # type: ignore[attr-defined]  # as PEP 3333 has servers do
    assert rows_of(served, IdentifyCount, org.id)
