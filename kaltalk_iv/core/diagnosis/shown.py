"""The claims of a token as a page may show them: as JSON, cut, without a secret, a signature or a trick of the eye."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .keys import Known

_USED: Final = ("sub", "email", "name", "iat", "nbf", "exp")
_MOST_CLAIMS = 30
_MOST_CHARACTERS = 300
_SHORTEST_SIGNATURE = 16  # a shorter one is no signature, and stands in many a text by accident
_HIDDEN = "(hidden: it holds a secret or the signature)"


@dataclass(frozen=True, slots=True)
class ShownClaim:
    """One claim: its name, its value as JSON text (so that 42 and "42" differ), and whether KalTalk reads it."""

    name: str
    value: str
    is_used: bool


def shown_claims(payload: Mapping[str, Any], token: str, known: Known) -> tuple[ShownClaim, ...]:
    """Return at most 30 claims of ``token``, those that KalTalk reads first."""
    order = [*(name for name in _USED if name in payload), *(name for name in payload if name not in _USED)]
    signature = token.rpartition(".")[2]
    return tuple(_shown(name, payload[name], signature, known) for name in order[:_MOST_CLAIMS])


def _shown(name: str, value: object, signature: str, known: Known) -> ShownClaim:
    name_and_value = (name, json.dumps(value, ensure_ascii=False))
    name_shown, value_shown = (
        _HIDDEN if known.is_given_away_by(text) or _holds(text, signature) else _plain(text) for text in name_and_value
    )
    return ShownClaim(name_shown, value_shown, name in _USED)


def _holds(text: str, signature: str) -> bool:
    return len(signature) >= _SHORTEST_SIGNATURE and signature in text


def _plain(text: str) -> str:
    """Return ``text`` cut, with what cannot be seen escaped: half characters, controls, direction overrides."""
    cut = text[:_MOST_CHARACTERS]
    plain = "".join(character if character.isprintable() else _escaped(character) for character in cut)
    return plain if len(cut) == len(text) else f"{plain}…"


def _escaped(character: str) -> str:
    """Return the escapes of JSON for one character; beyond 16 bits it takes two."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
