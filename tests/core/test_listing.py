"""What a URL asks of the inbox: bad filters are none, bad places are none, and a search holds nothing that hurts."""

import base64
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaltalk_iv.core.claims import name_key, parse_name
from kaltalk_iv.core.errors import InvalidClaim
from kaltalk_iv.core.listing import MAX_SEARCH, Filters, Place, Search, Status, read_filters, read_place, write_place
from kaltalk_iv.core.policy import State


def search(text: str) -> Search:
    """Return what ``text`` looks for."""
    found = read_filters("", "", text).search
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("identity", "status", "filters"),
    [
        ("", "", Filters(None, Status.OPEN)),
        ("verified", "closed", Filters(State.VERIFIED, Status.CLOSED)),
        ("unverified", "all", Filters(State.UNVERIFIED, None)),
        ("anonymous", "open", Filters(State.ANONYMOUS, Status.OPEN)),
        ("VERIFIED", "Open ", Filters(None, Status.OPEN)),
        ("verified\x00", "closed'--", Filters(None, Status.OPEN)),
    ],
)
def test_a_filter_that_is_none_of_ours_is_the_default(identity: str, status: str, filters: Filters) -> None:
    assert read_filters(identity, status, "") == filters


@pytest.mark.parametrize("text", ["", " ", "\x00", "\x00 \x1f", "\ud800", "\n\t"])
def test_a_search_for_nothing_is_no_search(text: str) -> None:
    assert read_filters("", "", text).search is None


def test_a_search_meets_names_as_they_are_stored_whatever_their_case_width_or_composition() -> None:
    assert search("ZOE\u0308 St").name_key == name_key("Zo\u00eb Stra\u00dfe")[: len("zo\u00eb st")]
    assert search("\uff21da").name_key == "ada"
    assert search("\u202eAda").name_key == "ada"
    assert search("ADA@Example.com").email_key == "ada@example.com"
    assert search("U_Ada").external_id == "U_Ada"


def test_a_search_by_characters_that_no_name_holds_looks_for_no_name() -> None:
    assert search("\u202e").name_key == ""
    assert search("\u3164").name_key == ""


def test_a_search_holds_no_more_than_the_longest_value() -> None:
    assert search("a" * 10_000).text == "a" * MAX_SEARCH
    assert len(search("\ufdfa" * 10_000).name_key) == 64


@given(st.text(max_size=300))
def test_no_text_makes_a_search_that_a_database_cannot_take(text: str) -> None:
    asked = read_filters(text, text, text).search
    if asked is not None:
        for key in (asked.text, asked.name_key, asked.email_key, asked.external_id):
            assert "\x00" not in key
            key.encode()


@given(st.text(min_size=1, max_size=200), st.integers(1, 200))
def test_the_beginning_of_a_stored_name_finds_it_or_is_no_name(name: str, length: int) -> None:
    try:
        stored = name_key(parse_name(name))
    except InvalidClaim:
        return
    beginning = stored[:length]
    assert len(stored) <= 64
    assert stored.startswith(name_key(beginning)) or beginning != name_key(beginning)


@given(st.floats(allow_nan=False, allow_infinity=False), st.from_regex(r"con_[0-9a-f]{24}", fullmatch=True))
def test_a_place_comes_back_from_a_url_to_the_last_bit(at: float, conversation_id: str) -> None:
    place = Place(at, conversation_id)
    assert read_place(write_place(place)) == place


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_a_forged_place_is_a_place_or_none(text: str) -> None:
    place = read_place(text)
    assert place is None or (math.isfinite(place.at) and place.id.isascii())


@pytest.mark.parametrize("at", [math.nan, math.inf, -math.inf])
def test_a_place_at_no_moment_is_none(at: float) -> None:
    assert read_place(base64.urlsafe_b64encode(struct.pack(">d", at) + b"con_1").decode()) is None


@pytest.mark.parametrize("conversation_id", [b"", b"\x00", b"con 1", b"con_\xff", b"x" * 65])
def test_a_place_at_no_conversation_is_none(conversation_id: bytes) -> None:
    assert read_place(base64.urlsafe_b64encode(struct.pack(">d", 1.0) + conversation_id).decode()) is None
