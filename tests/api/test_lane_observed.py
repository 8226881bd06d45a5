"""What is logged, counted and told of a request in the lane, above all when something goes wrong in it."""

import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import flask.signals
import pytest
from flask import Flask

from kaltalk_iv.lane import Application
from kaltalk_iv.models import IdentifyCount
from kaltalk_iv.observing.requests import current_trace
from kaltalk_iv.service.identify import read_request
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import add_organization
from tests.api.beside import (
    IDENTIFY,
    Endless,
    after_its_first,
    check_identify,
    environ_of,
    said,
    served,
    takes,
)
from tests.api.world import Clock, rows_of, running

__all__ = ["served"]


@pytest.fixture
def other(sqlite_url: str, clock: Clock) -> Iterator[Application]:
    """Give a second application on the same database."""
    for app in running(sqlite_url, clock):
        yield after_its_first(app)


def test_a_request_in_the_course_of_another_leaves_it_its_id(
    served: Application, other: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_organization(served)
    ids: list[str] = []

    def ask(app: Application) -> None:
        assert said(app, environ_of(IDENTIFY, data=b"{}", content_type="application/json")).status == 200

    def note() -> None:
        trace = current_trace()
        assert trace is not None
        ids.append(trace.id)

    def read(given: Any, origin: str | None) -> Any:
        note()
        if len(ids) == 1:
            ask(other)
            note()
        return read_request(given, origin)

    monkeypatch.setattr("kaltalk_iv.api.widgets.read_request", read)
    ask(served)
    assert ids[0] == ids[2] != ids[1]
    assert current_trace() is None


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


def test_what_nobody_foresaw_leaves_nothing_of_the_body_and_waits_for_no_more(
    served: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_organization(served)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    for name in ("read_request", "network_of"):  # after the body, and before it
        monkeypatch.setattr(f"kaltalk_iv.api.widgets.{name}", fail)
        body = Endless(b"{}")
        extra = {"wsgi.input": body, "CONTENT_LENGTH": "2"}
        answer = said(served, environ_of(IDENTIFY, content_type="application/json", environ=extra))
        assert (answer.status, answer.body["code"]) == (500, "error")
        assert body.left == b""  # a connection with something unread on it would be reset


def test_an_error_that_the_application_handles_is_handled_alike(
    sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_app.register_error_handler(ZeroDivisionError, lambda _error: ({"code": "teapot"}, 418))
    served = after_its_first(sqlite_app)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("kaltalk_iv.api.widgets.read_request", fail)
    check_identify(served, b"{}", status=418)


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
