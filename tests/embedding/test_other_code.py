"""The widget's API between the code of others: their classes, hooks, wrapped views, threads and extensions."""

import threading
import time
from typing import Any

import pytest
from flask import Flask, Request, Response, abort, copy_current_request_context, request
from flask.testing import FlaskClient
from flask_limiter import Limiter

from kaltalk_iv.observing import identity_failed
from kaltalk_iv.observing.requests import current_trace
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import add_organization
from tests.embedding.conftest import IDENTIFY, Shop

ORIGIN = "https://shop.example"
SCRIPT = "/kaltalk/widget/kaltalk.js"
ONCE = ("Access-Control-Allow-Origin", "Cross-Origin-Resource-Policy", "Content-Security-Policy", "Cache-Control")


class Branded(Response):
    """A class of answers that an application has made its own."""


def embedded(shop: Shop) -> FlaskClient:
    """Return a browser of a shop with our extension and an organization."""
    shop.embed()
    add_organization(shop.app, "org_shop")
    return shop.app.test_client()


def identify(client: FlaskClient, **body: Any) -> Any:
    """Return the answer to an identify of a page of the shop."""
    return client.post(IDENTIFY, json=body, headers={"Origin": ORIGIN})


def check_headers(answer: Any, origin: str = ORIGIN) -> None:
    """Fail unless each header stands there once: browsers refuse two origins."""
    for name in ONCE:
        assert len(answer.headers.getlist(name)) == 1, name
    assert answer.headers["Access-Control-Allow-Origin"] == origin


def test_an_application_with_answers_of_its_own_class_gets_each_header_once(shop: Shop) -> None:
    shop.app.response_class = Branded
    answer = identify(embedded(shop), email="a@shop.example")
    assert answer.status_code == 200
    check_headers(answer)


def test_a_view_that_others_have_wrapped_gets_each_header_once(shop: Shop) -> None:
    client = embedded(shop)
    inner: Any = shop.app.view_functions["kaltalk_iv_api.identify_visitor"]

    def wrapped(**given: str) -> Any:
        answer = inner(**given)
        return answer.get_data(), answer.status_code, answer.headers

    shop.app.view_functions["kaltalk_iv_api.identify_visitor"] = wrapped
    check_headers(identify(client, email="a@shop.example"))


def test_a_hook_that_turns_a_widget_away_is_answered_as_a_problem_that_its_page_can_read(shop: Shop) -> None:
    shop.app.before_request(lambda: abort(503))
    client = embedded(shop)
    answer = identify(client)
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    check_headers(answer)
    script = client.get(SCRIPT, headers={"Origin": ORIGIN})
    assert script.status_code == 503
    assert script.headers.getlist("Access-Control-Allow-Origin") == ["*"]
    assert script.headers.getlist("Cross-Origin-Resource-Policy") == ["cross-origin"]


def test_an_answer_of_a_hook_gets_the_headers_of_the_api(shop: Shop) -> None:
    shop.app.before_request(lambda: ("closed for today", 503))
    answer = identify(embedded(shop))
    assert answer.text == "closed for today"
    check_headers(answer)


def test_a_body_that_a_hook_has_read_is_read_again(shop: Shop) -> None:
    read: list[bytes] = []

    @shop.app.before_request
    def look() -> None:
        read.append(request.get_data())

    answer = identify(embedded(shop), email="a@shop.example")
    assert answer.json["identity"]["email"] == "a@shop.example"
    assert b"a@shop.example" in read[0]


class Behind(Request):
    """A request that knows a proxy of its application's own."""

    @property
    def remote_addr(self) -> str | None:
        """The visitor's address."""
        return self.headers.get("X-Visitor")

    @remote_addr.setter
    def remote_addr(self, _address: str | None) -> None:
        pass


def test_an_address_is_what_the_applications_own_requests_say(shop: Shop) -> None:
    shop.app.request_class = Behind
    shop.app.config["KALTALK_IV_LIMIT_IDENTIFY_ADDRESS"] = "1 per minute"
    client = embedded(shop)
    visitors = ("192.0.2.1", "192.0.2.2", "192.0.2.1")
    answers = [client.post(IDENTIFY, json={}, headers={"X-Visitor": address}) for address in visitors]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


def test_a_limit_that_spares_one_view_spares_no_other(shop: Shop) -> None:
    client = embedded(shop)
    limiter = Limiter(lambda: "everybody", app=shop.app, default_limits=["1 per hour"], storage_uri="memory://")
    limiter.exempt(shop.app.view_functions["kaltalk_iv_api.messages"])
    assert [identify(client).status_code for _ in range(2)] == [200, 429]
    assert [client.get("/kaltalk/v1/messages").status_code for _ in range(3)] == [401] * 3


def test_a_thread_that_takes_the_request_along_takes_nothing_from_it(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    client = embedded(shop)
    traces: list[Any] = []

    def tell(_app: Flask, event: object) -> None:
        @copy_current_request_context
        def work() -> None:
            assert event is not None
            traces.append(current_trace())

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    with identity_failed.connected_to(tell), caplog.at_level("INFO", "kaltalk_iv.access"):
        answer = identify(client, userJwt="none", email="a@shop.example")
    assert answer.status_code == 200
    assert [trace.id for trace in traces] == [answer.headers["X-Request-ID"]]
    assert [record.name for record in caplog.records].count("kaltalk_iv.access") == 1
    assert current_trace() is None
    with shop.app.app_context():
        text = current_state().metrics.text().decode()
    assert 'kaltalk_requests_total{endpoint="kaltalk_iv_api.identify_visitor",status="200"} 1.0' in text


def test_counts_of_an_embedded_application_are_written(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    client = embedded(shop)
    identify(client, email="a@shop.example")
    with shop.app.app_context():
        state = current_state()
        assert state.tally.is_due(time.time() + 60)
    monkeypatch.setattr("kaltalk_iv.service.coverage.WRITE_EVERY_SECONDS", 0)
    identify(client, email="a@shop.example").close()
    assert not state.tally.is_due(time.time() + 60)
