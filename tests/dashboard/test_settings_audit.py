"""The audit trail: who, when, from where and what; page by page, and as CSV that a spreadsheet takes for text."""

import csv
import io

import pytest

from kaltalk_iv import testing
from kaltalk_iv.dashboard.settings.trail import neutral
from kaltalk_iv.service import audit
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.store.audit import list_audit_events
from tests.dashboard.admin import ORGANIZATION, Admin


def note(admin: Admin, detail: str, actor: str = "Grace") -> None:
    """Leave a line in the trail, a second after the one before."""
    admin.clock.now += 1
    who = Actor(actor, "203.0.113.9")
    admin.in_database(lambda db: audit.note(db, ORGANIZATION, who, "mode_changed", detail, admin.clock.now))


def test_a_line_says_who_when_from_where_and_what(admin: Admin) -> None:
    admin.send("/mode", mode="off")

    [row] = [row for row in admin.page().one(class_="trail").all("tr") if "Changed the mode" in row.text]

    assert "grace (Grace Hopper)" in row.text
    assert "optional to off" in row.text
    assert "127.0.0.1" in row.text
    assert row.one("time")["datetime"] == "2026-01-01T12:00:01Z"


def test_the_page_has_the_newest_fifty_and_leads_to_every_older_one(admin: Admin) -> None:
    for number in range(120):
        note(admin, f"line {number:03}")

    seen: list[str] = []
    path, sizes = "", []
    while True:
        page = admin.page(path)
        details = [
            row.all("td")[2].text.removeprefix("Changed the mode ") for row in page.one(class_="trail").all("tr")[1:]
        ]
        seen += details
        sizes.append(len(details))
        older = [link["href"] for link in page.all("a") if link.text == "Older lines"]
        if not older:
            break
        path = "/audit?" + older[0].partition("?")[2]

    assert sizes == [50, 50, len(admin.audit()) - 100]
    assert [line for line in seen if line.startswith("line")] == [f"line {number:03}" for number in range(119, -1, -1)]


@pytest.mark.parametrize("before", ["", "aud_unknown", "'--", "\x00", "x" * 300])
def test_a_page_that_nobody_linked_to_is_empty(admin: Admin, before: str) -> None:
    answer = admin.staff.http.get("/settings/security/identity-verification/audit", query_string={"before": before})

    assert answer.status_code == 200
    assert "There are no lines here." in answer.text


def test_the_csv_holds_every_line_as_text_and_is_a_download(admin: Admin) -> None:
    for number in range(600):
        note(admin, f"line {number}")
    note(admin, '=HYPERLINK("https://evil.example")', actor="@SUM(1)")

    answer = admin.get("/audit.csv")

    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-org_shop.csv"'
    head, first, *rest = csv.reader(io.StringIO(answer.text))
    assert head == ["time", "actor", "address", "action", "detail"]
    assert first[1:] == ["'@SUM(1)", "203.0.113.9", "mode_changed", '\'=HYPERLINK("https://evil.example")']
    assert len(rest) == len(admin.audit()) - 1


@pytest.mark.parametrize("start", list("=+-@\t\r"))
def test_a_cell_that_begins_like_a_formula_gets_an_apostrophe(start: str) -> None:
    assert neutral(f"{start}1+1") == f"'{start}1+1"
    assert neutral(f"1{start}1") == f"1{start}1"


def test_another_organizations_lines_are_neither_shown_nor_a_place_to_start_from(admin: Admin) -> None:
    testing.add_organization(admin.app, "org_other")
    who = Actor("Mallory", "local")
    admin.in_database(lambda db: audit.note(db, "org_other", who, "mode_changed", "theirs", admin.clock.now + 1))

    assert "Mallory" not in admin.get().text
    assert "Mallory" not in admin.get("/audit.csv").text
    with admin.app.app_context():
        [theirs, *_older] = list_audit_events(current_state().session, "org_other", limit=1)
    admin.clock.now += 1
    assert "There are no lines here." in admin.get(f"/audit?before={theirs.id}").text
