"""Text that one of the databases cannot store never reaches it, by whichever field it comes; both keep the rest."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv.testing import OrganizationForTests, bearer, identify
from tests.api.world import Clock, customers_of, messages_of
from tests.core.signing import sign

UNSTORABLE = ["a\x00b", "a\ud800b", "\udcff", "\x00", "\ud83d"]
STORABLE = ["Zo\u00eb", "\u540d\u524d", "\U0001f600", "O'Brien; DROP TABLE", "%s %(x)s :name ?", "a\\b"]


def bodies(org: OrganizationForTests, now: float, text: str) -> list[dict[str, Any]]:
    """Return an identify for each field that takes text, with ``text`` in it."""
    times = {"iat": now, "exp": now + 60}
    key = org.secret.encode()
    tokens = [
        sign(times | {"sub": text}, key),
        sign(times | {"sub": "u_1", "email": f"{text}@shop.example"}, key),
        sign(times | {"sub": "u_1", "name": text}, key),
        sign(times | {"sub": text, "name": text}, b"another key"),
        sign(times | {"sub": "u_1", text: text}, key),
    ]
    plain = [{"externalId": text}, {"email": f"{text}@shop.example"}, {"name": text, "externalId": "u_2"}]
    return [*({"userJwt": token} for token in tokens), *plain, {"session": text}, {"userJwt": text}, {text: text}]


def test_text_that_no_database_stores_is_dropped_or_cleaned(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    for text in UNSTORABLE:
        for body in bodies(org, clock.now, text):
            answer = identify(client, org.id, **body)
            assert answer.status_code == 200
            session = answer.get_json()["session"]["token"]
            sent = client.post(
                "/v1/messages", json={"text": f"x{text}", "clientMessageId": "m1"}, headers=bearer(session)
            )
            assert sent.status_code == 201
            refused = client.post("/v1/messages", json={"text": "x", "clientMessageId": text}, headers=bearer(session))
            assert refused.status_code == 400
            assert (
                client.get("/v1/messages", query_string={"after": "\x00"}, headers=bearer(session)).status_code == 400
            )
    stored = [
        value for record in customers_of(app, org.id) for value in (record.external_id, record.email, record.name)
    ]
    assert {value for value in stored if value is not None} <= {"u_1", "u_2", "ab"}
    assert {line.text for line in messages_of(app, org.id)} <= {
        "xab",
        "xa\ufffdb",
        "x\ufffd",
        "x",
        "unverified",
        "verified",
    }


def test_all_other_text_is_kept_to_the_letter(app: Flask, client: FlaskClient, org: OrganizationForTests) -> None:
    for text in STORABLE:
        identity = identify(client, org.id, externalId=text, name=text).get_json()["identity"]
        assert (identity["externalId"], identity["name"]) == (text, text)
    assert sorted(record.external_id or "" for record in customers_of(app, org.id)) == sorted(STORABLE)
    assert all(record.external_id == record.name for record in customers_of(app, org.id))
