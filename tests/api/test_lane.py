"""The lane of KalTalk's own application: it answers as Flask's way does, and takes nothing that others want to see."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple
from wsgiref.validate import validator

import flask.signals
import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException
from werkzeug.test import create_environ, run_wsgi_app

from kaltalk_iv.lane import Application
from kaltalk_iv.models import IdentifyCount
from kaltalk_iv.observing import identity_verified
from kaltalk_iv.observing.requests import current_trace
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import add_organization, bearer, identify
from tests.api.test_faults import seal_differently
from tests.api.world import ENCRYPTION_KEY, NOW, Clock, build_app, dispose, rows_of, running

KNOWN = ("/v1/organizations/org_test/identify", "/v1/messages", "/v1/session")
IDENTIFY, MESSAGES, SESSION = KNOWN
SHOP = "https://shop.example"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
ADDRESSES = (
    *KNOWN,
    "",
    "/",
    "/healthz",
    "/v1/openapi.json",
    "/widget/kaltalk.js",
    *(f"{address}/" for address in KNOWN),
    *(address.replace("/", "//") for address in KNOWN),
    *(f"{address}\n" for address in KNOWN),
    *(address.upper() for address in KNOWN),
    "/v1/organizations//identify",
    "/v1/organizations/identify",
    "/v1/organizations/a/b/identify",
    "/v1/organizations/org_1/identify/identify",
    "/v1/organizations/org 1/identify",
    "/v1/organizations/../identify",
    "/v1/organizations/<path:organization_id>/identify",
    "/v1/organizations/\xc3\xb6/identify",  # UTF-8 as WSGI hands it over
    "/v1/organizations/\xff/identify",
    f"/v1/organizations/{'x' * 64}/identify",
    f"/v1/organizations/{'x' * 65}/identify",
    "/V1/messages",
    "v1/messages",
)


class Said(NamedTuple):
    """An answer, without what is new in each: the request's id, and the names and seals of sessions."""

    status: int
    headers: list[tuple[str, str]]
    body: Any


@pytest.fixture
def served(sqlite_app: Flask) -> Application:
    """Give an application that has answered its first request: that one goes Flask's way."""
    return after_its_first(sqlite_app)


def after_its_first(app: Flask) -> Application:
    """Return ``app`` when it has answered a request."""
    assert app.test_client().get("/healthz").status_code == 200
    assert isinstance(app, Application)
    return app


def environ_of(path: str, method: str = "POST", **options: Any) -> dict[str, Any]:
    """Return a request as a server hands it over."""
    base_url = options.pop("base_url", "https://kaltalk.example")
    extra = options.pop("environ", {})
    return create_environ(path, base_url, method=method, **options) | {"REMOTE_ADDR": "198.51.100.7"} | extra


def takes(app: Application, environ: dict[str, Any]) -> bool:
    """Whether the lane takes a request."""
    assert app._lane is not None
    return app._lane.find(environ) is not None


def said(app: Any, environ: dict[str, Any]) -> Said:
    """Return what ``app``, a WSGI application, answers."""
    parts, line, headers = run_wsgi_app(app, environ, buffered=True)
    raw = b"".join(parts)
    body = json.loads(raw) if raw else None
    if isinstance(body, dict) and "session" in body:
        assert len(body["session"].pop("token")) > 100
        assert body["session"].pop("id").startswith("ses_")
    plain = [(name, value) for name, value in headers if name != "X-Request-ID"]
    assert len(plain) == len(headers) - 1
    return Said(int(line[:3]), sorted(plain), body)


