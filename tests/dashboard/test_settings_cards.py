"""The cards of the page: plan gate, modes and their gate, the three steps, Test it, coverage, origins."""

import logging
import re
from typing import Any

import pytest

from kaltalk_iv.core.policy import Mode
from kaltalk_iv.dashboard.settings import PATH
from kaltalk_iv.service.modes import PROOF_SECONDS
from kaltalk_iv.testing import set_organization
from tests.dashboard.admin import ORGANIZATION, Admin
from tests.dashboard.page import Element, read_page


def radio(admin: Admin, mode: str) -> Element:
    """Return the button of a mode."""
    return admin.page().one("input", type="radio", value=mode)


@pytest.mark.parametrize("plan", ["free", "starter"])
def test_below_pro_the_page_says_so_shows_the_stored_mode_and_lets_nothing_be_chosen(admin: Admin, plan: str) -> None:
    admin.verify()
    set_organization(admin.app, ORGANIZATION, plan=plan)

    page = admin.page()
    assert "everything acts as Off" in page.one(data_plan_gate=None).text
    assert "Stored: Optional , acts as Off" in page.one(id="mode").text
    assert "disabled" in page.one("fieldset").attributes
    for mode in Mode:
        assert admin.send("/mode", mode=mode, confirmed="yes").status_code == 409
    assert admin.stored().mode is Mode.OPTIONAL
    assert admin.verify()["reason"] == "verification_off"


def test_on_pro_the_page_has_no_gate(admin: Admin) -> None:
    assert admin.page().all(data_plan_gate=None) == []


def test_a_mode_is_chosen_acts_at_once_and_leaves_a_line(admin: Admin) -> None:
    answer = admin.send("/mode", mode="off")

    assert (answer.status_code, answer.location) == (303, f"{PATH}?done=mode#mode")
    assert "checked" in radio(admin, "off").attributes
    assert admin.verify()["reason"] == "verification_off"
    assert [line.detail for line in admin.audit() if line.action == "mode_changed"] == ["optional to off"]


def test_each_mode_says_what_follows_from_it(admin: Admin) -> None:
    page = admin.page()

    for mode in Mode:
        button = page.one("input", type="radio", value=mode)
        assert len(page.one(id=button["aria-describedby"]).text) > 60


def test_required_is_closed_until_a_token_has_verified_and_says_why(admin: Admin) -> None:
    assert "disabled" in radio(admin, "required").attributes
    assert "No token has verified within the last 7 days" in admin.page().one(id="mode").text

    refused = admin.send("/mode", mode="required", confirmed="yes")

    assert refused.status_code == 409
    assert "Choose Optional first" in refused.text
    assert "The last change" not in refused.text
    assert admin.stored().mode is Mode.OPTIONAL


def test_required_is_open_for_exactly_seven_days_after_a_token_verified(admin: Admin) -> None:
    admin.verify()

    admin.clock.now += PROOF_SECONDS
    admin.log_in()
    assert "disabled" not in radio(admin, "required").attributes

    admin.clock.now += 1
    assert "disabled" in radio(admin, "required").attributes
    assert admin.send("/mode", mode="required", confirmed="yes").status_code == 409


def test_a_token_of_a_secret_that_was_revoked_opens_nothing(admin: Admin) -> None:
    admin.verify()
    admin.press("/replace", on="/replace", confirmation=ORGANIZATION)

    assert "disabled" in radio(admin, "required").attributes


def test_required_first_shows_what_it_would_have_refused_and_asks(admin: Admin) -> None:
    admin.verify()
    admin.identify(userJwt=admin.organization.sign("u_1", now=admin.clock.now - 9000))
    for _page in range(2):
        admin.identify(email="ada@example.com")
    admin.identify()

    question = admin.send("/mode", mode="required")

    assert question.status_code == 200
    page = read_page(question.text)
    assert page.one(data_would_be_refused=None).text == "3"
    assert "Of the 5 identifies of the last 7 days" in page.text
    assert "token expired" in page.text
    assert admin.stored().mode is Mode.OPTIONAL

    form = page.one("form", class_="card")
    hidden = {box["name"]: box["value"] for box in form.all("input", type="hidden")}
    assert admin.staff.http.post(form["action"], data=hidden).status_code == 303
    assert admin.stored().mode is Mode.REQUIRED
    assert admin.identify(email="ada@example.com").status_code == 401


