"""Claims beside the vectors: what fills blanks, what counts as one person, which e-mails meet."""

import sys

import pytest

from kaltalk_iv.core.claims import (
    Claims,
    Notice,
    email_key,
    parse_email,
    parse_external_id,
    parse_name,
    read_profile,
    read_self_claimed,
)
from kaltalk_iv.core.errors import InvalidClaim

ADA = Claims("u_1", "ada@example.com", "Ada")


def test_blanks_are_filled_and_nothing_else() -> None:
    bob = Claims("u_2", "bob@example.com", "Bob")
    assert Claims().filled_up_from(bob) == bob
    assert ADA.filled_up_from(bob) == ADA
    assert Claims(email="ada@example.com").filled_up_from(bob) == Claims("u_2", "ada@example.com", "Bob")
    assert Claims("u_1").filled_up_from(Claims(name="Bob")) == Claims("u_1", None, "Bob")


def test_claims_are_empty_only_when_nothing_is_claimed() -> None:
    assert Claims().is_empty
    assert not any(claims.is_empty for claims in (Claims("u_1"), Claims(email="a@b"), Claims(name="A")))


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (Claims("u_1"), True),
        (Claims("u_1", "bob@example.com", "Bob"), True),
        (Claims("u_2", "ada@example.com", "Ada"), False),
        (Claims("U_1", "ada@example.com", "Ada"), False),
        (Claims(email="ada@example.com"), True),
        (Claims(email="ADA@Example.COM"), True),
        (Claims(email="bob@example.com"), False),
        (Claims(name="Ada"), False),
        (Claims(), False),
    ],
)
def test_one_person_is_one_id_or_else_one_email(other: Claims, *, is_same: bool) -> None:
    assert ADA.names_the_same_person_as(other) is is_same
    assert other.names_the_same_person_as(ADA) is is_same


def test_a_name_alone_names_nobody() -> None:
    assert not Claims(name="Ada").names_the_same_person_as(Claims(name="Ada"))
    assert not Claims().names_the_same_person_as(Claims())


def test_no_look_alike_address_shares_the_key_of_an_ascii_address() -> None:
    changed_by_case = [one for one in map(chr, range(128, sys.maxunicode + 1)) if one.lower() != one]
    assert {"\u0130", "\u212a", "É"} <= set(changed_by_case)
    for character in changed_by_case:
        try:
            key = email_key(parse_email(f"a{character}@example.com"))
        except InvalidClaim:
            continue
        assert len(key) == len("ax@example.com"), character
        assert not key.isascii(), character


def test_the_key_of_an_email_counts_no_case() -> None:
    assert email_key("Ada@Example.COM") == email_key("aDA@eXAMPLE.com") == "ada@example.com"


@pytest.mark.parametrize("pair", [("é", "e\u0301"), ("U_1", "u_1"), ("ß", "SS"), ("Å", "\u212b")])
def test_ids_that_look_alike_stay_apart(pair: tuple[str, str]) -> None:
    one, other = (parse_external_id(value, "sub") for value in pair)
    assert one != other


def test_the_number_1_is_the_text_1_and_true_is_neither() -> None:
    assert parse_external_id(1, "sub") == parse_external_id("1", "sub") == "1"
    with pytest.raises(InvalidClaim, match="not a boolean"):
        parse_external_id(True, "sub")


@pytest.mark.parametrize(
    ("value", "called"),
    [(None, "null"), (False, "a boolean"), (1.5, "a number"), ([], "a list"), ({}, "an object")],
)
def test_a_wrong_type_is_called_by_its_json_name(value: object, called: str) -> None:
    with pytest.raises(InvalidClaim, match=rf"^externalId must be text \(or an integer\), not {called}\.$"):
        parse_external_id(value, "externalId")


@pytest.mark.parametrize(("value", "called"), [(7, "a number"), (True, "a boolean"), ([], "a list")])
def test_a_name_and_an_email_must_be_text(value: object, called: str) -> None:
    with pytest.raises(InvalidClaim, match=f"email must be text, not {called}"):
        parse_email(value)
    with pytest.raises(InvalidClaim, match=f"name must be text, not {called}"):
        parse_name(value)


def test_a_bad_value_is_dropped_alone_and_said() -> None:
    claims, notices = read_self_claimed({"externalId": True, "email": "nobody", "name": "Ada"}, "externalId")
    assert claims == Claims(name="Ada")
    assert [(notice.code, notice.field) for notice in notices] == [
        ("id_dropped", "externalId"),
        ("email_dropped", "email"),
    ]


def test_null_counts_as_absent_among_unproven_values() -> None:
    assert read_self_claimed({"sub": None, "email": None, "name": None}, "sub") == (Claims(), ())


def test_a_dropped_name_is_said() -> None:
    assert read_profile({"name": ""}) == (
        None,
        None,
        (Notice("name_dropped", "name", "name must have 1 to 255 readable characters."),),
    )


def test_members_of_a_payload_that_claim_to_be_verified_are_not_read() -> None:
    values = {"sub": "u_1", "verified": True, "__proto__": {"state": "verified"}, "externalId": "u_2"}
    assert read_self_claimed(values, "sub") == (Claims("u_1"), ())
