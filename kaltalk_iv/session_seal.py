"""Widget sessions as opaque text: encrypted and authenticated, so that a browser learns and changes nothing.

Encrypted, because a session names our customer id: two sessions of one attacker would tell whether an e-mail and an id
share a record. AES-256-GCM under a key of its own for each text, derived from a random salt: sessions are made by the
million, and a random nonce of 96 bits under one key is good for far fewer (NIST SP 800-38D, section 8.3).
"""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .core.errors import SessionExpired, SessionInvalid
from .core.sessions import WidgetSession, pack, unpack

MAX_LENGTH = 6144  # characters; fits into a request header beside the others
_PREFIX = "kts1."
_SHAPE = re.compile(r"kts1\.([A-Za-z0-9_-]+)")
_SALT_BYTES = 16
_NONCE = bytes(12)  # each salt makes a key that encrypts once


def seal(session: WidgetSession, key: bytes) -> str:
    """Return the text that a browser keeps for ``session``."""
    salt = os.urandom(_SALT_BYTES)
    sealed = salt + _cipher(key, salt).encrypt(_NONCE, pack(session), _PREFIX.encode())
    return _PREFIX + _encode(sealed)


def unseal(text: object, keys: Sequence[bytes], now: float) -> WidgetSession:
    """Return the session that ``text`` is, when it was sealed with one of ``keys`` and ``now`` is before its end.

    Raises SessionInvalid or SessionExpired.
    """
    session = _open(text, keys)
    if session is None:
        raise SessionInvalid("This is not a widget session of this server. Identify again.")
    if now >= session.expires_at:
        raise SessionExpired("This widget session is over. Identify again.")
    return session


def _open(text: object, keys: Sequence[bytes]) -> WidgetSession | None:
    shape = _SHAPE.fullmatch(text) if isinstance(text, str) and len(text) <= MAX_LENGTH else None
    if shape is None or len(shape[1]) % 4 == 1:
        return None
    sealed = base64.urlsafe_b64decode(shape[1] + "=" * (-len(shape[1]) % 4))
    if _encode(sealed) != shape[1]:  # unused bits of the last character: one session has one spelling
        return None
    salt, box = sealed[:_SALT_BYTES], sealed[_SALT_BYTES:]
    for key in keys:
        try:
            return unpack(_cipher(key, salt).decrypt(_NONCE, box, _PREFIX.encode()))
        except InvalidTag:
            continue
    return None


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(hmac.digest(key, b"widget session " + salt, hashlib.sha256))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
