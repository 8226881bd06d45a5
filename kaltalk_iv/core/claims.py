"""Who somebody says they are: the three values that a token or a page can claim, and what each may look like."""

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import InvalidClaim, MissingClaim

MAX_SUB = 255
MAX_EMAIL = 254  # RFC 5321, section 4.5.3.1.3, less the brackets
MAX_NAME = 255
_NAME_KEY_LENGTH = 64
MAX_INTEGER_SUB = 2**53 - 1  # beyond this JavaScript hosts round ids, and two users would meet in one

# U+0130 and U+212A (the Kelvin sign) are refused because of what they become in lower case: the first grows by a
# character, the second is then an ASCII k, so that a look-alike would meet somebody else's address.
_IN_EMAIL = r"[^\s@<>()\[\]\\,;:\"\u0130\u212a]"
_EMAIL = re.compile(rf"{_IN_EMAIL}{{1,64}}@(?![._-]){_IN_EMAIL}{{1,253}}")
# U+200C and U+200D stay: Persian, Indic scripts and emoji need them.
_KEPT_FORMAT_CHARACTERS = "\u200c\u200d"
_DRAWN_AS_NOTHING = "\u115f\u1160\u2800\u3164\uffa0"  # fillers that Unicode counts as letters or symbols
_CONTROL_OR_SURROGATE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Notice:
    """A note for the developer: something was dropped or ignored, and the request went on."""

    code: str
    field: str
    detail: str


class Claims(NamedTuple):
    """The values claimed. Whether they are proven is said beside them, never in them."""

    external_id: str | None = None
    email: str | None = None
    name: str | None = None

    @property
    def is_empty(self) -> bool:
        """True when nothing is claimed."""
        return self.external_id is None and self.email is None and self.name is None

    def filled_up_from(self, other: "Claims") -> "Claims":
        """Return these claims with their blanks taken from ``other``."""
        return Claims(
            self.external_id if self.external_id is not None else other.external_id,
            self.email if self.email is not None else other.email,
            self.name if self.name is not None else other.name,
        )

    def names_the_same_person_as(self, other: "Claims") -> bool:
        """True when both claim one id or, where one of them claims none, one e-mail."""
        if self.external_id is not None and other.external_id is not None:
            return self.external_id == other.external_id
        return self.email is not None and other.email is not None and email_key(self.email) == email_key(other.email)


def email_key(email: str) -> str:
    """Return what e-mails are compared by: case does not count (in Python, so that every database agrees)."""
    return email.lower()


