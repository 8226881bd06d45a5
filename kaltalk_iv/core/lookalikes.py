"""What hides in a claimed value: characters that are not drawn, and letters of two alphabets in one word."""

import re
import unicodedata

_ALPHABETS = {name.upper(): name for name in ("Latin", "Greek", "Cyrillic", "Armenian", "Cherokee")}
# Fillers, and the code points that Unicode keeps for characters of this kind (Default_Ignorable_Code_Point).
_DRAWN_AS_NOTHING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\ufff0-\ufff8\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
# Joiners and variation selectors belong to emoji and to Persian, Indic, Mongolian and Han letters; else they hide.
_JOINS_LETTERS = re.compile("[\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_NEVER_JOINED = frozenset({*_ALPHABETS, "COMBINING"})


def with_invisible_named(value: str) -> str:
    """Return ``value`` with each character that draws nothing of its own written out, as in ``u_1⟨U+200B⟩``.

    So is every blank but a single plain one, because a page draws them all alike.

    An id is compared exactly and so kept exactly: two that look alike must not look the same to an agent.
    """
    after = zip(f".{value}", value, strict=False)
    return "".join(f"⟨U+{ord(here):04X}⟩" if _draws_nothing(here, before) else here for before, here in after)


def _draws_nothing(character: str, before: str) -> bool:
    if _JOINS_LETTERS.match(character):
        return before.isascii() or _script(before) in _NEVER_JOINED
    if character == " ":
        return before == " "
    is_blank = unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Zs"}
    return is_blank or _DRAWN_AS_NOTHING.match(character) is not None


def mixed_alphabets(value: str) -> tuple[str, ...]:
    """Return the alphabets that meet within one word of ``value``, in order; none where each word keeps to its own.

    A Cyrillic "а" in a Latin name looks like the name and is another one.
    """
    words = (tuple(dict.fromkeys(filter(None, map(_alphabet, word)))) for word in re.findall(r"[^\W\d_]+", value))
    return next((alphabets for alphabets in words if len(alphabets) > 1), ())


def _alphabet(letter: str) -> str | None:
    return _ALPHABETS.get(_script(letter))


def _script(character: str) -> str:
    return unicodedata.name(character, "").split(" ")[0]