def test_a_required_mode_that_is_there_can_be_saved_again_without_a_question(admin: Admin) -> None:
    set_organization(admin.app, ORGANIZATION, mode="required")

    assert admin.send("/mode", mode="required").status_code == 303


@pytest.mark.parametrize("mode", ["", "Off", "strict", "off\x00", "\ud83d"])
def test_a_mode_that_is_none_is_refused(admin: Admin, mode: str) -> None:
    fields = {"mode": mode.encode("utf-8", "replace").decode()}

    assert admin.send("/mode", **fields).status_code == 400
    assert admin.stored().mode is Mode.OPTIONAL


def test_the_steps_carry_this_organizations_id_the_guides_call_and_every_language(admin: Admin) -> None:
    steps = admin.page().one(id="steps")

    assert 'organizationId: "org_shop"' in steps.text
    assert re.search(r'<script async src="https?://[^"]+/widget/kaltalk\.js"></script>', steps.text)
    assert (
        "jwt.sign({ sub: user.id, email: user.email, name: user.name }, process.env.KALTALK_IV_SECRET, "
        '{ algorithm: "HS256", expiresIn: "1h" })'
    ) in steps.text
    languages = [summary.text.split()[0] for summary in steps.all("summary")]
    assert languages == ["Node", "Python", "PHP", "Ruby", "Go", "Java", "C#"]


def test_a_good_token_passes_every_check_and_is_not_shown_again(admin: Admin) -> None:
    token = admin.organization.sign(
        "u_1", now=admin.clock.now, email="ada@example.com", name="<script>alert(1)</script>"
    )

    answer = admin.send("/test-it", token=token)

    report = read_page(answer.text).one(class_="report")
    assert (answer.status_code, report["data-verifies"]) == (200, "yes")
    assert {check["data-went"] for check in report.all("li", data_check=None)} == {"passed"}
    assert [row["data-mode"] for row in report.all("tr", data_mode=None)] == ["off", "optional", "required"]
    assert read_page(answer.text).one("textarea", id="token").text == ""
    assert "<script>alert" not in answer.text
    for part in (token, token.rpartition(".")[2], token.split(".")[1]):
        assert part not in answer.text


def test_a_token_with_mistakes_gets_each_check_and_advice(admin: Admin) -> None:
    token = admin.organization.sign("ada@example.com", now=admin.clock.now - 4000)

    report = read_page(admin.send("/test-it", token=f"Bearer {token}").text).one(class_="report")

    assert (report["data-verifies"], report["data-reason"]) == ("no", "malformed")
    went = {check["data-check"]: check["data-went"] for check in report.all("li", data_check=None)}
    assert (went["signature"], went["expiry"], went["sub"]) == ("passed", "failed", "skipped")
    assert len(report.all("li", data_advice=None)) >= 3


