"""Exactly at the edge: where one character more or less changes what is asked about, searched or shown."""

import pytest

from kaltalk_iv.core.errors import RateLimited
from kaltalk_iv.core.listing import MAX_SEARCH, Place, read_place, read_search, write_place
from kaltalk_iv.core.lookalikes import with_invisible_named
from kaltalk_iv.core.sensitive import Kind, find_sensitive

RANDOM = "k7Qp2Zx9Lm4Tn8Rv3Wb6Yc1Hd5Jf0Gs2Ka9Eu7Io4Ap8Xq"


@pytest.mark.parametrize(
    ("link", "opens"),
    [
        (f"https://shop.example/f/{RANDOM[:44]}", True),
        (f"https://shop.example/f/{RANDOM[:43]}", False),
        (f"https://shop.example/reset/{RANDOM[:20]}", True),
        (f"https://shop.example/reset/{RANDOM[:19]}", False),
        (f"https://shop.example/account/reset/{RANDOM[:20]}", True),
        (f"https://shop.example/?x={RANDOM[:24]}", True),
        (f"https://shop.example/?x={RANDOM[:23]}", False),
        ("https://shop.example/?token=abcdef", True),
        ("https://shop.example/?token=abcde", False),
        ("https://shop.example/?token=abcdef=", True),
        (f"https://shop.example/reset/{RANDOM[:13]}-letter", True),
        (f"https://shop.example/reset/{RANDOM[:12]}-letters", False),
        (f"https://shop.example/reset/zz-{RANDOM[:20]}", True),
        ("https://shop.example/reset/a1-b2-c3-d4-e5-f6-g7-h8", False),
        (f"https://shop.example/reset/{'-' * 30}", False),
    ],
)
def test_a_link_opens_something_from_a_length_on(link: str, opens: bool) -> None:
    assert (Kind.LINK in {finding.kind for finding in find_sensitive(link)}) is opens


@pytest.mark.parametrize("identifier", ["a", "ab", "abc", "abcd", "con_" + "0a" * 12])
def test_a_place_of_any_length_goes_through_a_url_without_padding(identifier: str) -> None:
    text = write_place(Place(1767268800.25, identifier))
    assert "=" not in text
    assert read_place(text) == Place(1767268800.25, identifier)


def test_a_search_is_cut_before_it_is_cleaned() -> None:
    assert read_search("\0" * (4 * MAX_SEARCH - 1) + "ada") is not None
    assert read_search("\0" * 4 * MAX_SEARCH + "ada") is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\u2029b", "a⟨U+2029⟩b"),
        ("a\x07b", "a⟨U+0007⟩b"),
        ("a\x80b", "a⟨U+0080⟩b"),
        ("\x80\u200d", "⟨U+0080⟩\u200d"),
    ],
)
def test_a_character_of_each_kind_that_draws_nothing_is_written_out(value: str, shown: str) -> None:
    assert with_invisible_named(value) == shown


def test_a_limit_says_when_to_come_back() -> None:
    limited = RateLimited(retry_after=12)
    assert limited.retry_after == 12
    assert limited.detail == "Too many requests. Try again in 12 s."
