"""The strict JSON reader, which also reads request bodies: one text, one meaning, or none."""

import pytest

from kaltalk_iv.core.errors import Unreadable
from kaltalk_iv.core.strict_json import parse_object


def nested(depth: int) -> list[object]:
    """Return an empty list inside as many lists as make ``depth`` of them."""
    return [] if depth == 1 else [nested(depth - 1)]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "not valid JSON"),
        (b" ", "not valid JSON"),
        (b"[]", "not an object"),
        (b'"{}"', "not an object"),
        (b"null", "not an object"),
        (b'{"a":1', "not valid JSON"),
        (b'{"a":1}{}', "not valid JSON"),
        (b'{"a":1}\0', "not valid JSON"),
        (b"{'a':1}", "not valid JSON"),
        (b'{"a":01}', "not valid JSON"),
        (b'{"a":"\n"}', "not valid JSON"),
        (b'{"a":1' + b"0" * 5000 + b"}", "not valid JSON"),
        (b'\xef\xbb\xbf{"a":1}', "not valid JSON"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        ('{"a":1}'.encode("utf-16-be"), "not valid JSON"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b'{"a":NaN}', "NaN is not JSON"),
        (b'{"a":[Infinity]}', "Infinity is not JSON"),
        (b'{"a":{"b":-Infinity}}', "-Infinity is not JSON"),
        (b'{"a":1,"a":1}', "twice"),
        (b'{"a":1,"\\u0061":2}', "twice"),
        (b'{"x":[{"a":1,"b":2,"a":1}]}', "twice"),
        (b"[" * 10_000, "too deeply"),
        (b'{"a":' * 10_000, "too deeply"),
        (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "too deeply"),
        (b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", "too deeply"),
        (b'{"a":"\\"[[","b":' + b"[" * 32 + b"]" * 32 + b"}", "too deeply"),
        # Neighbours that close buy no depth: the reader of JSON would go as deep as the whole text is long.
        (b'{"a":[' + b"[]," * 40 + b"[" * 31 + b"]" * 31 + b"]}", "too deeply"),
        (b'{"a":[' + b"{}," * 40 + b"[" * 31 + b"]" * 31 + b"]}", "too deeply"),
        (b'"' + b'\\"' * 5000 + b"[" * 40, "not valid JSON"),
        (b"]" * 40 + b"[" * 50, "not valid JSON"),
    ],
)
def test_what_two_readers_could_see_differently_is_unreadable(raw: bytes, sentence: str) -> None:
    with pytest.raises(Unreadable, match=sentence):
        parse_object(raw)


@pytest.mark.parametrize(
    ("raw", "members"),
    [
        (b"{}", {}),
        (b' \r\n\t{"a" : [1, 2.5, true, null, "x"]} ', {"a": [1, 2.5, True, None, "x"]}),
        (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
        (b'{"a":{"a":1}}', {"a": {"a": 1}}),
        (b'{"a":"\\ud800"}', {"a": "\ud800"}),
        (b'{"__proto__":1}', {"__proto__": 1}),
        (b'{"a":' + b"[" * 31 + b"]" * 31 + b"}", {"a": nested(31)}),
        (b'{"b":[],"a":' + b"[" * 31 + b"]" * 31 + b"}", {"b": [], "a": nested(31)}),
        (b'{"a":"' + b"[" * 99 + b'"}', {"a": "[" * 99}),
        (b'{"a":"\\"' + b"{" * 99 + b'\\\\"}', {"a": '"' + "{" * 99 + "\\"}),
        (b'{"a":[' + b"{}," * 99 + b"{}]}", {"a": [{}] * 100}),
        ('{"é":"\u2028"}'.encode(), {"é": "\u2028"}),
    ],
)
def test_an_object_is_read(raw: bytes, members: dict[str, object]) -> None:
    assert parse_object(raw) == members
