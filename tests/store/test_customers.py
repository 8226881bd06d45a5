"""What a statement on a customer's record does when somebody else was faster: the condition stands in the statement."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from kaltalk_iv.core.claims import Claims
from kaltalk_iv.core.errors import Reason
from kaltalk_iv.core.tokens import Proof
from kaltalk_iv.models import EndedSession
from kaltalk_iv.state import current_state
from kaltalk_iv.store import customers
from kaltalk_iv.store.database import normalise_url
from kaltalk_iv.store.sources import insert_unless_there
from kaltalk_iv.testing import OrganizationForTests
from tests.api.world import DAY, NOW

EMAIL = "ada@shop.example"


@pytest.fixture
def session(app: Flask, org: OrganizationForTests) -> Iterator[Session]:
    """Give a database session in which nothing is committed."""
    with app.app_context():
        yield current_state().session


def proof(sub: str, **claims: str) -> Proof:
    """Return what a token of ``sub`` would prove."""
    return Proof(Claims(sub, **claims), "sec_1", NOW + 60)


def test_a_row_that_is_there_is_not_inserted_and_the_transaction_goes_on(
    session: Session, org: OrganizationForTests
) -> None:
    row = {"organization_id": org.id, "id": "ses_1", "expires_at": NOW}
    assert insert_unless_there(session, EndedSession, **row)
    assert not insert_unless_there(session, EndedSession, **row)
    assert customers.add_verified(session, org.id, proof("u_1"), NOW) is not None


def test_of_two_first_records_of_one_id_or_one_email_the_second_is_not_made(
    session: Session, org: OrganizationForTests
) -> None:
    for claims in (Claims("u_1"), Claims(email=EMAIL)):
        assert customers.add_self_claimed(session, org.id, claims, NOW) is not None
        assert customers.add_self_claimed(session, org.id, claims, NOW) is None
    assert customers.add_verified(session, org.id, proof("u_1"), NOW) is None


def test_a_record_without_an_id_is_adopted_once(session: Session, org: OrganizationForTests) -> None:
    orphan = customers.add_self_claimed(session, org.id, Claims(email=EMAIL), NOW)
    assert orphan is not None
    assert customers.adopt(session, org.id, orphan, proof("u_1", email=EMAIL), NOW)
    assert not customers.adopt(session, org.id, orphan, proof("u_2", email=EMAIL), NOW)
    record = customers.get_customer(session, org.id, orphan)
    assert record is not None
    assert record.external_id == "u_1"


def test_a_claim_that_was_weighed_before_a_proof_came_in_overwrites_nothing(
    session: Session, org: OrganizationForTests
) -> None:
    customer_id = customers.add_self_claimed(session, org.id, Claims("u_1", EMAIL, "Mallory"), NOW)
    assert customer_id is not None
    customers.stamp_verified(session, org.id, customer_id, proof("u_1", email=EMAIL, name="Ada"), NOW)
    customers.apply_self_claimed(session, org.id, customer_id, Claims("u_2", "m@evil.example", "Mallory"), NOW)
    record = customers.get_customer(session, org.id, customer_id)
    assert record is not None
    assert (record.external_id, record.email, record.name) == ("u_1", EMAIL, "Ada")
    assert customers.find_by_email(session, org.id, "m@evil.example", without_id=False) is None


def test_the_first_proof_is_remembered_through_everything_that_follows(
    session: Session, org: OrganizationForTests
) -> None:
    customer_id = customers.add_verified(session, org.id, proof("u_1"), NOW)
    assert customer_id is not None
    customers.downgrade(session, org.id, customer_id, Reason.EXPIRED, NOW + DAY)
    customers.stamp_verified(session, org.id, customer_id, proof("u_1"), NOW + 2 * DAY)
    record = customers.get_customer(session, org.id, customer_id)
    assert record is not None
    assert (record.first_verified_at, record.last_verified_at) == (NOW, NOW + 2 * DAY)
    assert (record.verified, record.downgraded_at, record.downgraded_reason) == (True, None, None)


def test_a_record_that_is_not_green_cannot_lose_its_green_twice(session: Session, org: OrganizationForTests) -> None:
    customer_id = customers.add_verified(session, org.id, proof("u_1"), NOW)
    assert customer_id is not None
    customers.downgrade(session, org.id, customer_id, Reason.EXPIRED, NOW + 1)
    customers.downgrade(session, org.id, customer_id, Reason.BAD_SIGNATURE, NOW + 2)
    record = customers.get_customer(session, org.id, customer_id)
    assert record is not None
    assert (record.downgraded_at, record.downgraded_reason) == (NOW + 1, "expired")


def test_a_flag_whose_secret_is_gone_does_not_stand(session: Session, org: OrganizationForTests) -> None:
    customer_id = customers.add_verified(session, org.id, proof("u_1"), NOW)
    record = customers.find_by_external_id(session, org.id, "u_1")
    assert record is not None
    assert (record.id, record.verified) == (customer_id, True)
    assert not customers.verified_flag_now(session, org.id, record)


def test_of_several_with_one_email_the_one_seen_last_is_found(session: Session, org: OrganizationForTests) -> None:
    for seconds, sub in ((2, "u_1"), (3, "u_2"), (1, "u_3")):
        customers.add_verified(session, org.id, proof(sub, email=EMAIL), NOW + seconds)
    found = customers.find_by_email(session, org.id, EMAIL.upper(), without_id=False)
    assert found is not None
    assert found.external_id == "u_2"
    assert customers.find_by_email(session, org.id, EMAIL, without_id=True) is None


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://ada:pw@db/shop", "postgresql+psycopg://ada:pw@db/shop"),
        ("postgresql://ada:p%40w@db/shop", "postgresql+psycopg://ada:p%40w@db/shop"),
        ("postgresql+psycopg://db/shop", "postgresql+psycopg://db/shop"),
        ("sqlite:///kaltalk.sqlite3", "sqlite:///kaltalk.sqlite3"),
    ],
)
def test_a_database_address_names_the_driver_that_is_installed(given: str, used: str) -> None:
    assert normalise_url(given) == used
