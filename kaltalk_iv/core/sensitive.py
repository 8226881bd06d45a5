"""What in a reply should not go to somebody who has not proven who they are.

It helps an agent who forgets, and is no wall: whoever wants to send something can write it in other words. It asks
rather once too often for what opens an account, and not at all for what every support chat is full of: order numbers,
prices, phone numbers, plain links. The work grows with the length of the text alone, whatever the text holds.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from .checksums import iban_at_start, is_card_number

MOST = 10  # findings that are shown; one is reason enough to ask


class Kind(StrEnum):
    """What a finding is. A signing secret is never sent; everything else is asked about."""

    SIGNING_SECRET = "signing_secret"  # noqa: S105 - a kind, not a secret
    KEY = "key"
    TOKEN = "token"  # noqa: S105 - as above
    PASSWORD = "password"  # noqa: S105 - as above
    CARD = "card"
    IBAN = "iban"
    LINK = "link"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Finding:
    """A place in a reply that holds something sensitive: its kind, and the words there."""

    kind: Kind
    words: str = field(repr=False)


_SIMPLE = (
    # A cut-off secret is one that somebody meant to paste: 20 of its 43 characters are enough.
    (Kind.SIGNING_SECRET, re.compile(r"ktiv_[A-Za-z0-9_-]{20,}")),
    (Kind.KEY, re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")),
    (Kind.KEY, re.compile(r"\b(?:[sr]k_(?:live|test)_\w{10,}|AKIA[0-9A-Z]{16}|gh[opsur]_\w{30,}|xox[a-z]-[\w-]{10,})")),
    (Kind.TOKEN, re.compile(r"(?<![\w-])eyJ[\w-]{6,}\.[\w-]{4,}\.[\w-]*")),
    (
        Kind.PASSWORD,
        re.compile(
            r"\b(?:pass(?:word|code|phrase|wort)|pwd|kennwort|mot de passe|contraseña|pin(?: ?code)?|cv[cv]2?"
            r"|(?:security|verification|login|one[- ]time) code|api[ _-]?key|secret(?: key)?)(?: for [^\s:]{1,40})?"
            # After a bare "is" a value has a digit: "your password is wrong" tells none.
            r"(?:(?:\s{1,3}(?:is|ist|est|es))?\s{0,3}[:=]\s{0,3}[^\s:=]\S{2,40}"
            r"|\s{1,3}\d{3,8}\b|\s{1,3}(?:is|ist|est|es)\s{1,3}[^\s\d]{0,40}\d\S{0,40})",
            re.IGNORECASE,
        ),
    ),
    (Kind.EMAIL, re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}")),
)
_LINK = re.compile(r"https?://[^\s<>\"]{1,4000}", re.IGNORECASE)
_DIGITS = re.compile(r"(?<![\w+])\d+(?:[ .-]{1,2}\d+)*(?!\w)")
_IBAN = re.compile(r"(?<![A-Z0-9])(?=([A-Z]{2}\d\d(?:[ -]?[A-Z0-9]){11,30}))", re.IGNORECASE)

_OPENS = re.compile(
    r"token|secret|passw|session|signature|credential|apikey|api_key|^(?:auth|code|jwt|key|otp|sid|sig|ticket)$",
    re.IGNORECASE,
)
_OPENS_BY_PATH = re.compile(r"reset|verif|invit|magic|confirm|activat|token|log-?in|sign-?in|password", re.IGNORECASE)
_MEASURES = re.compile(r"utm_|.{0,3}clid$|ref$", re.IGNORECASE)  # what advertising adds to a link
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def find_sensitive(text: str) -> tuple[Finding, ...]:
    """Return what is sensitive in ``text``, worst kind first, each once, at most 10.

    The words are as they read without invisible characters, with look-alike digits made plain.
    """
    plain = _plain(text)
    found = [Finding(kind, match[0]) for kind, shape in _SIMPLE for match in shape.finditer(plain)]
    found += (Finding(Kind.LINK, match[0]) for match in _LINK.finditer(plain) if _opens_something(match[0]))
    found += (Finding(Kind.CARD, words) for words in _cards(plain))
    accounts = (iban_at_start(match[1]) for match in _IBAN.finditer(plain))
    found += (Finding(Kind.IBAN, account) for account in accounts if account is not None)
    order = list(Kind)
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: order.index(finding.kind)))[:MOST]


def _plain(text: str) -> str:
    """Return ``text`` as it reads: full-width forms and foreign digits made plain, zero-width characters gone."""
    folded = unicodedata.normalize("NFKC", text)
    return folded.translate({ord(character): _plain_character(character) for character in set(folded)})


def _plain_character(character: str) -> str:
    if character.isascii():
        return character
    match unicodedata.category(character):
        case "Nd":
            return str(unicodedata.digit(character))
        case "Pd":
            return "-"
        case "Cf":
            return ""
        case _:
            return character


def _cards(text: str) -> Iterator[str]:
    """Yield the card numbers in ``text``: whole groups of digits, so that a piece of a longer number is none."""
    for run in _DIGITS.finditer(text):
        words = run[0]
        groups = list(re.finditer(r"\d+", words))
        for first, start in enumerate(groups):
            digits = ""
            for group in groups[first : first + 8]:
                digits += group[0]
                if len(digits) > 19:
                    break
                if is_card_number(digits):
                    yield words[start.start() : group.end()]
                    break


def _opens_something(link: str) -> bool:
    """True when whoever has ``link`` may be let in by it: a password in it, or a token in its query or its path."""
    address, _, fragment = link.partition("#")
    address, _, query = address.partition("?")
    host, *path = address.split("/")[2:]
    if re.search(r":[^@]+@", host):
        return True
    pairs = [pair.partition("=") for pair in re.split(r"[&;]", f"{query}&{fragment}")]
    if any(_is_key_to_something(name, value) for name, _, value in pairs):
        return True
    # 44 characters: longer than a commit's id, which names a thing as a UUID does.
    is_way_in = any(map(_OPENS_BY_PATH.search, path[:-1]))
    return any(_is_random(part, 20 if is_way_in else 44) for part in path)


def _is_key_to_something(name: str, value: str) -> bool:
    if _MEASURES.match(name):
        return False
    return (len(value) >= 6 and _OPENS.search(name) is not None) or _is_random(value, 24)


def _is_random(part: str, least: int) -> bool:
    """True for a long piece of letters and digits mixed; not for a UUID, which names a thing, nor for joined words."""
    if len(part) < least or _UUID.fullmatch(part):
        return False
    longest = max(re.findall(r"[A-Za-z0-9]+", part), key=len, default="")
    return len(longest) >= least * 2 // 3 and any(map(str.isdigit, longest)) and any(map(str.isalpha, longest))