def check_both_ways(app: Application, **asked: Any) -> Said:
    """Return the answer, by the lane and by Flask's way. Fails when they differ, or when the lane does not take it."""
    body = asked.get("data", b"")
    assert takes(app, environ_of(**asked))
    beside = said(app, environ_of(**asked | {"data": body}))
    assert beside == said(lambda *given: Flask.wsgi_app(app, *given), environ_of(**asked | {"data": body}))
    return beside


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
    for body in ({"userJwt": good}, {"userJwt": good, "email": "b@shop.example", "name": 7}, {}, {"unknown": []}):
        check_identify(served, json.dumps(body).encode(), status=200)
    for body in ({"userJwt": bad}, {"userJwt": good[:-2] + "AA"}, {"userJwt": None}, {"email": "c@shop.example"}):
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
    chunked = terminated | {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
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


def test_counts_are_written_once_the_answer_is_closed(served: Application, clock: Clock) -> None:
    org = add_organization(served)
    asked = {"path": IDENTIFY, "data": b'{"email":"a@shop.example"}', "content_type": "application/json"}
    said(served, environ_of(**asked))
    clock.move(60)
    environ = environ_of(**asked)
    assert takes(served, environ)
    answer = served(environ, lambda *_: lambda _bytes: None)
    assert list(answer)
    assert not rows_of(served, IdentifyCount, org.id)
    answer.close()  # type: ignore[attr-defined]  # as PEP 3333 has servers do
    assert rows_of(served, IdentifyCount, org.id)


@pytest.mark.parametrize("method", METHODS)
def test_it_takes_what_flask_finds_there(served: Application, method: str) -> None:
    assert served._lane is not None
    taken = 0
    for address in ADDRESSES:
        environ = environ_of("/", method, environ={"PATH_INFO": address})
        found = served._lane.find(environ)
        if found is not None:
            taken += 1
            adapter = Flask.create_url_adapter(served, served.request_class(environ))
            assert adapter is not None
            assert adapter.match() == (f"kaltalk_iv_api.{found.route.name}", found.given)
    assert taken == (4 if method in {"GET", "POST", "DELETE", "OPTIONS"} else 0)


def test_it_takes_what_flask_finds_there_for_any_organization(served: Application) -> None:
    lane = served._lane
    assert lane is not None

    @given(st.text(st.characters(codec="latin-1"), max_size=70), st.sampled_from(METHODS))
    def agree(organization_id: str, method: str) -> None:
        environ = environ_of("/", method, environ={"PATH_INFO": f"/v1/organizations/{organization_id}/identify"})
        found = lane.find(environ)
        if found is not None:
            adapter = Flask.create_url_adapter(served, served.request_class(environ))
            assert adapter is not None
            assert adapter.match() == ("kaltalk_iv_api.identify_visitor", {"organization_id": organization_id})

    agree()


@pytest.mark.parametrize("address", KNOWN)
def test_odd_hosts_and_upgrades_go_flasks_way(served: Application, address: str) -> None:
    hosts = ("a..b", "x" * 70 + ".com", "", "a b", "[::1]:80", "[::1", "localhost.", "k.example:999999", "ö")
    asked = [{"HTTP_HOST": host} for host in hosts]
    asked += [{"HTTP_CONNECTION": "Upgrade", "HTTP_UPGRADE": protocol} for protocol in ("websocket", "h2c")]
    for extra in asked:
        assert not takes(served, environ_of(address, environ=extra)), extra
    for host in ("127.0.0.1:8000", "kaltalk.example", "localhost"):
        assert takes(served, environ_of(address, environ={"HTTP_HOST": host}))


def test_the_first_request_goes_flasks_way_and_is_the_last_to_take_hooks(sqlite_app: Flask) -> None:
    ways: list[str] = []
    add_organization(sqlite_app)

    @sqlite_app.before_request
    def look() -> None:
        ways.append(request.path)

    for _ in range(3):
        identify(sqlite_app.test_client(), "org_test")
    assert ways == [IDENTIFY] * 3  # who has hooks sees every request
    with pytest.raises(AssertionError, match="can no longer be called"):
        sqlite_app.before_request(look)


@pytest.mark.parametrize("kind", ["before_request", "after_request", "teardown_request", "teardown_appcontext"])
def test_whoever_adds_a_hook_sees_what_widgets_ask(sqlite_app: Flask, kind: str) -> None:
    seen: list[object] = []

    def see(*given: Any) -> Any:
        seen.append(given)
        return given[0] if kind == "after_request" else None

    add_organization(sqlite_app)
    getattr(sqlite_app, kind)(see)
    after_its_first(sqlite_app)
    client = sqlite_app.test_client()
    for _ in range(3):
        before = len(seen)
        assert client.post(IDENTIFY, json={}).status_code == 200
        assert len(seen) > before


def test_a_view_that_was_wrapped_is_called(sqlite_app: Flask) -> None:
    called: list[str] = []
    inner = sqlite_app.view_functions["kaltalk_iv_api.identify_visitor"]

    def wrapped(**given: Any) -> Any:
        called.append(given["organization_id"])
        return inner(**given)

    sqlite_app.view_functions["kaltalk_iv_api.identify_visitor"] = wrapped
    add_organization(sqlite_app)
    after_its_first(sqlite_app)
    assert identify(sqlite_app.test_client(), "org_test").status_code == 200
    assert called == ["org_test"]


@pytest.mark.parametrize(
    "name",
    [
        "request_started",
        "request_finished",
        "request_tearing_down",
        "appcontext_pushed",
        "appcontext_popped",
        "appcontext_tearing_down",
    ],
)
def test_whoever_listens_to_flasks_signals_hears_what_widgets_ask(served: Application, name: str) -> None:
    heard: list[object] = []
    add_organization(served)

    def hear(sender: Flask, **_: Any) -> None:
        heard.append(sender)

    with getattr(flask.signals, name).connected_to(hear):
        assert served.test_client().post(IDENTIFY, json={}).status_code == 200
    assert heard
    assert takes(served, environ_of(IDENTIFY))


def test_a_receiver_of_ours_has_the_request(served: Application) -> None:
    org = add_organization(served)
    paths: list[str] = []

    def hear(_app: Flask, event: object) -> None:
        assert event is not None
        paths.append(request.path)

    with identity_verified.connected_to(hear):
        assert identify(served.test_client(), org.id, userJwt=org.sign("u_1", now=NOW)).status_code == 200
    assert paths == [IDENTIFY]


def test_hosts_that_are_not_trusted_are_refused(sqlite_app: Flask) -> None:
    sqlite_app.config["TRUSTED_HOSTS"] = ["kaltalk.example"]
    widget = after_its_first_on(sqlite_app, "kaltalk.example")
    hosts = ("kaltalk.example", "elsewhere.example")
    answers = [widget.get(MESSAGES, base_url=f"https://{host}").status_code for host in hosts]
    assert answers == [401, 400]


def after_its_first_on(app: Flask, host: str) -> Any:
    """Return a client of ``app`` when it has answered a request."""
    client = app.test_client()
    assert client.get("/healthz", base_url=f"https://{host}").status_code == 200
    return client


def test_a_proxy_that_nobody_named_is_warned_of(served: Application, caplog: pytest.LogCaptureFixture) -> None:
    add_organization(served)
    client = served.test_client()
    for _ in range(2):
        client.post(IDENTIFY, json={}, headers={"X-Forwarded-For": "203.0.113.9"})
    warned = [record.getMessage() for record in caplog.records if "KALTALK_PROXY_HOPS" in record.getMessage()]
    assert len(warned) == 1


def test_behind_a_proxy_that_was_named_the_lane_takes_the_visitors_address(sqlite_url: str, clock: Clock) -> None:
    limits = {"KALTALK_IV_LIMITS": "on", "KALTALK_IV_LIMIT_IDENTIFY_ADDRESS": "1 per 60 seconds"}
    for app in running(sqlite_url, clock, KALTALK_PROXY_HOPS="1", **limits):
        client = app.test_client()
        add_organization(app)
        assert client.get("/healthz").status_code == 200
        answers = []
        for address in ("203.0.113.1", "203.0.113.2", "203.0.113.1"):
            headers = {"X-Forwarded-For": address, "X-Forwarded-Proto": "https", "X-Request-ID": "from-the-proxy"}
            answers.append(client.post(IDENTIFY, json={}, headers=headers))
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert {answer.headers["X-Request-ID"] for answer in answers} == {"from-the-proxy"}
        assert all("Strict-Transport-Security" in answer.headers for answer in answers)


def test_without_connections_of_its_own_all_goes_flasks_way(clock: Clock) -> None:
    for app in in_memory(clock):
        assert not takes(after_its_first(app), environ_of(IDENTIFY))


def in_memory(clock: Clock) -> Iterator[Flask]:
    """Yield an application on a database in memory, which has one connection."""
    app = build_app("sqlite://", clock, KALTALK_IV_ENCRYPTION_KEYS=ENCRYPTION_KEY)
    yield app
    dispose(app)


def test_errors_of_routing_are_werkzeugs(served: Application) -> None:
    """What the lane does not take, Flask answers: a method without a route, say."""
    adapter = Flask.create_url_adapter(served, served.request_class(environ_of(MESSAGES, "TRACE")))
    assert adapter is not None
    with pytest.raises(HTTPException):
        adapter.match()
    assert served.test_client().open(MESSAGES, method="TRACE").status_code == 405
