"""JSON objects, read strictly: the one parser for token headers, token payloads and request bodies.

``json.loads`` takes NaN, duplicate members, UTF-16, a byte order mark, and answers deep nesting with
``RecursionError``. Each of these has been used to make two readers of one text see two different things.
"""

import json
from typing import Any, NoReturn

from .errors import Unreadable


def _refuse_constant(name: str) -> NoReturn:
    raise Unreadable(f"{name} is not JSON (RFC 8259, section 6).")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unreadable("A member stands twice in one JSON object.")
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant)


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that ``raw`` is, as strict UTF-8 without a byte order mark.

    Text may still hold lone surrogates (JSON can escape them): whoever uses a value checks it.
    Raises Unreadable for anything else, however large, deep or strange.
    """
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise Unreadable("The text is not UTF-8.") from None
    except RecursionError:
        raise Unreadable("The JSON is nested too deeply.") from None
    except ValueError:  # JSONDecodeError, and integers of more digits than the interpreter converts
        raise Unreadable("The text is not valid JSON.") from None
    if not isinstance(value, dict):
        raise Unreadable("The JSON text is not an object.")
    return value
