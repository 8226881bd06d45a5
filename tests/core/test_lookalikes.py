"""Characters that draw nothing, and letters that look like others."""

import pytest

from kaltalk_iv.core.lookalikes import mixed_alphabets, with_invisible_named


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("u_1\u200b", "u_1⟨U+200B⟩"),
        ("\u202eu_1", "⟨U+202E⟩u_1"),
        ("u\u00ad1", "u⟨U+00AD⟩1"),
        ("u_1\u200d", "u_1⟨U+200D⟩"),
        ("u_1\ufe0f", "u_1⟨U+FE0F⟩"),
        ("\u3164", "⟨U+3164⟩"),
        ("a\u2028b", "a⟨U+2028⟩b"),
        ("\u200du", "⟨U+200D⟩u"),
        ("é\u200d", "é⟨U+200D⟩"),
        ("e\u0301\u200d", "e\u0301⟨U+200D⟩"),
        ("u_1\U000e0100", "u_1⟨U+E0100⟩"),
        ("u_1\u180b", "u_1⟨U+180B⟩"),
        ("u_1\u2065", "u_1⟨U+2065⟩"),
        ("u_1\ufff5", "u_1⟨U+FFF5⟩"),
        ("u\u00a01", "u⟨U+00A0⟩1"),
        ("u\u30001", "u⟨U+3000⟩1"),
        ("u  1", "u ⟨U+0020⟩1"),
    ],
)
def test_what_draws_nothing_is_written_out(value: str, shown: str) -> None:
    assert with_invisible_named(value) == shown


@pytest.mark.parametrize(
    "value",
    [
        "",
        "u_1",
        "Ann ✔ Verified",
        "محمد",
        "می\u200cخواهم",
        "👩\u200d💻",
        "❤\ufe0f",
        "山田 太郎",
        "Zoë",
        "क\u094d\u200dष",
        "葛\U000e0100城",
    ],
)
def test_names_of_the_world_stay_as_they_are(value: str) -> None:
    assert with_invisible_named(value) == value


@pytest.mark.parametrize(
    ("value", "alphabets"),
    [
        ("Аnn", ("Cyrillic", "Latin")),
        ("pаypal", ("Latin", "Cyrillic")),
        ("Αnn Smith", ("Greek", "Latin")),
        ("аda@example.com", ("Cyrillic", "Latin")),
        ("Ann Анна", ()),
        ("Ann", ()),
        ("Анна", ()),
        ("山田Taro", ()),
        ("Ann 1", ()),
    ],
)
def test_two_alphabets_in_one_word_are_named(value: str, alphabets: tuple[str, ...]) -> None:
    assert mixed_alphabets(value) == alphabets
