"""After a leak with very many customers, on both databases: pages, counts and batches read indexes, and no more."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from kaltalk_iv.core.errors import Reason
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.store import exposed
from kaltalk_iv.testing import OrganizationForTests
from tests.store.many import COUNT, fill, plans

PAGE = 50
COUNTED = 200  # as small beside these rows as it is beside a million
FILL_CUSTOMERS = """
INSERT INTO kaltalk_iv_customers (organization_id, id, external_id, external_id_proven, email_proven, name_proven,
  verified, verified_secret_id, first_verified_at, last_verified_at, created_at, last_seen_at)
SELECT :org, 'cus_' || i, 'u_' || i, true, false, false, true, :secret, i / 10, i / 10, 0, 0 FROM n
"""
FILL_PROOFS = """
INSERT INTO kaltalk_iv_customer_proofs (organization_id, customer_id, secret_id, first_at)
SELECT :org, 'cus_' || i, :secret, i / 10 FROM n WHERE i % :every = 0
"""


@pytest.fixture
def leaked(app: Flask, org: OrganizationForTests, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """Give a session on a database where a secret that had verified everybody is revoked, after one that knew a few."""
    monkeypatch.setattr(exposed, "COUNTED_UP_TO", COUNTED)
    with app.app_context():
        state = current_state()
        session = state.session
        for statement, every in ((FILL_CUSTOMERS, 1), (FILL_PROOFS, 4000), (FILL_PROOFS, 1)):
            current = session.execute(
                sa.text("SELECT id FROM kaltalk_iv_secrets WHERE revoked_at IS NULL")
            ).scalar_one()
            fill(session, statement, org=org.id, secret=current, every=every)
            if every > 1:
                session.execute(sa.text("UPDATE kaltalk_iv_customer_proofs SET first_at = 0"))
                _replace(session, org)
        _replace(session, org)
        session.execute(sa.text("UPDATE kaltalk_iv_customers SET verified_secret_id = :secret"), {"secret": current})
        session.commit()
        session.execute(sa.text("ANALYZE"))
        session.commit()
        yield session


def _replace(session: Session, org: OrganizationForTests) -> None:
    settings = current_state().settings
    use_cases.replace_secrets(session, settings, Actor("test", "local"), org.id, current_state().clock())


def test_no_page_and_no_count_reads_more_than_it_shows(leaked: Session, org: OrganizationForTests) -> None:
    with plans(leaked) as made:
        first = exposed.list_exposed(leaked, org.id, None, PAGE)
        middle = exposed.list_exposed(leaked, org.id, "cus_10000", PAGE)
        counts = exposed.count_exposed(leaked, org.id), exposed.count_marked(leaked, org.id)

    assert [record.id for record, _fingerprint in first[:2]] == ["cus_20000", "cus_19999"]
    assert middle[0][0].id == "cus_9999"
    assert (len(first), len(middle), counts) == (PAGE, PAGE, (COUNTED, COUNTED))
    for plan in made:
        read = [int(rows) for rows in re.findall(r"actual rows=([0-9]+)", plan)]
        assert max(read, default=0) <= COUNTED, plan
        walked = [line for line in plan.splitlines()[1:] if line.startswith("SCAN kaltalk") or "Seq Scan" in line]
        assert not [line for line in walked if "customer" in line], plan


def test_whom_two_revoked_secrets_verified_is_listed_once_with_the_later_one(
    leaked: Session, org: OrganizationForTests
) -> None:
    seen: dict[str, str] = {}
    after = None
    for _page in range(COUNT // 5000 + 1):
        page = exposed.list_exposed(leaked, org.id, after, 5000)
        for record, fingerprint in page:
            assert record.id not in seen
            seen[record.id] = fingerprint
        after = page[-1][0].id if page else after

    assert len(seen) == COUNT
    assert len(set(seen.values())) == 1


def test_marks_are_taken_back_batch_by_batch_until_none_is_left(leaked: Session, org: OrganizationForTests) -> None:
    with plans(leaked) as made:
        assert exposed.take_marks_back(leaked, org.id, Reason.SECRET_REVOKED, 1.0, COUNTED) == COUNTED
    changes = [plan for plan in made if plan.startswith("UPDATE")]
    assert changes
    for plan in changes:  # any other way meets those first that earlier batches have done
        assert "ix_kaltalk_iv_customers_verified_by" in plan
        assert not re.search(r"\b(Sort|Bitmap|TEMP B-TREE)\b", plan)  # it would read all of them for each batch
    left = "SELECT count(*) FROM kaltalk_iv_customers WHERE verified"
    assert leaked.execute(sa.text(left)).scalar_one() == COUNT - COUNTED
    assert exposed.take_marks_back(leaked, org.id, Reason.SECRET_REVOKED, 1.0, COUNT) == COUNT - COUNTED
    assert exposed.take_marks_back(leaked, org.id, Reason.SECRET_REVOKED, 1.0, COUNT) == 0
    assert exposed.count_marked(leaked, org.id) == 0
    assert exposed.count_exposed(leaked, org.id) == COUNTED
