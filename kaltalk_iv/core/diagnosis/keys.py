"""Which wrong key made a signature: the ways in which a signing secret is spoilt between the dashboard and ``sign()``.

Looked for only when no active secret made the signature, with a short fixed list of keys for each active secret.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..keyring import PREFIX, SigningSecret
from ..tokens import signed_by
from .advice import Advice, advise
from .codes import Code

_SECRET: Final = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{8,}")
_SHORTEST_PIECE = 8
_QUOTES: Final = (('"', '"'), ("'", "'"), ("`", "`"), ('\\"', '\\"'), ("“", "”"), ("‘", "’"))
_LINE_ENDS: Final = ("\n", "\r\n", "\r", "\\n", "\n\n")
_PLACEHOLDERS: Final = (
    *("undefined", "null", "None", "nil", "secret", "changeme", "change-me", "test", "dev", "your-secret"),
    *("KALTALK_IV_SECRET", "$KALTALK_IV_SECRET", "${KALTALK_IV_SECRET}", "process.env.KALTALK_IV_SECRET"),
    *("YOUR_SECRET", "YOUR_KALTALK_IV_SECRET", "ktiv_…", "ktiv_...", "your-256-bit-secret"),
    "a-string-secret-at-least-256-bits-long",  # what the debugger of jwt.io signs with until one changes it
)


@dataclass(frozen=True, slots=True)
class Known:
    """What an organization knows of its own keys: the active secrets, newest first, and those that ended.

    ``names`` are ids and fingerprints that stand on the same page and are copied in the secret's place.
    """

    active: Sequence[SigningSecret]
    ended: Sequence[SigningSecret] = ()
    names: Sequence[str] = field(default=())

    def is_given_away_by(self, text: str) -> bool:
        """True when ``text`` holds a signing secret: one of these, or anything of that form."""
        if _SECRET.search(text) is not None:
            return True
        known = (secret.key.decode().removeprefix(PREFIX) for secret in (*self.active, *self.ended))
        return any(secret in text for secret in known)


def key_advice(token: str, known: Known) -> Advice:
    """Return why no active secret made the signature of ``token``, which is well formed and says HS256."""
    for secret in known.ended:
        if signed_by(token, (secret,)) is not None:
            if secret.revoked_at is not None:
                return advise(Code.SECRET_REVOKED, secret.revoked_at)
            return advise(Code.SECRET_RETIRED, secret.expires_at)
    for code, key in _wrong_keys(known):
        if _made(token, key):
            return advise(code)
    return advise(Code.KEY_UNKNOWN)


def _made(token: str, key: bytes) -> bool:
    signed, _, signature = token.rpartition(".")
    mac = hmac.digest(key, signed.encode(), hashlib.sha256)
    return hmac.compare_digest(base64.urlsafe_b64encode(mac).rstrip(b"=").decode(), signature)


def _wrong_keys(known: Known) -> Iterator[tuple[Code, bytes]]:
    yield Code.KEY_EMPTY, b""
    for text in _PLACEHOLDERS:
        yield Code.KEY_PLACEHOLDER, text.encode()
    for name in known.names:
        yield Code.KEY_IS_AN_ID, name.encode()
    for secret in known.active:
        yield from _spoilt(secret.key.decode())


def _spoilt(secret: str) -> Iterator[tuple[Code, bytes]]:
    """Yield the keys that are made of ``secret`` by mistake."""
    body = secret.removeprefix(PREFIX)
    yield Code.KEY_WITHOUT_PREFIX, body.encode()
    for text in (secret, body):
        for decoded in _base64_decoded(text):
            yield Code.KEY_BASE64_DECODED, decoded
            yield Code.KEY_IN_HEX, decoded.hex().encode()
    yield from _dressed(secret)
    yield from _encoded(secret)
    for text in (secret.lower(), secret.upper(), PREFIX + body.lower(), PREFIX + body.upper()):
        yield Code.KEY_OTHER_CASE, text.encode()
    # A double click selects up to the next hyphen, and a drag misses an end: each beginning and each end of it.
    for length in range(_SHORTEST_PIECE, len(secret)):
        yield Code.KEY_CUT, secret[:length].encode()
        yield Code.KEY_CUT, secret[-length:].encode()


def _dressed(secret: str) -> Iterator[tuple[Code, bytes]]:
    for end in _LINE_ENDS:
        yield Code.KEY_WITH_LINE_END, (secret + end).encode()
    for text in (f" {secret}", f"{secret} ", f" {secret} ", f"{secret}\t", f"\t{secret}", f"{secret}\u00a0"):
        yield Code.KEY_WITH_BLANK, text.encode()
    for opening, closing in _QUOTES:
        for text in (opening + secret + closing, opening + secret, secret + closing, f"{opening}{secret}{closing}\n"):
            yield Code.KEY_QUOTED, text.encode()
    for before in ("KALTALK_IV_SECRET=", "KALTALK_IV_SECRET: ", "export KALTALK_IV_SECRET=", "="):
        yield Code.KEY_WITH_ITS_NAME, (before + secret).encode()


def _encoded(secret: str) -> Iterator[tuple[Code, bytes]]:
    raw = secret.encode()
    for digest in (hashlib.sha256(raw), hashlib.sha512(raw)):
        yield Code.KEY_HASHED, digest.digest()
        yield Code.KEY_HASHED, digest.hexdigest().encode()
        yield Code.KEY_HASHED, base64.b64encode(digest.digest())
    yield Code.KEY_IN_HEX, raw.hex().encode()
    yield Code.KEY_IN_HEX, raw.hex().upper().encode()
    for text in (raw, raw + b"\n"):  # echo without -n writes the line end into the base64
        yield Code.KEY_BASE64_ENCODED, base64.b64encode(text)
        yield Code.KEY_BASE64_ENCODED, base64.urlsafe_b64encode(text).rstrip(b"=")
    for encoding in ("utf-8-sig", "utf-16-le", "utf-16-be", "utf-16"):
        yield Code.KEY_OTHER_ENCODING, secret.encode(encoding)


def _base64_decoded(text: str) -> Iterator[bytes]:
    """Yield what libraries make of ``text``: those that know base64url, and those that skip ``-`` and ``_``."""
    for kept in (text, re.sub("[_-]", "", text)):
        whole = kept[: len(kept) - (len(kept) % 4 == 1)]
        yield base64.urlsafe_b64decode(whole + "=" * (-len(whole) % 4))
