"""Which page may read an answer, and that a page that may not changes nothing."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kaltalk_iv.testing import OrganizationForTests, bearer, identify, set_organization
from tests.api.world import everything_stored

SHOP = "https://shop.example"
IDENTIFY = "/v1/organizations/org_test/identify"
FOREIGN = [
    "null",
    "https://shop.example.evil",
    "https://evilshop.example",
    "http://shop.example",
    "https://shop.example:444",
    "https://shop.example:443",
    "https://SHOP.example",
    "HTTPS://shop.example",
    "https://shop.example/",
    "https://shop.example ,https://shop.example",
    "https://www.shop.example",
    "https://sh\u00f6p.example".encode().decode("latin-1"),
    "https://xn--shp-fka.example",
    "https://shop.example.",
    "https://shop.example\x00",
    "file://",
    "*",
    "",
]


@pytest.fixture
def app(sqlite_app: Flask) -> Flask:
    """Give one database: the list of origins is compared in Python."""
    return sqlite_app


@pytest.fixture
def listed(app: Flask, org: OrganizationForTests) -> OrganizationForTests:
    """Give an organization whose list holds the shop alone."""
    set_organization(app, org.id, origins=SHOP)
    return org


def check_readable_by(answer: TestResponse, origin: str | None) -> None:
    """Fail unless a page of exactly this origin may read ``answer``."""
    assert answer.headers.get("Access-Control-Allow-Origin") == origin
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert answer.headers.get_all("Vary") == ["Origin"]


@pytest.mark.parametrize("origin", FOREIGN)
def test_an_origin_that_is_not_on_the_list_is_refused_and_stores_nothing(
    app: Flask, client: FlaskClient, listed: OrganizationForTests, origin: str
) -> None:
    session = identify(client, listed.id).get_json()["session"]["token"]
    before = everything_stored(app)
    from_there = {"Origin": origin}
    message = {"text": "hi", "clientMessageId": "m1"}
    answers = [
        client.post(IDENTIFY, json={"email": "a@b.example"}, headers=from_there),
        client.open(IDENTIFY, method="OPTIONS", headers=from_there | {"Access-Control-Request-Method": "POST"}),
        client.post("/v1/messages", json=message, headers=from_there | bearer(session)),
        client.get("/v1/messages", headers=from_there | bearer(session)),
        client.delete("/v1/session", headers=from_there | bearer(session)),
    ]
    for answer in answers:
        assert (answer.status_code, answer.get_json()["code"]) == (403, "origin_not_allowed")
        check_readable_by(answer, None)
    assert everything_stored(app) == before


def test_a_listed_origin_gets_exactly_itself_back(client: FlaskClient, listed: OrganizationForTests) -> None:
    answer = client.post(IDENTIFY, json={}, headers={"Origin": SHOP})
    assert answer.status_code == 200
    check_readable_by(answer, SHOP)


@pytest.mark.parametrize("origin", ["https://anything.example", "null"])
def test_an_empty_list_allows_any_page(client: FlaskClient, org: OrganizationForTests, origin: str) -> None:
    answer = client.post(IDENTIFY, json={}, headers={"Origin": origin})
    assert answer.status_code == 200
    check_readable_by(answer, origin)


def test_a_call_that_no_page_made_needs_no_origin(client: FlaskClient, listed: OrganizationForTests) -> None:
    answer = client.post(IDENTIFY, json={})
    assert answer.status_code == 200
    check_readable_by(answer, None)


@pytest.mark.parametrize("path", [IDENTIFY, "/v1/messages", "/v1/session"])
def test_a_preflight_allows_what_the_widget_sends_and_no_cookies(
    app: Flask, client: FlaskClient, listed: OrganizationForTests, path: str
) -> None:
    before = everything_stored(app)
    answer = client.open(path, method="OPTIONS", headers={"Origin": SHOP, "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 204
    check_readable_by(answer, SHOP)
    assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "POST", "DELETE"}
    assert set(answer.headers["Access-Control-Allow-Headers"].split(", ")) == {"Authorization", "Content-Type"}
    assert everything_stored(app) == before


def test_a_preflight_for_an_unknown_organization_is_refused(client: FlaskClient, org: OrganizationForTests) -> None:
    answer = client.open("/v1/organizations/org_nobody/identify", method="OPTIONS", headers={"Origin": SHOP})
    assert answer.status_code == 404


def test_errors_can_be_read_by_the_page_too(client: FlaskClient, listed: OrganizationForTests) -> None:
    from_shop = {"Origin": SHOP}
    answers = {
        400: client.post(IDENTIFY, data=b"[", content_type="application/json", headers=from_shop),
        401: client.get("/v1/messages", headers=from_shop),
        404: client.post("/v1/organizations/org_nobody/identify", json={}, headers=from_shop),
        405: client.put(IDENTIFY, headers=from_shop),
        413: client.post(IDENTIFY, data=b" " * 20_000, content_type="application/json", headers=from_shop),
        415: client.post(IDENTIFY, data=b"{}", content_type="text/plain", headers=from_shop),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        check_readable_by(answer, SHOP)


def test_what_is_wrong_with_a_request_is_not_told_to_a_page_that_is_not_allowed(
    client: FlaskClient, listed: OrganizationForTests
) -> None:
    from_elsewhere = {"Origin": "https://elsewhere.example"}
    with_session = from_elsewhere | bearer(identify(client, listed.id).get_json()["session"]["token"])
    answers = [
        client.post(IDENTIFY, data=b"[", content_type="application/json", headers=from_elsewhere),
        client.put(IDENTIFY, headers=from_elsewhere),
        client.post(IDENTIFY, data=b" " * 20_000, content_type="application/json", headers=from_elsewhere),
        client.post(IDENTIFY, data=b"{}", content_type="text/plain", headers=from_elsewhere),
        client.post("/v1/messages", data=b"[", content_type="application/json", headers=with_session),
        client.put("/v1/messages", headers=with_session),
        client.post("/v1/messages", data=b" " * 40_000, content_type="application/json", headers=with_session),
        client.post("/v1/messages", data=b"{}", content_type="text/plain", headers=with_session),
        client.post("/v1/messages", json={}, headers=with_session),
        client.get("/v1/messages?after=x", headers=with_session),
        client.put("/v1/session", headers=with_session),
    ]
    for answer in answers:
        assert (answer.status_code, answer.get_json()["code"]) == (403, "origin_not_allowed")
        check_readable_by(answer, None)


def test_an_error_of_nobodys_organization_can_be_read_by_any_page(client: FlaskClient) -> None:
    from_elsewhere = {"Origin": "https://elsewhere.example"}
    answers = {
        404: client.post("/v1/organizations/org_nobody/identify", json={}, headers=from_elsewhere),
        405: client.put("/v1/organizations/org_nobody/identify", headers=from_elsewhere),
        401: client.get("/v1/messages", headers=from_elsewhere | bearer("junk")),
        415: client.post("/v1/messages", data=b"{}", content_type="text/plain", headers=from_elsewhere | bearer("x")),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        check_readable_by(answer, "https://elsewhere.example")


def test_an_origin_taken_from_the_list_is_refused_at_the_next_request(
    app: Flask, client: FlaskClient, listed: OrganizationForTests
) -> None:
    session = client.post(IDENTIFY, json={}, headers={"Origin": SHOP}).get_json()["session"]["token"]
    set_organization(app, listed.id, origins="https://other.example")
    assert client.get("/v1/messages", headers={"Origin": SHOP} | bearer(session)).status_code == 403


def test_the_widgets_file_is_public_and_revalidated(client: FlaskClient, org: OrganizationForTests) -> None:
    answer = client.get("/widget/kaltalk.js", headers={"Origin": "https://anywhere.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.mimetype == "text/javascript"
    assert "no-cache" in answer.headers["Cache-Control"]
    again = client.get("/widget/kaltalk.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    answer.close()
    again.close()
