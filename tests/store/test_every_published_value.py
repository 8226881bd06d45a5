"""Every value of the published vectors, claimed by a page: both databases keep the same text, or drop it alike.

Abuse case 15 of docs/security.md.
"""

import json
from typing import Any, Final

from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv.testing import OrganizationForTests
from tests.api.world import customers_of
from tests.core.signing import read_vectors, text_of

CASES: Final = read_vectors("claims.json")["cases"]
MEMBERS: Final = {"sub": "externalId", "email": "email", "name": "name"}


def value_of(case: dict[str, Any]) -> object:
    """Return the value that a case is about, which need not be text."""
    value = case["value"]
    if isinstance(value, dict):
        return value["json"]
    return text_of(value) if isinstance(value, list) else value


def test_abuse_15_a_value_is_kept_to_the_letter_or_dropped_on_both_databases_alike(
    app: Flask, client: FlaskClient, org: OrganizationForTests
) -> None:
    stored: dict[str, set[str | None]] = {}
    for number, case in enumerate(CASES):
        member, name = MEMBERS[case["field"]], case["name"]
        # Each value on a record of its own: a name is found again by an id, an address or an id by itself.
        body = {"externalId": f"case {number}"} | {member: value_of(case)}
        answer = client.post(
            f"/v1/organizations/{org.id}/identify", data=json.dumps(body), content_type="application/json"
        )
        expected = None if case["expect"] is None else text_of(case["expect"])
        assert answer.status_code == 200, name
        assert answer.get_json()["identity"][member] == expected, name
        warned = [warning["field"] for warning in answer.get_json()["warnings"]]
        assert warned == ([member] if expected is None else []), name
        stored.setdefault(member, set()).add(expected)
    records = customers_of(app, org.id)
    assert {record.email for record in records} - {None} == stored["email"] - {None}
    assert {record.name for record in records} - {None} == stored["name"] - {None}
    kept = {record.external_id for record in records if not (record.external_id or "").startswith("case ")}
    assert kept - {None} == stored["externalId"] - {None}
    assert len(CASES) > 100
