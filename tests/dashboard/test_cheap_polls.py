"""A page that asks again every three seconds: answered with 304 while nothing has changed, and with all that did."""

import pytest
from werkzeug.test import TestResponse

from kaltalk_iv import testing
from kaltalk_iv.dashboard.live import LIVE_HEADER
from kaltalk_iv.testing import set_organization
from tests.dashboard.desk import Desk
from tests.dashboard.page import read_page
from tests.dashboard.staff import Staff


def poll(desk: Desk, path: str, tag: str = "") -> TestResponse:
    """Ask as the page's script does."""
    return desk.get(path, **{LIVE_HEADER: "1", "If-None-Match": tag})


def test_a_page_that_has_everything_gets_nothing(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write()

    for path in ("/inbox", f"/inbox/{conversation_id}"):
        poll(desk, path)  # what was unread is read now
        first = poll(desk, path)
        again = poll(desk, path, first.headers["ETag"])

        assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers["Cache-Control"] == "no-store"


def change_mode(desk: Desk) -> None:
    set_organization(desk.app, "org_shop", mode="off")


def let_the_proof_end(desk: Desk) -> None:
    desk.clock.now += 600


CHANGES = {
    "a line": lambda desk: desk.visitor().verify().write(),
    "somebody else's line": lambda desk: desk.visitor().identify(email="bob@example.com").write(),
    "a claim on the record": lambda desk: desk.visitor().identify(externalId="u_ada", email="new@example.com"),
    "the mode": change_mode,
    "the secret": lambda desk: desk.replace_secrets(),
    "the end of the proof": let_the_proof_end,
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_reaches_the_page(desk: Desk, change: str) -> None:
    ends = int(desk.clock.now) + 600  # within the hour: each new hour changes every page
    path = f"/inbox/{desk.visitor().verify(exp=ends).write()}"
    poll(desk, path)
    tag = poll(desk, path).headers["ETag"]
    assert poll(desk, path, tag).status_code == 304

    CHANGES[change](desk)

    answer = poll(desk, path, tag)
    assert answer.status_code == 200
    assert answer.headers["ETag"] != tag


def test_a_page_that_stays_open_gets_a_fresh_form_token_each_hour(desk: Desk) -> None:
    path = f"/inbox/{desk.visitor().identify().write()}"
    poll(desk, path)
    tag = poll(desk, path).headers["ETag"]

    desk.clock.now += 3600

    assert "csrf_token" in poll(desk, path, tag).text


def test_after_a_new_login_in_another_tab_a_page_gets_forms_that_work(staff: Staff) -> None:
    visitor = staff.app.test_client()
    session = testing.identify(visitor, "org_shop").get_json()["session"]["token"]
    cursor = testing.send_message(visitor, session, "Hello", "m-1").get_json()["cursor"]
    path = f"/inbox/{cursor.split('.')[0]}"
    staff.log_in()
    staff.get(path)
    tag = staff.http.get(path, headers={LIVE_HEADER: "1"}).headers["ETag"]

    def again() -> TestResponse:
        return staff.http.get(path, headers={LIVE_HEADER: "1", "If-None-Match": tag}, buffered=True)

    assert again().status_code == 304
    staff.log_out()
    staff.log_in()

    answer = again()
    assert answer.status_code == 200
    tokens = {box["value"] for box in read_page(answer.text).all("input", name="csrf_token")}
    for token in tokens:
        assert staff.http.post(f"{path}/status", data={"csrf_token": token, "seen": "1"}).status_code == 303
    assert tokens


def test_a_whole_page_is_never_answered_with_nothing(desk: Desk) -> None:
    path = f"/inbox/{desk.visitor().verify().write()}"
    poll(desk, path)
    tag = poll(desk, path).headers["ETag"]

    assert desk.get(path, **{"If-None-Match": tag}).status_code == 200
    assert desk.get(path, **{"If-None-Match": "*"}).status_code == 200


@pytest.mark.parametrize("tag", ['"x"', "W/", "\u00e9", "x" * 5000])
def test_a_tag_that_is_none_of_ours_gets_the_parts(desk: Desk, tag: str) -> None:
    assert poll(desk, f"/inbox/{desk.visitor().verify().write()}", tag).status_code == 200
