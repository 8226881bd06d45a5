"""The five promises about what a request without a verifying token may touch. Each section fails when it is broken.

Promise 1 in any order of requests, with everything at once, is in ``test_any_order_of_requests.py``.
"""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv.testing import (
    OrganizationForTests,
    add_organization,
    identify,
    read_messages,
    send_message,
    set_organization,
)
from tests.api.world import Clock, conversations_of, customer, customers_of, is_green, messages_of
from tests.core.signing import sign

ADA: dict[str, Any] = {"email": "ada@shop.example", "name": "Ada Lovelace"}


@pytest.fixture
def ada(client: FlaskClient, org: OrganizationForTests, clock: Clock) -> str:
    """Give the session of Ada, ``u_1``, whom a token has just verified."""
    answer = identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, **ADA))
    assert answer.get_json()["identity"]["state"] == "verified"
    token: str = answer.get_json()["session"]["token"]
    return token


def bad_token(org: OrganizationForTests, clock: Clock, sub: str = "u_1", **claims: Any) -> str:
    """Return a token that somebody without the secret made."""
    payload = {"sub": sub, "exp": clock.now + 60} | claims
    return sign(payload, b"not the secret of this organization")


# Promise 1: no request without a token that verifies ever turns a shield or a record green.


@pytest.mark.parametrize("mode", ["off", "optional"])
@pytest.mark.parametrize("field", ["verified", "__proto__", "state", "identity", "first_verified_at", "proof"])
def test_members_that_say_verified_are_ignored(
    app: Flask, client: FlaskClient, org: OrganizationForTests, mode: str, field: str
) -> None:
    set_organization(app, org.id, mode=mode)
    for value in (True, {"verified": True, "state": "verified"}, "verified"):
        answer = identify(client, org.id, externalId="u_1", **{field: value})
        assert answer.get_json()["identity"]["state"] == "unverified"
    assert not is_green(app, org.id, customer(app, org.id, "u_1"))


def test_a_payload_that_says_verified_is_not(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    answer = identify(client, org.id, userJwt=bad_token(org, clock, verified=True, email_verified=True))
    assert answer.get_json()["identity"] | {"externalId": "u_1"} == answer.get_json()["identity"]
    assert answer.get_json()["identity"]["reason"] == "bad_signature"
    assert not is_green(app, org.id, customer(app, org.id, "u_1"))


def test_in_mode_off_even_a_good_token_turns_nothing_green(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    set_organization(app, org.id, mode="off")
    answer = identify(client, org.id, userJwt=org.sign("u_1", now=clock.now))
    assert answer.get_json()["identity"]["reason"] == "verification_off"
    set_organization(app, org.id, mode="optional")
    assert not is_green(app, org.id, customer(app, org.id, "u_1"))
    sent = send_message(client, answer.get_json()["session"]["token"], "still nobody")
    assert sent.status_code == 201
    assert {line.state for line in messages_of(app, org.id)} == {"unverified"}


def test_a_failed_token_takes_the_green_away_and_only_a_good_one_brings_it_back(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, ada: str
) -> None:
    assert identify(client, org.id, userJwt=bad_token(org, clock)).get_json()["identity"]["reason"] == "bad_signature"
    record = customer(app, org.id, "u_1")
    assert not record.verified
    assert record.downgraded_reason == "bad_signature"
    for body in ({"externalId": "u_1"}, {"email": ADA["email"]}, {"externalId": "u_1", "session": ada}):
        identify(client, org.id, **body)
        assert not customer(app, org.id, "u_1").verified
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now))
    assert is_green(app, org.id, customer(app, org.id, "u_1"))


def test_a_claim_without_a_token_leaves_the_flag_of_the_record_alone(
    app: Flask, client: FlaskClient, org: OrganizationForTests, ada: str
) -> None:
    answer = identify(client, org.id, externalId="u_1")
    assert answer.get_json()["identity"] == {
        "state": "unverified",
        "reason": "no_token",
        "externalId": "u_1",
        "email": None,
        "name": None,
    }
    assert is_green(app, org.id, customer(app, org.id, "u_1"))


