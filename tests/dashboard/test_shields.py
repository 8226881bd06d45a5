"""Which shield an agent sees, for every way in which an identity can be proven, claimed, lost or not given."""

from typing import Any

import jwt
import pytest

from kaltalk_iv.core.errors import Reason
from kaltalk_iv.dashboard import wording
from kaltalk_iv.testing import set_organization
from tests.dashboard.desk import NOON, Desk
from tests.dashboard.page import Element


def shield_of(drawer: Element) -> str | None:
    """Return which shield the drawer draws, or None."""
    shields = drawer.all(data_shield=None)
    assert len(shields) <= 1
    return shields[0]["data-shield"] if shields else None


def failing_token(desk: Desk, reason: Reason) -> str:
    """Return a token that fails for ``reason`` and for nothing else."""
    wrong: dict[Reason, dict[str, Any]] = {
        Reason.EXPIRED: {"exp": int(NOON) - 1},
        Reason.NOT_YET_VALID: {"nbf": int(NOON) + 600},
        Reason.MISSING_CLAIM: {"exp": None},
        Reason.INVALID_CLAIM: {"sub": " "},
        Reason.LIFETIME_TOO_LONG: {"exp": int(NOON) * 1000},
    }
    claims = {"sub": "u_ada", "exp": int(NOON) + 3600, "name": "Ada"} | wrong.get(reason, {})
    if reason is Reason.MALFORMED:
        return "no.token"
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None},
        "x" * 48 if reason is Reason.BAD_SIGNATURE else desk.organization.secret,
        algorithm="HS384" if reason is Reason.UNSUPPORTED_ALGORITHM else "HS256",
    )


def test_a_verified_conversation_has_a_green_shield_with_words_and_times(desk: Desk) -> None:
    page = desk.open(desk.visitor().verify(name="Ada").write())

    drawer = page.one(id="customer-drawer")
    assert (drawer["data-identity-state"], drawer["data-identity-reason"]) == ("verified", "")
    assert shield_of(drawer) == "verified"
    assert drawer.one(data_shield=None).text == "Identity verified"
    times = [time["datetime"] for time in drawer.one("p", class_="when").all("time")]
    assert times == ["2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z"]
    assert "UTC" in drawer.one("p", class_="when").text


TOKEN_REASONS = [
    Reason.MALFORMED,
    Reason.UNSUPPORTED_ALGORITHM,
    Reason.BAD_SIGNATURE,
    Reason.EXPIRED,
    Reason.NOT_YET_VALID,
    Reason.MISSING_CLAIM,
    Reason.INVALID_CLAIM,
    Reason.LIFETIME_TOO_LONG,
]


@pytest.mark.parametrize("reason", TOKEN_REASONS)
def test_a_failed_token_has_an_amber_shield_a_sentence_and_the_code(desk: Desk, reason: Reason) -> None:
    visitor = desk.visitor().identify(userJwt=failing_token(desk, reason), email="ada@example.com")

    drawer = desk.drawer(visitor.write())

    assert (drawer["data-identity-state"], drawer["data-identity-reason"]) == ("unverified", reason.value)
    assert shield_of(drawer) == "unverified"
    assert drawer.one(data_shield=None).text == "Unverified"
    assert wording.REASONS[reason].sentence in drawer.text
    assert reason.value in [code.text for code in drawer.all("code")]


def test_every_reason_has_its_own_words() -> None:
    assert set(wording.REASONS) == set(Reason)
    assert len({words.short for words in wording.REASONS.values()}) == len(Reason)
    assert len({words.sentence for words in wording.REASONS.values()}) == len(Reason)


def test_a_claim_without_a_token_is_amber(desk: Desk) -> None:
    drawer = desk.drawer(desk.visitor().identify(email="ada@example.com").write())

    assert (drawer["data-identity-state"], drawer["data-identity-reason"]) == ("unverified", "no_token")
    assert shield_of(drawer) == "unverified"


def test_an_anonymous_visitor_has_no_shield_and_a_line_that_says_why(desk: Desk) -> None:
    conversation_id = desk.visitor().identify().write()

    page = desk.open(conversation_id)
    drawer = page.one(id="customer-drawer")
    assert (drawer["data-identity-state"], drawer["data-identity-reason"]) == ("anonymous", "")
    assert shield_of(drawer) is None
    assert "has not said who they are" in drawer.text
    assert page.one("h1").text == "Anonymous visitor"
    assert desk.inbox().one(data_conversation=conversation_id).all(data_shield=None) == []


def test_an_identity_without_anything_usable_is_an_unknown_visitor(desk: Desk) -> None:
    page = desk.open(desk.visitor().identify(userJwt="gibberish").write())

    assert page.one("h1").text == "Unknown visitor"
    assert page.one(id="customer-drawer")["data-identity-reason"] == "malformed"


@pytest.mark.parametrize("change", [{"mode": "off"}, {"plan": "starter"}], ids=["mode off", "a plan without it"])
def test_switched_off_no_conversation_has_a_shield(desk: Desk, change: dict[str, str]) -> None:
    verified = desk.visitor().verify().write()
    claimed = desk.visitor().identify(email="bob@example.com").write()
    set_organization(desk.app, "org_shop", **change)

    for conversation_id in (verified, claimed):
        page = desk.open(conversation_id)
        drawer = page.one(id="customer-drawer")
        assert page.all(data_shield=None) == []
        assert (drawer["data-identity-state"], drawer["data-identity-reason"]) == ("unverified", "verification_off")
        assert "verification is off" in drawer.text


