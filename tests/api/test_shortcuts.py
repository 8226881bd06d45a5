"""The addresses that KalTalk's own application knows beforehand: it finds there what Flask would have found."""

import copy
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response, after_this_request, url_for
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter
from werkzeug.routing.exceptions import RequestRedirect

from kaltalk_iv.shortcuts import Application, _Found

KNOWN = ("/v1/organizations/org_1/identify", "/v1/messages", "/v1/session")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
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
    "/v1/organizations/%2e/identify",
    "/v1/organizations/\xc3\xb6/identify",  # UTF-8 as WSGI hands it over
    "/v1/organizations/\xff/identify",
    f"/v1/organizations/{'x' * 64}/identify",
    f"/v1/organizations/{'x' * 65}/identify",
    "/V1/messages",
    "v1/messages",
)


@pytest.fixture
def served(sqlite_app: Flask) -> Flask:
    """Give an application that has answered its first request: before that it knows nothing beforehand."""
    assert sqlite_app.test_client().get("/healthz").status_code == 200
    return sqlite_app


def outcome(make: Callable[[], MapAdapter | None]) -> object:
    """Return the endpoint and its values, or how it was refused."""
    try:
        adapter = make()
        assert adapter is not None
        rule, values = adapter.match(return_rule=True)
    except RequestRedirect as error:
        return error.new_url
    except HTTPException as error:
        return type(error), error.code
    return rule.endpoint, values


def both(app: Flask, address: str, method: str, **headers: str) -> tuple[object, object]:
    """Return what the application finds, and what Flask does."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": address,
        "SERVER_NAME": "kaltalk.example",
        "SERVER_PORT": "443",
        "wsgi.url_scheme": "https",
        "HTTP_HOST": "kaltalk.example",
        **headers,
    }
    asked = app.request_class(environ)
    ours = outcome(lambda: app.create_url_adapter(asked))
    return ours, outcome(lambda: Flask.create_url_adapter(app, asked))


@pytest.mark.parametrize("method", [*METHODS, "TRACE", "PROPFIND"])
def test_it_finds_what_flask_finds(served: Flask, method: str) -> None:
    for address in ADDRESSES:
        ours, flasks = both(served, address, method)
        assert ours == flasks, address


@pytest.mark.parametrize("address", KNOWN)
def test_whatever_host_or_upgrade_is_asked_for_it_finds_what_flask_finds(served: Flask, address: str) -> None:
    hosts = (
        "a..b",
        "x" * 70 + ".com",
        "",
        "a b",
        "[::1]:80",
        "[::1",
        "localhost.",
        "k.example:99999",
        "ö",
        "127.0.0.1:80",
    )
    asked = [{"HTTP_HOST": host} for host in hosts]
    asked += [{"HTTP_CONNECTION": "Upgrade", "HTTP_UPGRADE": protocol} for protocol in ("websocket", "h2c")]
    for headers in asked:
        ours, flasks = both(served, address, "GET", **headers)
        assert ours == flasks, headers


def test_it_finds_what_flask_finds_for_any_organization(served: Flask) -> None:
    @given(st.text(st.characters(codec="latin-1"), max_size=70), st.sampled_from(METHODS))
    def agree(organization_id: str, method: str) -> None:
        ours, flasks = both(served, f"/v1/organizations/{organization_id}/identify", method)
        assert ours == flasks

    agree()


@pytest.mark.parametrize("address", KNOWN)
def test_the_widgets_addresses_are_known_beforehand(served: Flask, address: str) -> None:
    """Else the tests above compare Flask with itself."""
    assert isinstance(served, Application)
    for method in METHODS:
        with served.test_request_context(address, method=method) as context:
            assert type(context.url_adapter) is _Found


@pytest.mark.parametrize("mount", ["", "/chat"])
@pytest.mark.parametrize("address", KNOWN)
def test_an_address_can_be_built_while_one_of_them_is_answered(served: Flask, address: str, mount: str) -> None:
    base = f"https://kaltalk.example{mount}"
    with served.test_request_context(address, base_url=base):
        assert url_for("kaltalk_iv_api.description") == f"{mount}/v1/openapi.json"
        assert url_for("kaltalk_iv_api.messages", _external=True) == f"{base}/v1/messages"


def test_hosts_that_are_not_trusted_are_refused_there_too(sqlite_app: Flask) -> None:
    sqlite_app.config["TRUSTED_HOSTS"] = ["kaltalk.example"]
    widget = sqlite_app.test_client()
    hosts = ("kaltalk.example", "elsewhere.example")
    answers = [widget.get("/v1/messages", base_url=f"https://{host}").status_code for host in hosts]
    assert answers == [401, 400]


def test_an_adapter_that_was_not_looked_for_answers_every_question(served: Flask) -> None:
    with served.test_request_context("/v1/messages") as context:
        adapter = context.url_adapter
        assert type(adapter) is _Found
        assert not adapter.test("/nope")
        assert "POST" in adapter.allowed_methods("/v1/session")
        assert copy.copy(adapter).match() == ("kaltalk_iv_api.messages", {})


def test_of_no_function_of_ours_flask_looks_up_whether_it_is_a_coroutine(
    served: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def ask(_app: Flask, function: Callable[..., Any]) -> Callable[..., Any]:
        asked.append(function)
        return function

    monkeypatch.setattr(Flask, "ensure_sync", ask)
    widget = served.test_client()
    for address in ("/v1/messages", "/v1/session"):
        assert widget.options(address, headers={"Origin": "https://shop.example"}).status_code == 204
    assert asked == []
    made_later = served.ensure_sync(lambda: None)
    assert asked == [made_later]


def test_what_is_registered_before_the_first_request_is_known_then(sqlite_app: Flask) -> None:
    with (
        sqlite_app.app_context(),
        sqlite_app.test_request_context("/v1/messages") as context,
    ):  # as commands and set-up do
        assert type(context.url_adapter) is not _Found
    said: list[str] = []

    @sqlite_app.before_request
    async def greet() -> None:
        said.append("hello")

    def refuse(_app: Flask, function: Callable[..., Any]) -> Callable[..., Any]:
        raise AssertionError(function)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "async_to_sync", refuse)
        sqlite_app.config["PROPAGATE_EXCEPTIONS"] = True
        with pytest.raises(AssertionError, match="greet"):  # Flask was asked to run it, and would
            sqlite_app.test_client().get("/v1/messages")
    assert said == []


def test_what_a_request_leaves_to_be_done_after_it_is_not_kept(sqlite_app: Flask) -> None:
    left: list[weakref.ref[object]] = []

    def leave() -> None:
        def after(response: Response) -> Response:
            return response

        left.append(weakref.ref(after))
        after_this_request(after)

    sqlite_app.before_request(leave)
    for _ in range(3):
        sqlite_app.test_client().get("/v1/messages")
    gc.collect()
    assert [one() for one in left] == [None] * 3