def name_key(name: str) -> str:
    """Return what names are searched by: neither case, width nor composition counts, and 64 characters are enough.

    The cut keeps a key below what an index holds: of some characters NFKC makes eighteen.
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())[:_NAME_KEY_LENGTH]


def read_sub(payload: Mapping[str, Any]) -> str:
    """Return ``sub`` as text: 1 to 255 characters, or an integer of at most 2**53 - 1 as its decimal text.

    Raises MissingClaim or InvalidClaim. It is compared exactly, so nothing is cleaned here.
    """
    if "sub" not in payload:
        raise MissingClaim("sub")
    return parse_external_id(payload["sub"], "sub")


def parse_external_id(value: object, field: str) -> str:
    """Return the id that ``value`` is; ``field`` names it in the error. Raises InvalidClaim."""
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > MAX_INTEGER_SUB:
            raise InvalidClaim(
                field, f"{field} is an integer beyond 2**53 - 1, which JavaScript rounds. Sign it as text."
            )
        return str(value)
    if not isinstance(value, str):
        raise InvalidClaim(field, f"{field} must be text (or an integer), not {_json_type(value)}.")
    if not 1 <= len(value) <= MAX_SUB:
        raise InvalidClaim(field, f"{field} must have 1 to {MAX_SUB} characters; this one has {len(value)}.")
    if value != value.strip():
        raise InvalidClaim(field, f"{field} begins or ends with a blank.")
    if _CONTROL_OR_SURROGATE.search(value):
        raise InvalidClaim(field, f"{field} holds a control character or half a character (a lone surrogate).")
    return value


def parse_email(value: object) -> str:
    """Return the address that ``value`` is, as given. Raises InvalidClaim."""
    if not isinstance(value, str):
        raise InvalidClaim("email", f"email must be text, not {_json_type(value)}.")
    if len(value) > MAX_EMAIL:
        raise InvalidClaim("email", f"email has {len(value)} characters; an address has at most {MAX_EMAIL}.")
    if _EMAIL.fullmatch(value) is None or not value.isprintable():  # NUL, controls, surrogates, direction overrides
        raise InvalidClaim("email", "email is not an e-mail address.")
    return value


def parse_name(value: object) -> str:
    """Return the name that ``value`` is, with line breaks made blanks and invisible characters taken out.

    Direction overrides and zero-width characters let a name pretend to be something else on an agent's screen.
    Raises InvalidClaim when nothing readable is left or it is too long.
    """
    if not isinstance(value, str):
        raise InvalidClaim("name", f"name must be text, not {_json_type(value)}.")
    if len(value) > 4 * MAX_NAME:
        raise InvalidClaim("name", f"name has {len(value)} characters; at most {MAX_NAME} are kept.")
    if value.isascii() and value.isprintable():  # most names: only blanks are to be seen to
        cleaned = " ".join(value.split())
    elif _SURROGATE.search(value):
        raise InvalidClaim("name", "name holds half a character (a lone surrogate).")
    else:
        cleaned = " ".join("".join(_printable(character) for character in value).split())
    if len(cleaned) > MAX_NAME or not any(map(_is_readable, cleaned)):
        raise InvalidClaim("name", f"name must have 1 to {MAX_NAME} readable characters.")
    return cleaned


def _printable(character: str) -> str:
    if character.isspace():
        return " "
    is_invisible = unicodedata.category(character) in {"Cc", "Cf"} and character not in _KEPT_FORMAT_CHARACTERS
    return "" if is_invisible else character


def _is_readable(character: str) -> bool:
    """True for letters, digits, punctuation and symbols; a blank or a bare accent is no name."""
    return unicodedata.category(character)[0] in "LNPS" and character not in _DRAWN_AS_NOTHING


def read_profile(values: Mapping[str, Any]) -> tuple[str | None, str | None, tuple[Notice, ...]]:
    """Return (email, name, warnings) from ``values``. A bad value is dropped with a warning; null counts as absent."""
    warnings: list[Notice] = []
    email = name = None
    if values.get("email") is not None:
        try:
            email = parse_email(values["email"])
        except InvalidClaim as error:
            warnings.append(Notice("email_dropped", "email", error.detail))
    if values.get("name") is not None:
        try:
            name = parse_name(values["name"])
        except InvalidClaim as error:
            warnings.append(Notice("name_dropped", "name", error.detail))
    return email, name, tuple(warnings)


def read_self_claimed(
    values: Mapping[str, Any],
    id_field: str,
    profile: tuple[str | None, str | None, tuple[Notice, ...]] | None = None,
) -> tuple[Claims, tuple[Notice, ...]]:
    """Return what ``values`` claim without proof, each value on its own; bad ones are dropped with a warning.

    ``id_field`` is ``sub`` in a payload and ``externalId`` in a page's plain fields; ``profile`` is what
    ``read_profile`` returned for ``values``, where that is known.
    """
    external_id = None
    warnings: tuple[Notice, ...] = ()
    if values.get(id_field) is not None:
        try:
            external_id = parse_external_id(values[id_field], id_field)
        except InvalidClaim as error:
            warnings = (Notice("id_dropped", id_field, error.detail),)
    email, name, more = read_profile(values) if profile is None else profile
    return Claims(external_id, email, name), warnings + more


def read_numeric_date(payload: Mapping[str, Any], claim: str) -> int | float | None:
    """Return the NumericDate ``claim``, or None when absent. Raises InvalidClaim for anything but a finite number."""
    if claim not in payload:
        return None
    value = payload[claim]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidClaim(claim, f"{claim} must be a number of seconds since 1970, not {_json_type(value)}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidClaim(claim, f"{claim} is not a finite number.")
    return value


def _json_type(value: object) -> str:
    names = {
        type(None): "null",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
    }
    return names.get(type(value), "an object")
