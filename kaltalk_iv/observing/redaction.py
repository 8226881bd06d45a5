"""Takes out of a text what a log must not keep: tokens, secrets, sessions, passwords, cookies, e-mail addresses.

Logs are read by more people than databases are, and kept longer. Rather too much is taken than too little.

Every pattern is linear in the text, whatever a stranger puts there: a run of characters is tried from its first one
only (the lookbehinds), taken whole without going back (``++``), or bounded in length.
"""

import re
from collections.abc import Callable

BLOT = "[redacted]"
MAX_CHARACTERS = 16_384

# Short texts in which there was nothing to take out: routes and methods come with every request. Nothing else is kept.
_MOST_KNOWN = 512
_LONGEST_KNOWN = 100
_known_plain: set[str] = set()

_WORD = "A-Za-z0-9_-"
_Replacement = str | Callable[[re.Match[str]], str]

# Our own forms: signing secrets, encryption keys, widget sessions.
_OURS = re.compile(rf"(?:ktiv_|ktek_|kts1\.)[{_WORD}]++", re.IGNORECASE)
# Segments with dots between them: a user token, in three parts or cut off, and a signed cookie.
_DOTTED = re.compile(rf"(?<![{_WORD}])(?=[.={_WORD}]{{16}})[{_WORD}]++(?:\.[={_WORD}]*+)*+")
# How base64 of a JSON object begins, with a quote or white space after the brace; eJ: of a compressed text.
_BASE64_JSON = re.compile(rf"e(?:y[A-DI-L]|w[k-r0-3])[{_WORD}]{{8}}|eJ[{_WORD}]{{16}}")
# Whatever else has the length and the look of a key: 32 bytes in base64 are 43 characters.
_RANDOM_LENGTH = 40
# The user and the password before the host of an address, of a database above all.
_USERINFO = re.compile(r"(?<=://)[^\s\"'<>]{1,500}@")
# Queries hold tokens when an integrator errs, and e-mail addresses when an agent searches.
_QUERY = re.compile(r"(?<=[\w/.])\?[^\s\"'<>]++")
_SENSITIVE = (
    "password|passwd|passwort|passphrase|secret|token|jwt|session|csrf|cookie|authorization|credential|"
    "api[_-]?key|private[_-]?key|encryption[_-]?key"
)
# name=value, name: value, "name": "value", 'name': 'value', as forms, JSON and Python write it.
_NAMED = re.compile(
    rf"((?=[acejpst])(?:{_SENSITIVE})[\w-]{{0,32}}+\\?[\"']?[ \t]{{0,4}}[=:][ \t]{{0,4}})"
    r"(b?\"(?:[^\"\\]|\\.)*+\"?|b?'(?:[^'\\]|\\.)*+'?|\\{1,4}[\"'][^\"'\\]*+|[^\s&;,\"'})\]]++)",
    re.IGNORECASE,
)
_HEADER = re.compile(r"((?:cookie|authorization)[\"']?[ \t]{0,4}[=:])[^\r\n]++", re.IGNORECASE)
_SCHEME = re.compile(r"\b(bearer|basic)[ \t]{1,8}+[A-Za-z0-9._~+/=-]++", re.IGNORECASE)
_LOCAL = r"[^\s@%<>\"'()\[\]{},;:=&?/\\]"
_EMAIL = re.compile(rf"(?<!{_LOCAL}){_LOCAL}++(?:@|%40){_LOCAL}++", re.IGNORECASE)


def redact(text: str) -> str:
    """Return ``text`` with a blot in place of each secret and each e-mail address, cut to 16,384 characters."""
    if text in _known_plain:
        return text
    redacted = text[:MAX_CHARACTERS]
    for pattern, replacement, signs in _RULES:
        if not signs or any(sign in redacted for sign in signs):
            redacted = pattern.sub(replacement, redacted)
    if redacted == text and len(text) <= _LONGEST_KNOWN and len(_known_plain) < _MOST_KNOWN:
        _known_plain.add(text)
    return redacted[:MAX_CHARACTERS]


def _blot_tokens(match: re.Match[str]) -> str:
    whole = match[0]
    if _is_mixed(whole) and _BASE64_JSON.search(whole):
        return BLOT
    return ".".join(BLOT if len(part) >= _RANDOM_LENGTH and _is_mixed(part) else part for part in whole.split("."))


def _is_mixed(text: str) -> bool:
    """True for capitals, small letters and digits together: names of code and numbers in hex are spared."""
    return text.lower() != text and text.upper() != text and any(character.isdigit() for character in text)


# A rule is tried when one of its signs is there at all: most lines have none.
_RULES: tuple[tuple[re.Pattern[str], _Replacement, tuple[str, ...]], ...] = (
    (_OURS, BLOT, ()),
    (_DOTTED, _blot_tokens, ()),
    (_USERINFO, f"{BLOT}@", ("://",)),
    (_QUERY, f"?{BLOT}", ("?",)),
    (_HEADER, rf"\1 {BLOT}", ("=", ":")),
    (_NAMED, rf"\1{BLOT}", ("=", ":")),
    (_SCHEME, rf"\1 {BLOT}", (" ", "\t")),
    (_EMAIL, BLOT, ("@", "%40")),
)