# Promise 2: a proven value is never overwritten by a self-claimed one.


@pytest.mark.parametrize("how", ["plain", "bad token", "off"])
def test_claims_overwrite_nothing_that_was_proven(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, ada: str, how: str
) -> None:
    claims = {"email": "mallory@evil.example", "name": "Mallory"}
    body: dict[str, Any] = {"externalId": "u_1", **claims}
    if how == "bad token":
        body = {"userJwt": bad_token(org, clock, **claims)}
    if how == "off":
        set_organization(app, org.id, mode="off")
    token = identify(client, org.id, **body).get_json()["session"]["token"]
    record = customer(app, org.id, "u_1")
    assert (record.email, record.name) == (ADA["email"], ADA["name"])
    assert (record.email_proven, record.name_proven, record.external_id_proven) == (True, True, True)
    send_message(client, token, "it is me")
    (thread,) = conversations_of(app, org.id)
    assert (thread.claimed_email, thread.claimed_name) == (claims["email"], claims["name"])


def test_on_a_record_that_was_ever_verified_claims_only_fill_blanks(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now))
    identify(client, org.id, userJwt=bad_token(org, clock))  # not green any more, and still protected
    identify(client, org.id, externalId="u_1", name="First", email="first@shop.example")
    identify(client, org.id, externalId="u_1", name="Second", email="second@shop.example")
    record = customer(app, org.id, "u_1")
    assert (record.name, record.name_proven) == ("First", False)
    assert (record.email, record.email_proven) == ("first@shop.example", False)


def test_a_proof_overwrites_what_was_only_claimed(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    identify(client, org.id, externalId="u_1", name="Mallory", email="mallory@evil.example")
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, name="Ada"))
    record = customer(app, org.id, "u_1")
    assert (record.name, record.name_proven) == ("Ada", True)
    assert (record.email, record.email_proven) == ("mallory@evil.example", False)


# Promise 3: landing on a record opens nothing to the visitor.


@pytest.mark.parametrize("body", [{"externalId": "u_1"}, {"email": "ADA@shop.example"}, {**ADA, "externalId": "u_1"}])
def test_who_claims_to_be_a_verified_customer_reads_none_of_their_messages(
    client: FlaskClient, org: OrganizationForTests, ada: str, body: dict[str, Any]
) -> None:
    send_message(client, ada, "my secret question")
    other = identify(client, org.id, **body).get_json()["session"]["token"]
    assert read_messages(client, other).get_json()["messages"] == []
    send_message(client, other, "what did I ask?")
    assert [line["text"] for line in read_messages(client, other).get_json()["messages"]] == ["what did I ask?"]
    assert [line["text"] for line in read_messages(client, ada).get_json()["messages"]] == ["my secret question"]


def test_a_verified_customer_does_not_read_what_others_wrote_under_the_name(
    client: FlaskClient, org: OrganizationForTests, ada: str
) -> None:
    other = identify(client, org.id, externalId="u_1").get_json()["session"]["token"]
    send_message(client, other, "I am Ada, trust me")
    assert read_messages(client, ada).get_json()["messages"] == []


# Promise 4: the answer never holds a stored value that this request did not itself bring or prove.


@pytest.mark.parametrize("body", [{"externalId": "u_1"}, {"email": "ADA@shop.example"}, {"name": "Ada Lovelace"}, {}])
def test_the_answer_to_a_claim_holds_the_claim_and_nothing_stored(
    client: FlaskClient, org: OrganizationForTests, ada: str, body: dict[str, str]
) -> None:
    identity = identify(client, org.id, **body).get_json()["identity"]
    claimed = {name: value for name, value in identity.items() if name not in {"state", "reason"} and value is not None}
    assert claimed == body


def test_even_a_proof_gets_back_only_what_it_brought(
    client: FlaskClient, org: OrganizationForTests, clock: Clock, ada: str
) -> None:
    identity = identify(client, org.id, userJwt=org.sign("u_1", now=clock.now)).get_json()["identity"]
    assert (identity["externalId"], identity["email"], identity["name"]) == ("u_1", None, None)


