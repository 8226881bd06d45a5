"""What the lane of KalTalk's own application takes: nothing that others want to see, and nothing that is not plain."""

from collections.abc import Iterator
from typing import Any

import flask.signals
import pytest
from flask import Flask, Request, request
from flask.sessions import SecureCookieSessionInterface
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException

from kaltalk_iv.lane import Application
from kaltalk_iv.observing import identity_verified
from kaltalk_iv.testing import add_organization, identify
from tests.api.beside import IDENTIFY, KNOWN, MESSAGES, after_its_first, environ_of, served, takes
from tests.api.world import ENCRYPTION_KEY, NOW, Clock, build_app, dispose, running

__all__ = ["served"]

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
            assert adapter.match() == (found.way.endpoint, found.given)
    assert taken == (4 if method in {"GET", "POST", "DELETE", "OPTIONS"} else 0)


def test_it_takes_what_flask_finds_there_for_any_organization(served: Application) -> None:
    lane = served._lane
    assert lane is not None
    taken: list[str] = []

    plain = st.text("aZ09_-", min_size=1, max_size=64)

    @given(plain | st.text(st.characters(codec="latin-1"), max_size=70), st.sampled_from(METHODS))
    def agree(organization_id: str, method: str) -> None:
        environ = environ_of("/", method, environ={"PATH_INFO": f"/v1/organizations/{organization_id}/identify"})
        found = lane.find(environ)
        if found is not None:
            taken.append(organization_id)
            adapter = Flask.create_url_adapter(served, served.request_class(environ))
            assert adapter is not None
            assert adapter.match() == ("kaltalk_iv_api.identify_visitor", {"organization_id": organization_id})

    agree()
    assert len(set(taken)) > 5


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


def test_after_the_first_request_of_a_widget_no_hook_is_taken(sqlite_app: Flask) -> None:
    add_organization(sqlite_app)
    identify(sqlite_app.test_client(), "org_test")
    with pytest.raises(AssertionError, match="can no longer be called"):
        sqlite_app.before_request(lambda: None)


HOOKS = ("url_value_preprocessor", "before_request", "after_request", "teardown_request", "teardown_appcontext")


@pytest.mark.parametrize("kind", HOOKS)
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


def test_a_view_that_is_wrapped_at_any_time_is_called(served: Application) -> None:
    called: list[str] = []
    inner = served.view_functions["kaltalk_iv_api.identify_visitor"]

    def wrapped(**given: Any) -> Any:
        called.append(given["organization_id"])
        return inner(**given)

    add_organization(served)
    assert takes(served, environ_of(IDENTIFY))
    served.view_functions["kaltalk_iv_api.identify_visitor"] = wrapped
    assert identify(served.test_client(), "org_test").status_code == 200
    assert called == ["org_test"]


def test_classes_of_requests_and_sessions_that_are_others_go_flasks_way(sqlite_url: str, clock: Clock) -> None:
    mine = {"request_class": type("Mine", (Request,), {}), "session_interface": SecureCookieSessionInterface()}
    for name, made in mine.items():
        for app in running(sqlite_url, clock):
            setattr(app, name, made)
            assert not takes(after_its_first(app), environ_of(IDENTIFY)), name


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