def test_what_was_written_while_verification_was_off_is_amber_once_it_is_on(desk: Desk) -> None:
    set_organization(desk.app, "org_shop", mode="off")
    conversation_id = desk.visitor().identify(email="ada@example.com").write()
    set_organization(desk.app, "org_shop", mode="optional")

    drawer = desk.drawer(conversation_id)
    assert shield_of(drawer) == "unverified"
    assert "while identity verification was off" in drawer.text


def test_an_emergency_replace_turns_the_conversations_of_that_secret_amber(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write()
    desk.replace_secrets()

    drawer = desk.drawer(conversation_id)
    assert (drawer["data-identity-state"], drawer["data-identity-reason"]) == ("unverified", "secret_revoked")
    assert shield_of(drawer) == "unverified"
    row = desk.inbox().one(data_conversation=conversation_id)
    assert row.one(data_shield=None)["data-shield"] == "unverified"


def test_words_spoken_under_proof_stay_green_after_the_token_has_run_out(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write()
    desk.clock.now += 2 * 3600

    drawer = desk.drawer(conversation_id)
    assert shield_of(drawer) == "verified"
    assert "That proof has run out since" in drawer.text


def test_the_thread_says_where_identity_was_lost_and_found(desk: Desk) -> None:
    visitor = desk.visitor().verify()
    visitor.write("proven")
    desk.clock.now += 3601
    visitor.write("proof has run out")
    visitor.verify().write("proven again")
    conversation_id = visitor.write("and again")

    events = [
        line.text
        for line in desk.open(conversation_id).one("ol", data_live="lines").all("li")
        if "event" in line["class"]
    ]
    assert [event.split(" 01 Jan")[0] for event in events] == [
        "Identity lost here: token expired",
        "Identity verified from here",
    ]


def test_the_thread_says_where_a_claim_without_proof_begins(desk: Desk) -> None:
    visitor = desk.visitor().identify()
    visitor.write("nobody yet")
    conversation_id = visitor.identify(email="ada@example.com").write("I am Ada")

    text = desk.open(conversation_id).one("ol", data_live="lines").text
    assert "Identity claimed without proof from here: no token" in text


def test_every_row_of_the_list_has_its_shield_in_words(desk: Desk) -> None:
    green = desk.visitor().verify(name="Ada").write()
    amber = desk.visitor().identify(email="bob@example.com").write()

    inbox = desk.inbox()
    assert inbox.one(data_conversation=green).one(data_shield="verified").text == "Identity verified"
    assert inbox.one(data_conversation=amber).one(data_shield="unverified").text == "Unverified"


def test_the_title_of_a_page_begins_with_the_identity_and_not_with_the_name(desk: Desk) -> None:
    ann = {"email": "ann@example.com", "name": "Identity verified: Ann"}
    pages = {
        "Unverified: \u2068Identity verified: Ann\u2069": desk.visitor().identify(**ann).write(),
        "Identity verified: \u2068Ada\u2069": desk.visitor().verify(name="Ada").write(),
        "Anonymous visitor": desk.visitor().identify().write(),
    }
    for conversation_id in pages.values():
        desk.open(conversation_id)  # read, so that no number stands before the title

    for title, conversation_id in pages.items():
        assert desk.open(conversation_id).one("title").text == f"{title} – KalTalk"
    set_organization(desk.app, "org_shop", mode="off")
    assert desk.open(conversation_id).one("title").text == "Anonymous visitor – KalTalk"
    assert desk.open(next(iter(pages.values()))).one("title").text.startswith("Not checked: \u2068")


def test_a_name_that_nobody_proved_is_called_claimed_where_it_heads_the_page(desk: Desk) -> None:
    proven = desk.open(desk.visitor().verify(name="Ada", email="ada@example.com").write())
    claimed = desk.open(desk.visitor().identify(email="ada@example.com").write())
    nobody = desk.open(desk.visitor().identify().write())

    heads = [page.one("div", class_="whose").text for page in (proven, claimed, nobody)]
    assert heads == ["Ada", "Ada claimed", "Anonymous visitor"]


@pytest.mark.parametrize(
    "name", ["Ann ✔ Verified", "\u202eVerified ✔", "Identity verified\u200b", "🛡 Identity verified"]
)
def test_a_name_that_pretends_stays_beside_the_amber_shield(desk: Desk, name: str) -> None:
    conversation_id = desk.visitor().identify(email="ann@example.com", name=name).write()

    page = desk.open(conversation_id)
    drawer = page.one(id="customer-drawer")
    assert shield_of(drawer) == "unverified"
    field = drawer.one(data_field="name")
    assert field.tag == "bdi"
    assert field["data-provenance"] == "claimed"
    row = page.one(data_conversation=conversation_id)
    assert row.one(data_shield=None)["data-shield"] == "unverified"
    assert row.one("span", class_="name").one("bdi").text == field.text
    assert not set("\u202e\u200b") & set(field.text)
