"""JSON objects, read strictly: the one parser for token headers, token payloads and request bodies.

``json.loads`` takes NaN, duplicate members, UTF-16, a byte order mark, and answers deep nesting with ``RecursionError``
at a depth that differs by Python version and by caller. Each of these makes two readers of one text see two things.
"""

import json
import re
from typing import Any, NoReturn

from .errors import Unreadable

MAX_DEPTH = 32

# A text or a bracket. The closing quote is optional and nothing is given back, so that every input is read once.
_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def _refuse_constant(name: str) -> NoReturn:
    raise Unreadable(f"{name} is not JSON (RFC 8259, section 6).")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unreadable("A member stands twice in one JSON object.")
    return members


def _refuse_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for found in _TEXT_OR_BRACKET.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > MAX_DEPTH:
            raise Unreadable(f"The JSON is nested too deeply: at most {MAX_DEPTH} levels are read.")


_DECODER = json.JSONDecoder(object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant)


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that ``raw`` is, as strict UTF-8 without a byte order mark.

    Text may still hold lone surrogates (JSON can escape them): whoever uses a value checks it.
    Raises Unreadable for anything else, however large, deep or strange.
    """
    try:
        text = raw.decode("utf-8")
        _refuse_depth(text)
        value = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise Unreadable("The text is not UTF-8.") from None
    except ValueError:  # JSONDecodeError, and integers of more digits than the interpreter converts
        raise Unreadable("The text is not valid JSON.") from None
    if not isinstance(value, dict):
        raise Unreadable("The JSON text is not an object.")
    return value
