"""The description of the widget's API says what the API does: its routes, its codes, its answers."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kaltalk_iv.api import problems
from kaltalk_iv.core.errors import NotFound, Reason
from kaltalk_iv.testing import OrganizationForTests, bearer, identify, read_messages, send_message, set_organization
from tests.api.world import HOUR, Clock

FILE: Final = Path(problems.__file__).parent / "openapi.json"
DESCRIPTION: Final[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
SCHEMAS: Final = DESCRIPTION["components"]
METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")
NOT_THE_WIDGETS: Final = {"kaltalk_iv_api.widget", "kaltalk_iv_api.description"}
IDENTIFY: Final = "/v1/organizations/{organizationId}/identify"


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Return path, method and description of everything that is described."""
    return [
        (path, method, item[method])
        for path, item in DESCRIPTION["paths"].items()
        for method in METHODS
        if method in item
    ]


def resolved(described: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference stands for."""
    if "$ref" not in described:
        return described
    _hash, _components, kind, name = described["$ref"].split("/")
    found: dict[str, Any] = SCHEMAS[kind][name]
    return found


def assert_as_described(answer: TestResponse, path: str, method: str) -> None:
    """Fail unless this status is described, with these headers, this content type and this body."""
    described = resolved(DESCRIPTION["paths"][path][method]["responses"][str(answer.status_code)])
    for name, header in described["headers"].items():
        assert name in answer.headers or not resolved(header).get("required", False), name
    assert "Origin" in answer.headers["Vary"]
    content = described.get("content")
    if content is None:
        assert answer.data == b""
        return
    [(media_type, media)] = content.items()
    assert answer.mimetype == media_type
    schema = media["schema"] | {"components": SCHEMAS}
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(answer.get_json())


def codes(schema: object) -> set[str]:
    """Return every problem code in the described answers."""
    if isinstance(schema, dict):
        code = schema.get("properties", {}).get("code", {}) if isinstance(schema.get("properties"), dict) else {}
        return set(code.get("enum", ())).union(*map(codes, schema.values()))
    return set().union(*map(codes, schema)) if isinstance(schema, list) else set()


def test_the_document_is_openapi_and_names_where_it_is_mounted(app: Flask, client: FlaskClient) -> None:
    answer = client.get("/v1/openapi.json", headers={"Origin": "https://anywhere.example"})
    assert (answer.status_code, answer.mimetype) == (HTTPStatus.OK, "application/json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    served = answer.get_json()
    assert served["openapi"] == "3.1.0"
    assert served == DESCRIPTION | {"servers": [{"url": "/"}]}


def test_what_is_served_elsewhere_names_that_place(app: Flask) -> None:
    answer = app.test_client().get("/v1/openapi.json", environ_overrides={"SCRIPT_NAME": "/kaltalk"})
    assert answer.get_json()["servers"] == [{"url": "/kaltalk"}]


def test_every_route_of_the_widget_is_described_and_nothing_else_is(
    app: Flask, client: FlaskClient, org: OrganizationForTests
) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("kaltalk_iv_api.")]
    paths = {
        rule.rule.replace("<path:organization_id>", "{organizationId}")
        for rule in rules
        if rule.endpoint not in NOT_THE_WIDGETS
    }
    assert paths == set(DESCRIPTION["paths"])
    for path, item in DESCRIPTION["paths"].items():
        for method in METHODS:
            answer = client.open(path.replace("{organizationId}", org.id), method=method.upper())
            is_taken = answer.status_code != HTTPStatus.METHOD_NOT_ALLOWED
            assert is_taken == (method in item), f"{method} {path} answers {answer.status_code}"


def test_every_code_that_the_api_can_answer_is_described_and_no_other() -> None:
    ours = {kind.code for kind in problems._STATUS if hasattr(kind, "code")} - {NotFound.code}  # the pages' alone
    http = set(problems._HTTP_CODES.values()) | {"unavailable", "rate_limited"}
    assert codes(SCHEMAS["responses"]) == ours | http | set(Reason)
    assert set(SCHEMAS["schemas"]["Reason"]["anyOf"][0]["enum"]) == set(Reason)


@pytest.mark.parametrize(("path", "method", "operation"), operations(), ids=lambda value: str(value)[:40])
def test_every_example_is_answered_as_described(
    path: str, method: str, operation: dict[str, Any], client: FlaskClient, org: OrganizationForTests
) -> None:
    session = identify(client, org.id, externalId="u_1").get_json()["session"]["token"]
    headers = bearer(session) if operation["security"] else {}
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    for example in content.get("examples", {"none": {"value": None}}).values():
        answer = client.open(
            path.replace("{organizationId}", org.id),
            method=method.upper(),
            json=example["value"],
            headers=headers | {"Origin": "https://shop.example"},
        )
        assert answer.status_code < HTTPStatus.BAD_REQUEST
        assert_as_described(answer, path, method)


def test_what_goes_wrong_is_answered_as_described(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = identify(client, org.id, userJwt=org.sign("u_1", now=clock.now)).get_json()["session"]["token"]
    send_message(client, session, "Hello", "one")
    evil = {"Origin": "https://evil.example"}
    big = b" " * (40 * 1024)
    assert_as_described(send_message(client, session, "Other words", "one"), "/v1/messages", "post")
    assert_as_described(client.post("/v1/messages", data=b"{}"), "/v1/messages", "post")
    assert_as_described(client.put("/v1/messages"), "/v1/messages", "post")
    assert_as_described(read_messages(client, session, after="nothing"), "/v1/messages", "get")
    assert_as_described(read_messages(client, session + "x"), "/v1/messages", "get")
    clock.move(HOUR)
    assert_as_described(read_messages(client, session), "/v1/messages", "get")
    at = IDENTIFY.replace("{organizationId}", org.id)
    assert_as_described(client.post(at, data=big, content_type="application/json"), IDENTIFY, "post")
    assert_as_described(client.post(at, data=b"{", content_type="application/json"), IDENTIFY, "post")
    assert_as_described(identify(client, "org_none"), IDENTIFY, "post")
    set_organization(app, org.id, mode="required", origins="https://shop.example")
    assert_as_described(client.post(at, json={"externalId": "u_1"}), IDENTIFY, "post")
    assert_as_described(client.post(at, json={}, headers=evil), IDENTIFY, "post")
    assert_as_described(client.options(at, headers=evil), IDENTIFY, "options")
