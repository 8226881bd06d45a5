"""After a leak: whom the revoked secrets verified, taking it back, and the sessions that they gave birth to."""

import pytest

from kaltalk_iv import testing
from kaltalk_iv.dashboard.settings import revoked, wording
from kaltalk_iv.service import leaks
from kaltalk_iv.state import current_state
from kaltalk_iv.store import exposed
from kaltalk_iv.store.customers import find_by_external_id
from tests.dashboard.admin import ORGANIZATION, Admin


def replace(admin: Admin) -> None:
    """Make an emergency replace on the page."""
    assert admin.press("/replace", on="/replace", confirmation=ORGANIZATION).status_code == 303


def listed(admin: Admin, path: str = "/revoked") -> list[str]:
    """Return the rows of the list, as read."""
    return [row.text for row in admin.page(path).all("tr", data_customer=None)]


def is_marked(admin: Admin, sub: str) -> bool:
    """Whether the record carries the verified mark."""
    with admin.app.app_context():
        record = find_by_external_id(current_state().session, ORGANIZATION, sub)
        assert record is not None
        return record.verified


def test_a_replace_lists_whom_the_revoked_secrets_verified_and_nobody_else(admin: Admin) -> None:
    admin.verify(sub="u_1", name="Ada")
    admin.clock.now += 1
    admin.verify(sub="u_2", name="Bob")
    admin.identify(externalId="u_3", name="Only claimed")
    replace(admin)
    admin.verify(admin.reveal(), sub="u_4", name="Verified since")

    first, second = listed(admin)

    assert first.startswith("Bob u_2")
    assert second.startswith("Ada u_1")
    assert all(row.endswith("still there") for row in (first, second))
    assert "2 customers" in admin.page("/revoked").text


def test_taking_back_unmarks_them_says_how_many_and_leaves_a_line(admin: Admin) -> None:
    for sub in ("u_1", "u_2"):
        admin.verify(sub=sub)
    replace(admin)
    renewed = admin.reveal()
    admin.verify(renewed, sub="u_3")
    assert is_marked(admin, "u_1")

    assert admin.press("/revoked/take-back", on="/revoked").status_code == 303

    assert [is_marked(admin, sub) for sub in ("u_1", "u_2", "u_3")] == [False, False, True]
    assert [row.endswith("taken back") for row in listed(admin)] == [True, True]
    [line] = [line for line in admin.audit() if line.action == "verifications_taken_back"]
    assert line.detail == "customers: 2"
    with admin.app.app_context():
        record = find_by_external_id(current_state().session, ORGANIZATION, "u_1")
    assert record is not None
    assert record.downgraded_reason == "secret_revoked"


def test_taking_back_twice_is_one_line(admin: Admin) -> None:
    admin.verify()
    replace(admin)
    admin.press("/revoked/take-back", on="/revoked")

    assert admin.send("/revoked/take-back", on="").status_code == 303
    assert admin.actions().count("verifications_taken_back") == 1


def test_of_very_many_a_press_takes_back_batch_after_batch_and_the_page_says_how_many_are_left(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposed, "COUNTED_UP_TO", 4)
    monkeypatch.setattr(wording, "COUNTED_UP_TO", 4)
    monkeypatch.setattr(leaks, "TAKEN_BACK_AT_ONCE", 2)
    monkeypatch.setattr(revoked, "_BATCHES", 2)
    for number in range(7):
        admin.verify(sub=f"u_{number}")
    replace(admin)
    assert "4 or more customers" in admin.page("/revoked").text

    admin.press("/revoked/take-back", on="/revoked")
    assert "3 of them still carry" in admin.page("/revoked").text

    admin.press("/revoked/take-back", on="/revoked")
    assert "still carry" not in admin.page("/revoked").text
    assert not any(is_marked(admin, f"u_{number}") for number in range(7))


def test_a_customer_who_verifies_again_is_green_and_stays_on_the_list(admin: Admin) -> None:
    admin.verify(sub="u_1")
    replace(admin)
    admin.press("/revoked/take-back", on="/revoked")

    assert admin.verify(admin.reveal(), sub="u_1")["state"] == "verified"

    [row] = listed(admin)
    assert row.endswith("verified again since")
    assert is_marked(admin, "u_1")


def test_another_organizations_customers_are_neither_listed_nor_taken_back(admin: Admin) -> None:
    other = testing.add_organization(admin.app, "org_other")
    token = other.sign("u_theirs", now=admin.clock.now, name="Theirs")
    testing.identify(admin.website, "org_other", userJwt=token)
    admin.verify(sub="u_ours")
    replace(admin)
    admin.press("/revoked/take-back", on="/revoked")

    assert "Theirs" not in admin.page("/revoked").text
    with admin.app.app_context():
        record = find_by_external_id(current_state().session, "org_other", "u_theirs")
    assert record is not None
    assert record.verified


def test_the_list_is_paged_and_every_customer_is_on_one_page(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "PAGE_LENGTH", 3)
    for number in range(7):
        admin.clock.now += number // 3  # several share a moment
        admin.verify(sub=f"u_{number}")
    replace(admin)

    seen: list[str] = []
    path = "/revoked"
    for _page in range(3):
        page = admin.page(path)
        seen += [row["data-customer"] for row in page.all("tr", data_customer=None)]
        following = [link["href"] for link in page.all("a") if "after=" in link["href"]]
        path = "/revoked?" + following[0].partition("?")[2] if following else ""

    assert len(seen) == len(set(seen)) == 7
    assert path == ""


@pytest.mark.parametrize("after", ["", "cus_unknown", "'--", "\x00", "%00", "x" * 300])
def test_a_page_that_nobody_linked_to_is_empty(admin: Admin, after: str) -> None:
    admin.verify()
    replace(admin)

    answer = admin.staff.http.get("/settings/security/identity-verification/revoked", query_string={"after": after})

    assert answer.status_code == 200
    assert "data-customer" not in answer.text


def test_a_session_born_from_a_revoked_secret_is_unverified_at_its_next_request(admin: Admin) -> None:
    token = admin.organization.sign("u_ada", now=admin.clock.now)
    session = admin.identify(userJwt=token).get_json()["session"]["token"]
    testing.send_message(admin.website, session, "My card ends in 4242")
    before = testing.read_messages(admin.website, session).get_json()
    assert [line["text"] for line in before["messages"]] == ["My card ends in 4242"]
    replace(admin)

    testing.send_message(admin.website, session, "Am I still me?")
    read = testing.read_messages(admin.website, session).get_json()

    assert read["identity"] == {"state": "unverified", "reason": "secret_revoked"}
    assert [line["text"] for line in read["messages"]] == ["Am I still me?"]
