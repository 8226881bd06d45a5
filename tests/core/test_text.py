"""Messages: lines stay, what no screen shows goes, and what is kept can be stored."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaltalk_iv.core.errors import Unreadable
from kaltalk_iv.core.text import MAX_MESSAGE, parse_client_message_id, parse_message


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Hello", "Hello"),
        ("k", "k"),
        ("  Hello \n", "Hello"),
        ("one\r\ntwo\rthree\u2028four\u2029five", "one\ntwo\nthree\nfour\nfive"),
        ("a\tb", "a\tb"),
        ("a\0b\x1b[31m\x7f\x85", "ab[31m"),
        ("\0a\x08\x0b\x1f\x7f\x9fb", "ab"),
        ("half \ud83d", "half \ufffd"),
        ("</script><script>{{7*7}}", "</script><script>{{7*7}}"),
        ("👩‍💻", "👩‍💻"),
        ("x" * MAX_MESSAGE, "x" * MAX_MESSAGE),
    ],
)
def test_a_message_is_kept_as_it_was_typed(typed: str, kept: str) -> None:
    assert parse_message(typed) == kept


@pytest.mark.parametrize(
    "typed", ["", "   ", "\n\n", "\0\x01", "x" * (MAX_MESSAGE + 1), None, 1, True, ["x"], {"a": 1}]
)
def test_what_is_no_message_is_refused(typed: object) -> None:
    with pytest.raises(Unreadable):
        parse_message(typed)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec=None), max_size=100))
def test_any_message_that_is_kept_can_be_stored_and_read_again(typed: str) -> None:
    try:
        message = parse_message(typed)
    except Unreadable:
        return
    message.encode()
    assert "\0" not in message
    assert parse_message(message) == message


@pytest.mark.parametrize("value", ["a", "A-b_9", "x" * 64, "9f0c2f0e-6d0b-4b7e-9c1a-0d9b2f6a7c11"])
def test_a_message_id_is_kept_as_given(value: str) -> None:
    assert parse_client_message_id(value) == value


@pytest.mark.parametrize("value", ["", "x" * 65, "a b", "a\n", "é", "a.b", "\0", "\ud800", None, 1, True, ["a"], {}])
def test_what_is_no_message_id_is_refused(value: object) -> None:
    with pytest.raises(Unreadable):
        parse_client_message_id(value)


def test_the_longest_message_has_4000_characters() -> None:
    assert MAX_MESSAGE == 4000
