"""Widget sessions as opaque text: encrypted and authenticated, so that a browser learns and changes nothing.

Encrypted, because a session names our customer id: two sessions of one attacker would tell whether an e-mail and an id
share a record. AES-256-GCM with random nonces, of which one key bears 2**32 (NIST SP 800-38D, section 8.3). Sessions
are made by the million, so the key is derived from ours and a random salt, and each process takes a new salt after a
million of them. Processes that were forked have the same, and random nonces all the same: a thousand of them are few.
"""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import count

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .core.errors import SessionExpired, SessionInvalid
from .core.sessions import WidgetSession, pack, unpack

MAX_LENGTH = 6144  # characters; fits into a request header beside the others
_PREFIX = "kts1."
_SHAPE = re.compile(r"kts1\.([A-Za-z0-9_-]+)")
_SALT_BYTES = 16
_NONCE_BYTES = 12
_BOX_AT = _SALT_BYTES + _NONCE_BYTES
_SEALS_OF_A_SALT = 2**20
_MOST_CIPHERS = 256  # to make one takes longer than to use it; those of the salts that were seen last are kept

_seals = count()


def seal(session: WidgetSession, key: bytes) -> str:
    """Return the text that a browser keeps for ``session``."""
    salt, nonce = _salt(next(_seals) // _SEALS_OF_A_SALT), os.urandom(_NONCE_BYTES)
    return _PREFIX + _encode(salt + nonce + _cipher(key, salt).encrypt(nonce, pack(session), _PREFIX.encode()))


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
    salt, nonce, box = sealed[:_SALT_BYTES], sealed[_SALT_BYTES:_BOX_AT], sealed[_BOX_AT:]
    if not box:
        return None
    for key in keys:
        try:
            return unpack(_cipher(key, salt).decrypt(nonce, box, _PREFIX.encode()))
        except InvalidTag:
            continue
    return None


@lru_cache(1)
def _salt(_number: int) -> bytes:
    return os.urandom(_SALT_BYTES)


@lru_cache(_MOST_CIPHERS)
def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(hmac.digest(key, b"widget session " + salt, hashlib.sha256))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
