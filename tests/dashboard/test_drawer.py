"""What the customer drawer says of a customer: each value proven or claimed, and what became of the proof."""

import jwt
import pytest

from kaltalk_iv.service.conversation import CHANGES_LENGTH, OTHERS_LENGTH
from kaltalk_iv.testing import set_organization
from tests.dashboard.desk import NOON, Desk
from tests.dashboard.page import Element


def fields_of(drawer: Element) -> dict[str, tuple[str, str]]:
    """Return value and provenance of each field that the drawer shows."""
    return {field["data-field"]: (field.text, field["data-provenance"]) for field in drawer.all(data_field=None)}


def forged(name: str) -> str:
    """Return a token of Ada's id that somebody without the secret signed."""
    claims = {"sub": "u_ada", "name": name, "email": "ada@example.com", "exp": int(NOON) + 3600}
    return jwt.encode(claims, "x" * 48, algorithm="HS256")


def test_what_a_token_said_is_proven(desk: Desk) -> None:
    drawer = desk.drawer(desk.visitor().verify(email="ada@example.com", name="Ada").write())

    assert fields_of(drawer) == {
        "email": ("ada@example.com", "proven"),
        "name": ("Ada", "proven"),
        "external_id": ("u_ada", "proven"),
    }
    assert drawer.text.count(" proven") == 3


def test_what_a_page_said_is_claimed(desk: Desk) -> None:
    drawer = desk.drawer(desk.visitor().identify(externalId="u_1", email="bob@example.com", name="Bob").write())

    assert set(fields_of(drawer).values()) == {
        ("bob@example.com", "claimed"),
        ("Bob", "claimed"),
        ("u_1", "claimed"),
    }


def test_a_value_that_no_token_held_is_claimed_on_a_proven_record(desk: Desk) -> None:
    desk.visitor().identify(externalId="u_ada", name="Ada").write()

    drawer = desk.drawer(desk.visitor().verify(email="ada@example.com").write())

    assert fields_of(drawer)["name"] == ("Ada", "claimed")
    assert fields_of(drawer)["external_id"] == ("u_ada", "proven")


def test_a_claim_that_differs_stands_beside_the_proven_value(desk: Desk) -> None:
    desk.visitor().verify(email="ada@example.com", name="Ada Lovelace").write()
    drawer = desk.drawer(desk.visitor().identify(userJwt=forged("Bob")).write())

    assert fields_of(drawer)["name"] == ("Ada Lovelace", "proven")
    assert drawer.one(data_claimed_field="name").text == "Bob"
    assert "claimed here" in drawer.text
    assert drawer.all(data_claimed_field="email") == []  # the same value is not said twice


def test_a_visitor_without_proof_on_a_proven_record_is_named_as_such(desk: Desk) -> None:
    desk.visitor().verify(email="ada@example.com").write()
    amber = desk.drawer(desk.visitor().identify(email="ADA@example.com").write())
    stranger = desk.drawer(desk.visitor().identify(email="new@example.com").write())

    assert "has not proven that they are this customer" in amber.text
    assert " proven " not in amber.one("dl", class_="fields").text  # nothing green stands under the amber shield
    assert amber.one("dl", class_="fields").text.count("on record") == 2
    assert amber.all(data_claimed_field="email") == []  # case is no difference
    assert "has not proven that they are this customer" not in stranger.text


def test_a_proven_conversation_has_no_warning(desk: Desk) -> None:
    drawer = desk.drawer(desk.visitor().verify().write())

    assert drawer.all("p", class_="warning") == []


def test_values_proven_with_a_revoked_secret_count_as_claimed(desk: Desk) -> None:
    conversation_id = desk.visitor().verify(email="ada@example.com", name="Ada").write()
    desk.replace_secrets()

    drawer = desk.drawer(conversation_id)
    assert {provenance for _value, provenance in fields_of(drawer).values()} == {"claimed"}
    assert "was revoked: they count as claimed" in drawer.text


def test_the_record_says_when_it_was_verified_and_what_took_that_away(desk: Desk) -> None:
    desk.visitor().verify().write()
    desk.clock.now += 300
    conversation_id = desk.visitor().identify(userJwt=forged("Ada")).write()

    facts = desk.drawer(conversation_id).one("ul", class_="facts")
    assert "Last verified 01 Jan 2026, 12:00 UTC" in facts.text
    assert "Verified mark lost 01 Jan 2026, 12:05 UTC : bad signature" in facts.text
    assert facts.one("code").text == "bad_signature"


def test_the_customers_other_conversations_stand_below_with_their_shields(desk: Desk) -> None:
    green = desk.visitor().verify(email="ada@example.com").write()
    amber = desk.visitor().identify(email="ada@example.com").write()
    elsewhere = desk.visitor().identify(email="bob@example.com").write()

    others = desk.open(green).one("ul", class_="rows others")
    assert others.one(data_conversation=amber).one(data_shield=None)["data-shield"] == "unverified"
    assert others.all(data_conversation=elsewhere) == []
    assert others.all(data_conversation=green) == []