@pytest.mark.parametrize(("known", "unknown"), [("externalId", "externalId"), ("email", "email")])
def test_a_known_and_an_unknown_customer_are_answered_alike(
    client: FlaskClient, org: OrganizationForTests, ada: str, known: str, unknown: str
) -> None:
    values = {"externalId": ("u_1", "u_2"), "email": ("ada@shop.example", "eve@shop.example")}
    answers = [identify(client, org.id, **{known: value}) for value in values[known]]
    one, other = (answer.get_json() for answer in answers)
    assert one["identity"] | {known: None} == other["identity"] | {known: None}
    assert (one["warnings"], one["session"]["expiresAt"]) == (other["warnings"], other["session"]["expiresAt"])
    assert one.keys() == other.keys()
    assert one["session"].keys() == other["session"].keys()
    assert len(answers[0].headers) == len(answers[1].headers)
    assert len(one["session"]["token"]) - len(other["session"]["token"]) in {-2, -1, 0, 1, 2}
    assert "cus_" not in answers[0].text


# Promise 5: nothing merges two records that have different external ids.


def test_two_customers_may_share_an_email(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    for sub in ("u_1", "u_2"):
        identify(client, org.id, userJwt=org.sign(sub, now=clock.now, email="home@shop.example"))
    assert {record.external_id for record in customers_of(app, org.id)} == {"u_1", "u_2"}
    identify(client, org.id, externalId="u_3", email="home@shop.example")
    identify(client, org.id, email="home@shop.example")
    assert {record.external_id for record in customers_of(app, org.id)} == {"u_1", "u_2", "u_3"}


SUBS = ["u_1", "U_1", "jos\u00e9", "jose\u0301", "1", "01", "1.0", "true", "True", "u_1\u200d", "\uff55_1"]


def test_ids_are_compared_exactly(app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock) -> None:
    for sub in SUBS:
        identify(client, org.id, userJwt=org.sign(sub, now=clock.now))
    assert sorted(record.external_id or "" for record in customers_of(app, org.id)) == sorted(SUBS)


def test_a_number_is_the_customer_of_its_decimal_text_and_true_is_nobody(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    for sub in (1, "1"):
        assert (
            identify(client, org.id, userJwt=org.sign(sub, now=clock.now)).get_json()["identity"]["externalId"] == "1"
        )
    answer = identify(client, org.id, userJwt=org.sign(True, now=clock.now))
    assert answer.get_json()["identity"]["reason"] == "invalid_claim"
    assert [record.external_id for record in customers_of(app, org.id)] == ["1"]


def test_an_id_with_a_blank_at_its_end_is_refused_and_meets_nobody(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, ada: str
) -> None:
    answer = identify(client, org.id, userJwt=org.sign("u_1 ", now=clock.now))
    assert answer.get_json()["identity"]["reason"] == "invalid_claim"
    assert is_green(app, org.id, customer(app, org.id, "u_1"))
    assert len(customers_of(app, org.id)) == 1


def test_an_email_only_record_is_adopted_by_the_first_proof_and_by_no_second(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    identify(client, org.id, email="Home@shop.example", name="Somebody")
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, email="home@shop.example"))
    assert [record.external_id for record in customers_of(app, org.id)] == ["u_1"]
    identify(client, org.id, userJwt=org.sign("u_2", now=clock.now, email="home@shop.example"))
    assert {record.external_id for record in customers_of(app, org.id)} == {"u_1", "u_2"}


def test_another_organizations_token_proves_nothing_and_touches_nobody(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, ada: str
) -> None:
    other = add_organization(app, "org_other")
    answer = identify(client, other.id, userJwt=org.sign("u_1", now=clock.now))
    assert answer.get_json()["identity"]["reason"] == "bad_signature"
    assert is_green(app, org.id, customer(app, org.id, "u_1"))
    assert len(customers_of(app, org.id)) == 1