def test_testing_a_token_stores_stamps_and_counts_nothing_and_logs_nothing_of_it(
    admin: Admin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "kaltalk_iv")
    before = (admin.secrets(), admin.audit(), admin.page().one(id="coverage").text)
    token = admin.organization.sign("u_1", now=admin.clock.now)

    admin.send("/test-it", token=token)

    assert (admin.secrets(), admin.audit(), admin.page().one(id="coverage").text) == before
    assert {record.name for record in caplog.records} == {"kaltalk_iv.access"}  # that somebody came, and no more
    for part in (*token.split("."), "u_1"):
        assert not any(part in str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize(
    "pasted",
    ["", " ", "x", "a.b.c", "\x00", "ktiv_" + "x" * 43, "💥" * 500, '{"sub": 1}', "[" * 10_000, "." * 5000, "%00"],
)
def test_whatever_is_pasted_gets_a_report(admin: Admin, pasted: str) -> None:
    answer = admin.send("/test-it", token=pasted)

    assert answer.status_code == 200
    assert read_page(answer.text).one(class_="report")["data-verifies"] == "no"


def test_a_secret_pasted_by_mistake_is_not_shown_again(admin: Admin) -> None:
    assert admin.organization.secret not in admin.send("/test-it", token=admin.organization.secret).text


def test_coverage_counts_each_outcome_and_groups_what_failed(admin: Admin) -> None:
    assert "No visitor was identified" in admin.page().one(id="coverage").text
    admin.verify()
    for _page in range(2):
        admin.identify(userJwt=admin.organization.sign("u_1", now=admin.clock.now - 3600 - 300))
    admin.identify(userJwt="not a token")
    admin.identify(email="ada@example.com")
    admin.identify()

    card = admin.page().one(id="coverage")

    for period in card.all("tr", data_coverage=None):
        counted = {cell["data-outcome"]: cell.text for cell in period.all(data_outcome=None)}
        assert counted == {"verified": "1", "failed": "3", "unsigned": "1", "anonymous": "1"}
    expired, malformed = card.all("li", data_failure=None)
    assert (expired["data-failure"], malformed["data-failure"]) == ("expired", "malformed")
    assert expired.text.startswith("2 × token expired")
    assert "missed its time by 5 minutes" in expired.text
    assert "Required would have refused 4 of the 6" in card.text


def test_origins_are_stored_as_browsers_write_them_and_act(admin: Admin) -> None:
    typed = " HTTPS://Shop.Example.com:443/ \r\n\r\nhttps://shop.example.com\nhttp://bücher.example:8080"

    assert admin.send("/origins", origins=typed).location == f"{PATH}?done=origins#origins"

    assert admin.stored().origins == ("https://shop.example.com", "http://xn--bcher-kva.example:8080")
    box = admin.page().one("textarea", id="origins-list")
    assert box.text == "https://shop.example.com http://xn--bcher-kva.example:8080"
    assert admin.actions() == ["origins_changed"]
    refused: Any = admin.website.post(
        f"/v1/organizations/{ORGANIZATION}/identify", json={}, headers={"Origin": "https://evil.example"}
    )
    assert refused.status_code == 403


def test_an_empty_list_allows_any_again(admin: Admin) -> None:
    admin.send("/origins", origins="https://shop.example.com")

    admin.send("/origins", origins=" \n ")

    assert admin.stored().origins == ()
    assert "any website may" in admin.page().one(id="origins").text


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("shop.example.com", "https://shop.example.com"),
        ("https://shop.example.com/basket?x=1", "https://shop.example.com"),
        ("http://ann:secret@shop.example.com", "http://shop.example.com"),
        ("https://*.example.com", "https://example.com"),
        ("localhost:3000", "https://localhost:3000"),
        ("https://", None),
        ("null", "https://null"),
        ("javascript:alert(1)", None),
        ("https://[::1", None),
        ("\x00", None),
        ("https://" + "x" * 3000, None),
    ],
)
def test_a_refused_origin_comes_back_with_what_it_should_have_been(
    admin: Admin, line: str, instead: str | None
) -> None:
    answer = admin.send("/origins", origins=f"https://fine.example\n{line}")

    assert answer.status_code == 400
    page = read_page(answer.text)
    problem = page.one(id="origins-problem").text
    assert ("Did you mean" in problem) == (instead is not None)
    assert instead is None or instead in [code.text for code in page.one(id="origins-problem").all("code")]
    assert page.one("textarea", id="origins-list").text.startswith("https://fine.example")
    assert admin.stored().origins == ()


def test_more_origins_than_a_list_holds_are_refused(admin: Admin) -> None:
    typed = "\n".join(f"https://shop{number}.example" for number in range(101))

    assert admin.send("/origins", origins=typed).status_code == 400
    assert admin.stored().origins == ()


@pytest.mark.parametrize("message", ["mode", "nonsense", "<script>", "\x00"])
def test_a_message_is_one_of_ours_or_none(admin: Admin, message: str) -> None:
    page = read_page(admin.staff.http.get(PATH, query_string={"done": message}).text)

    assert len(page.all("p", class_="done")) == (1 if message == "mode" else 0)