def test_of_many_other_conversations_ten_are_shown_and_all_can_be_looked_for(desk: Desk) -> None:
    for _ in range(OTHERS_LENGTH + 1):
        desk.visitor().identify(externalId="u_ada").write()
    page = desk.open(desk.visitor().identify(externalId="u_ada").write())

    assert len(page.one("ul", class_="rows others").all(data_conversation=None)) == OTHERS_LENGTH
    found = desk.page(page.one("p", class_="more").one("a")["href"])
    assert len(found.all("li", data_conversation=None)) == OTHERS_LENGTH + 2


def test_a_bare_name_stays_with_the_conversation(desk: Desk) -> None:
    page = desk.open(desk.visitor().identify(name="Somebody").write())

    drawer = page.one(id="customer-drawer")
    assert page.one("h1").text == "Somebody"
    assert fields_of(drawer) == {"name": ("Somebody", "claimed")}
    assert "Not given" in drawer.text


def test_with_verification_off_the_drawer_still_says_what_was_proven(desk: Desk) -> None:
    conversation_id = desk.visitor().verify(name="Ada").write()
    set_organization(desk.app, "org_shop", mode="off")

    drawer = desk.drawer(conversation_id)
    assert fields_of(drawer)["name"] == ("Ada", "proven")
    assert "has not proven that they are this customer" in drawer.text


def test_the_drawer_tells_how_the_identity_changed_in_this_conversation(desk: Desk) -> None:
    ada = desk.visitor().verify()
    ada.write("proven")
    desk.clock.now += 3660
    conversation_id = ada.write("proof has run out")

    drawer = desk.drawer(conversation_id)
    lines = [line.text for line in drawer.one("ol", class_="facts history").all("li")]
    assert lines == [
        "01 Jan 2026, 12:00 UTC Began with a verified identity",
        "01 Jan 2026, 13:01 UTC Identity lost here: token expired",
    ]
    # When the proof ended is not when somebody noticed.
    assert drawer.one("p", class_="when").text == "Token expired at 01 Jan 2026, 13:00 UTC expired"


def test_a_revoked_secret_is_part_of_that_history_with_its_time(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write("proven")
    desk.clock.now += 600
    desk.replace_secrets()
    desk.clock.now += 600

    drawer = desk.drawer(conversation_id)
    lines = [line.text for line in drawer.one("ol", class_="facts history").all("li")]
    assert lines == [
        "01 Jan 2026, 12:00 UTC Began with a verified identity secret revoked since",
        "01 Jan 2026, 12:10 UTC Identity lost: secret revoked",
    ]
    assert drawer.one("p", class_="when").text == "Secret revoked at 01 Jan 2026, 12:10 UTC secret_revoked"


def test_a_conversation_whose_identity_never_changed_has_no_such_history(desk: Desk) -> None:
    visitor = desk.visitor().verify()
    visitor.write("one")

    assert desk.drawer(visitor.write("two")).all("ol") == []


def test_the_history_keeps_its_beginning_and_its_latest_changes(desk: Desk) -> None:
    ada = desk.visitor().verify()
    for _ in range(CHANGES_LENGTH):
        ada.write("proven")
        desk.clock.now += 3601
        conversation_id = ada.write("not proven")
        ada.verify()

    lines = desk.drawer(conversation_id).one("ol", class_="facts history").all("li")
    assert len(lines) == CHANGES_LENGTH + 1
    assert "Began with a verified identity" in lines[0].text
    assert "Identity lost here" in lines[-1].text


def test_a_bad_signature_is_said_with_its_time(desk: Desk) -> None:
    drawer = desk.drawer(desk.visitor().identify(userJwt=forged("Ada")).write())

    assert drawer.one("p", class_="when").text == "Bad signature at 01 Jan 2026, 12:00 UTC bad_signature"


def test_an_id_with_characters_that_draw_nothing_does_not_look_like_another(desk: Desk) -> None:
    page = desk.open(desk.visitor().identify(externalId="u_1\u200b\u202e").write())

    assert page.one(data_field="external_id").text == "u_1⟨U+200B⟩⟨U+202E⟩"
    assert page.one("h1").text == "u_1⟨U+200B⟩⟨U+202E⟩"
    assert page.one(data_copy=None)["data-copy"] == "u_1\u200b\u202e"  # copied as it is, to be looked up


def test_letters_of_another_alphabet_in_a_word_are_pointed_out(desk: Desk) -> None:
    desk.visitor().verify(email="paul@example.com", name="Paul").write()
    mixed = desk.drawer(desk.visitor().identify(externalId="u_ada", name="P\u0430ul").write())
    honest = desk.drawer(desk.visitor().identify(email="anna@example.com", name="Анна").write())

    assert mixed.one("dd", class_="mixture").text == "Mixes Latin and Cyrillic letters in one word."
    assert honest.all("dd", class_="mixture") == []


HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "<bdi data-shield=verified>",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_inert_text_everywhere(desk: Desk, name: str) -> None:
    visitor = desk.visitor().identify(email="eve@example.com", name=name)
    conversation_id = visitor.write(name)

    page = desk.open(conversation_id)
    assert page.one(data_field="name").text == name
    assert page.one("p", class_="text").text == name
    assert page.one("h1").text == name
    for element in (page, desk.inbox()):
        assert element.all("img") == []
        assert len(element.all("script")) == 1
        assert {shield["data-shield"] for shield in element.all(data_shield=None)} == {"unverified"}
