"""The addresses that KalTalk's own application knows beforehand: it finds there what Flask would have found."""

from typing import Any

import pytest
from flask import Flask, url_for
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


def found_by(adapter: MapAdapter | None) -> object:
    """Return the endpoint and its values, or how it was refused."""
    assert adapter is not None
    try:
        rule, values = adapter.match(return_rule=True)
    except RequestRedirect as error:
        return error.new_url
    except HTTPException as error:
        return error.code
    return rule.endpoint, values


def both(app: Flask, address: str, method: str) -> tuple[object, object]:
    """Return what the application finds, and what Flask does."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": address,
        "SERVER_NAME": "kaltalk.example",
        "SERVER_PORT": "443",
        "wsgi.url_scheme": "https",
    }
    asked = app.request_class(environ)
    return found_by(app.create_url_adapter(asked)), found_by(Flask.create_url_adapter(app, asked))


@pytest.mark.parametrize("method", [*METHODS, "TRACE", "PROPFIND"])
def test_it_finds_what_flask_finds(sqlite_app: Flask, method: str) -> None:
    found = {address: both(sqlite_app, address, method) for address in ADDRESSES}
    assert {address: ours for address, (ours, _flasks) in found.items()} == {
        address: flasks for address, (_ours, flasks) in found.items()
    }


def test_it_finds_what_flask_finds_for_any_organization(sqlite_app: Flask) -> None:
    @given(st.text(st.characters(codec="latin-1"), max_size=70), st.sampled_from(METHODS))
    def agree(organization_id: str, method: str) -> None:
        ours, flasks = both(sqlite_app, f"/v1/organizations/{organization_id}/identify", method)
        assert ours == flasks

    agree()


@pytest.mark.parametrize("address", KNOWN)
def test_the_widgets_addresses_are_known_beforehand(sqlite_app: Flask, address: str) -> None:
    """Else the tests above compare Flask with itself."""
    assert isinstance(sqlite_app, Application)
    for method in METHODS:
        with sqlite_app.test_request_context(address, method=method) as context:
            assert type(context.url_adapter) is _Found


@pytest.mark.parametrize("mount", ["", "/chat"])
@pytest.mark.parametrize("address", KNOWN)
def test_an_address_can_be_built_while_one_of_them_is_answered(sqlite_app: Flask, address: str, mount: str) -> None:
    base = f"https://kaltalk.example{mount}"
    with sqlite_app.test_request_context(address, base_url=base):
        assert url_for("kaltalk_iv_api.description") == f"{mount}/v1/openapi.json"
        assert url_for("kaltalk_iv_api.messages", _external=True) == f"{base}/v1/messages"


def test_hosts_that_are_not_trusted_are_refused_there_too(sqlite_app: Flask) -> None:
    sqlite_app.config["TRUSTED_HOSTS"] = ["kaltalk.example"]
    widget = sqlite_app.test_client()
    hosts = ("kaltalk.example", "elsewhere.example")
    answers = [widget.get("/v1/messages", base_url=f"https://{host}").status_code for host in hosts]
    assert answers == [401, 400]
