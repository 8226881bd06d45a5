"""What was pasted: a token, a token with something around it, or something else altogether."""

import base64
import binascii
import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from ..errors import Unreadable
from ..strict_json import parse_object
from ..user_token import MAX_TOKEN_LENGTH
from .advice import Advice, advise
from .codes import Code
from .keys import Known

_MAX_PASTED = 4 * MAX_TOKEN_LENGTH  # with everything around it; what is longer is not looked into
_MAX_PEELS = 8

_INVISIBLE = " \t\r\n\f\v\0\u00a0\u200b\u200c\u200d\u2060\u2028\u2029\ufeff"
_QUOTE = "\"'`“”‘’«»"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")
# The look-behind keeps the search linear: it starts once for each run of letters.
_TOKEN_INSIDE: Final = re.compile(
    r"(?<![A-Za-z0-9_.-])ey[A-Za-z0-9_-]++\.ey[A-Za-z0-9_-]++\.[A-Za-z0-9_-]{43}(?![\w-]|\.[\w-])"
)
_BEARER: Final = re.compile(r"(?:authorization:\s*)?bearer(?:[\s:]+|(?=ey))", re.IGNORECASE)
_BYTES: Final = re.compile(r"b(['\"])(.*)\1", re.DOTALL)
_TEMPLATES: Final = (("{{", "}}"), ("<%", "%>"), ("${", "}"), ("{%", "%}"))
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_STANDARD: Final = re.compile(r"[A-Za-z0-9+/_=-]+(?:\.[A-Za-z0-9+/_=-]*){1,2}")
_FIVE_PARTS: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){4}")
_MISSING: Final = frozenset(
    ("undefined", "null", "none", "nil", "nan", "true", "false", "{}", "[object object]", "[object promise]")
)


@dataclass(frozen=True, slots=True)
class Pasted:
    """The token that was found, or None, and what is wrong with the text around it."""

    token: str | None = field(repr=False)
    advice: tuple[Advice, ...]


def read_pasted(text: str, known: Known) -> Pasted:
    """Return the token inside ``text`` and the advice on everything else. Raises nothing, and repeats nothing."""
    if len(text) > _MAX_PASTED:
        return Pasted(None, (advise(Code.TOO_LONG),))
    if _holds_a_secret(text, known):
        return Pasted(None, (advise(Code.SECRET_PASTED),))
    advice: list[Advice] = []
    for _ in range(_MAX_PEELS):
        if _TOKEN.fullmatch(text):
            break
        peeled = _peel(text)
        if peeled is None:
            break
        code, text = peeled
        if all(said.code is not code for said in advice):
            advice.append(advise(code))
    if _TOKEN.fullmatch(text) and not text.startswith("kts1."):
        return Pasted(text, tuple(advice))
    other = _something_else(text)
    return Pasted(None, () if other is None else (advise(other),))


def _holds_a_secret(text: str, known: Known) -> bool:
    if known.is_given_away_by(text):
        return True
    decoded = _base64_decoded(text.strip(_INVISIBLE))
    return decoded is not None and known.is_given_away_by(decoded.decode(errors="replace"))


def _peel(text: str) -> tuple[Code, str] | None:
    """Return ``text`` without the outermost thing that is too much, and its name; None when nothing is."""
    for code, peel in _PEELS:
        inside = peel(text)
        if inside is not None and inside != text:
            return code, inside
    return None


def _unquote_url(text: str) -> str | None:
    return unquote(text) if re.search("%[0-9A-Fa-f]{2}", text) else None


def _unescape_html(text: str) -> str | None:
    return html.unescape(text) if "&" in text else None


def _without_bytes_mark(text: str) -> str | None:
    found = _BYTES.fullmatch(text)
    return None if found is None else found[2]


def _without_bearer(text: str) -> str | None:
    found = _BEARER.match(text)
    return None if found is None else text[found.end() :]


def _from_within(text: str) -> str | None:
    found = _TOKEN_INSIDE.search(text)
    return None if found is None else found[0]


def _in_one_piece(text: str) -> str | None:
    joined = re.sub(r"[\s\u200b\ufeff]+|\\n", "", text)
    return joined if joined.startswith("ey") and _TOKEN.fullmatch(joined) else None


def _without_quotes(text: str) -> str | None:
    # A JSON object or a line of code is no quoted token, even if it ends with a quote.
    inside = text.strip(_QUOTE)
    return inside if _TOKEN.fullmatch(inside.strip(_INVISIBLE)) or _BEARER.match(inside) else None


_PEELS: Final[tuple[tuple[Code, Callable[[str], str | None]], ...]] = (
    (Code.BLANKS_AROUND, lambda text: text.strip(_INVISIBLE)),
    (Code.URL_ENCODED, _unquote_url),
    (Code.HTML_ESCAPED, _unescape_html),
    (Code.PYTHON_BYTES, _without_bytes_mark),
    (Code.QUOTES_AROUND, _without_quotes),
    (Code.BEARER, _without_bearer),
    (Code.TEXT_AROUND, _from_within),
    (Code.BLANKS_INSIDE, _in_one_piece),
)


def _something_else(text: str) -> Code | None:
    """Return what ``text``, which is no token, is; None when it is nothing that we know."""
    if not text:
        return Code.NOTHING_PASTED
    if text.strip(_QUOTE).lower() in _MISSING:
        return Code.MISSING_VALUE
    if text.startswith("kts1."):
        return Code.WIDGET_SESSION
    if _is_json_object(text.encode(errors="replace")):
        return Code.JSON_NOT_SIGNED
    if any(opening in text and closing in text for opening, closing in _TEMPLATES):
        return Code.TEMPLATE_NOT_RENDERED
    decoded = _base64_decoded(text)
    if decoded is not None and _is_json_object(decoded):
        return Code.PAYLOAD_ONLY_BASE64
    if _FIVE_PARTS.fullmatch(text):
        return Code.ENCRYPTED_TOKEN
    return Code.STANDARD_BASE64 if text.startswith("ey") and _STANDARD.fullmatch(text) else None


def _base64_decoded(text: str) -> bytes | None:
    """Return what ``text`` is the base64 of, in either alphabet, with or without padding; None when of nothing."""
    if _BASE64.fullmatch(text) is None:
        return None
    try:
        return base64.urlsafe_b64decode(text.rstrip("=").replace("+", "-").replace("/", "_") + "==")
    except binascii.Error:
        return None


def _is_json_object(raw: bytes) -> bool:
    try:
        parse_object(raw)
    except Unreadable:
        return False
    return True
