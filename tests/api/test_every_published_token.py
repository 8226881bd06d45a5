"""Every token of the published vectors, sent as a page sends it: the answer, the refusal, and what is stored of it.

The rooms below prove that the core judges each one rightly; this proves that nothing between the core and the page,
in any mode and on either database, makes more of it. Abuse cases 1 to 12 of docs/security.md.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kaltalk_iv.core.keyring import fingerprint
from kaltalk_iv.models import Secret
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import add_organization, set_organization
from tests.api.world import Clock, customers_of, engine_of, everything_stored
from tests.core.signing import read_vectors, text_of, token_of

VECTORS = read_vectors("tokens.json")
DEFAULTS, KEYS = VECTORS["defaults"], VECTORS["secrets"]
FIELDS = ("externalId", "email", "name")
MOST_BYTES = 16 * 1024
CASES: list[tuple[dict[str, Any], bytes]] = [
    (case, json.dumps({"userJwt": token_of(case, DEFAULTS, KEYS)}).encode()) for case in VECTORS["cases"]
]
SHORT = [(case, body) for case, body in CASES if len(body) <= MOST_BYTES]


ORGANIZATIONS = {
    "org_current": ["current"],
    "org_current_previous": ["current", "previous"],
    "org_": [],
}


def organization_of(case: dict[str, Any]) -> str:
    """Return the id of the organization that has the secrets of ``case``."""
    return "org_" + "_".join(case.get("secrets", DEFAULTS["secrets"]))


def put_secrets(app: Flask, organization_id: str, names: list[str]) -> None:
    """Give the organization the vectors' secrets in place of its own, the first one as the current one."""
    with app.app_context():
        vault, now = current_state().settings.vault, current_state().clock()
    rows = [
        {
            "organization_id": organization_id,
            "id": f"sec_{name}",
            "sealed": vault.seal(KEYS[name], organization_id, f"sec_{name}"),
            "fingerprint": fingerprint(KEYS[name]),
            "created_at": now - age,
            "expires_at": now + 7200 if age else None,
        }
        for age, name in enumerate(names)
    ]
    with engine_of(app).begin() as connection:
        connection.execute(sa.delete(Secret).where(Secret.organization_id == organization_id))
        for row in rows:
            connection.execute(sa.insert(Secret).values(row))


@pytest.fixture
def send(app: Flask, clock: Clock, client: FlaskClient) -> Callable[[dict[str, Any], bytes], TestResponse]:
    """Return a function that sends the token of a case to the organization that has its secrets, at its time."""
    for organization_id, names in ORGANIZATIONS.items():
        add_organization(app, organization_id)
        put_secrets(app, organization_id, names)

    def sent(case: dict[str, Any], body: bytes) -> TestResponse:
        clock.now = case.get("now", DEFAULTS["now"])
        path = f"/v1/organizations/{organization_of(case)}/identify"
        return client.post(path, data=body, content_type="application/json")

    return sent


def claims(members: dict[str, Any] | None) -> dict[str, Any]:
    """Return claims as an answer writes them, from those that a vector expects."""
    return {field: text_of(members[field]) if members and field in members else None for field in FIELDS}


def test_in_mode_optional_a_token_is_proven_as_its_vector_says_or_a_claim_with_its_reason(
    app: Flask, send: Callable[[dict[str, Any], bytes], TestResponse]
) -> None:
    proven: set[tuple[str, str | None]] = set()
    for case, body in SHORT:
        answer, expected = send(case, body), case["expect"]
        assert answer.status_code == 200, case["name"]
        identity = answer.get_json()["identity"]
        if "reason" in expected:
            assert (identity["state"], identity["reason"]) == ("unverified", expected["reason"]), case["name"]
            if "unverified" in case:
                assert {field: identity[field] for field in FIELDS} == claims(case["unverified"]), case["name"]
        else:
            assert identity == {"state": "verified", "reason": None} | claims(expected["claims"]), case["name"]
            proven.add((organization_of(case), identity["externalId"]))
    assert len(SHORT) > 330
    stored = [(id_, record) for id_ in ORGANIZATIONS for record in customers_of(app, id_)]
    assert {(id_, record.external_id) for id_, record in stored if record.first_verified_at is not None} == proven
    assert {(id_, record.external_id) for id_, record in stored if record.external_id_proven} == proven


def test_in_mode_required_a_token_is_proven_or_refused_with_its_reason_and_leaves_no_record(
    app: Flask, send: Callable[[dict[str, Any], bytes], TestResponse]
) -> None:
    for organization_id in ORGANIZATIONS:
        set_organization(app, organization_id, mode="required")
    for case, body in [each for each in SHORT if "reason" in each[0]["expect"]]:
        answer = send(case, body)
        assert (answer.status_code, answer.get_json()["code"]) == (401, case["expect"]["reason"]), case["name"]
    stored = everything_stored(app)
    assert [stored[f"kaltalk_iv_{table}"] for table in ("customers", "conversations", "messages")] == [[], [], []]
    for case, body in [each for each in SHORT if "reason" not in each[0]["expect"]]:
        assert send(case, body).get_json()["identity"]["state"] == "verified", case["name"]


def test_in_mode_off_no_token_proves_anything(
    app: Flask, send: Callable[[dict[str, Any], bytes], TestResponse]
) -> None:
    for organization_id in ORGANIZATIONS:
        set_organization(app, organization_id, mode="off")
    for case, body in SHORT:
        answer = send(case, body)
        assert answer.status_code == 200, case["name"]
        identity = answer.get_json()["identity"]
        if identity["state"] == "unverified":
            assert identity["reason"] == "verification_off", case["name"]
        else:
            assert identity == {"state": "anonymous", "reason": None} | claims(None), case["name"]
    stored = [record for id_ in ORGANIZATIONS for record in customers_of(app, id_)]
    assert stored
    assert not any(record.verified or record.external_id_proven or record.first_verified_at for record in stored)


def test_a_token_that_is_longer_than_a_request_may_be_is_a_413(
    send: Callable[[dict[str, Any], bytes], TestResponse],
) -> None:
    long = [(case, body) for case, body in CASES if len(body) > MOST_BYTES]
    assert len(long) >= 4
    for case, body in long:
        assert send(case, body).status_code == 413, case["name"]
