"""What hides in a claimed value: characters that are not drawn, and letters of two alphabets in one word."""

import re
import unicodedata

_ALPHABETS = {name.upper(): name for name in ("Latin", "Greek", "Cyrillic", "Armenian", "Cherokee")}
_DRAWN_AS_NOTHING = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
# Joiners and variation selectors belong to emoji, Persian and Indic letters: after ASCII they only hide.
_JOINS_LETTERS = re.compile("[\u200c\u200d\ufe00-\ufe0f]")


def with_invisible_named(value: str) -> str:
    """Return ``value`` with each character that draws nothing written out, as in ``u_1⟨U+200B⟩``.

    An id is compared exactly and so kept exactly: two that look alike must not look the same to an agent.
    """
    after = zip(f" {value}", value, strict=False)
    return "".join(f"⟨U+{ord(here):04X}⟩" if _draws_nothing(here, before) else here for before, here in after)


def _draws_nothing(character: str, before: str) -> bool:
    if _JOINS_LETTERS.match(character):
        return before.isascii()
    return unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} or character in _DRAWN_AS_NOTHING


def mixed_alphabets(value: str) -> tuple[str, ...]:
    """Return the alphabets that meet within one word of ``value``, in order; none where each word keeps to its own.

    A Cyrillic "а" in a Latin name looks like the name and is another one.
    """
    words = (tuple(dict.fromkeys(filter(None, map(_alphabet, word)))) for word in re.findall(r"[^\W\d_]+", value))
    return next((alphabets for alphabets in words if len(alphabets) > 1), ())


def _alphabet(letter: str) -> str | None:
    return _ALPHABETS.get(unicodedata.name(letter, "").split(" ")[0])
