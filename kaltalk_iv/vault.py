"""Signing secrets at rest: AES-256-GCM, each bound to its row, so that a ciphertext copied elsewhere opens nothing."""

import base64
import binascii
import os
from collections.abc import Sequence
from functools import lru_cache, partial

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .core.errors import SecretUnavailable

_KEY_PREFIX = "ktek_"
_KEY_BYTES = 32
_FEWEST_DIFFERENT_BYTES = 12  # random ones have about thirty; "AAAA…" is somebody's placeholder
_NONCE_BYTES = 12  # NIST SP 800-38D, section 5.2.1.1; random, and far below 2**32 uses of one key
_VERSION = "v1."
_REMEMBERED = 4096  # opened secrets in the memory of a process, which has the keys to open them anyway


def generate_encryption_key() -> str:
    """Return a new key for ``KALTALK_IV_ENCRYPTION_KEYS``."""
    return _KEY_PREFIX + base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).rstrip(b"=").decode()


class Vault:
    """Seals and opens signing secrets. The first key seals; every key opens."""

    def __init__(self, encryption_keys: Sequence[str]) -> None:
        """Raises ValueError, which never shows a key, when one is not what ``generate_encryption_key`` makes."""
        if not encryption_keys:
            raise ValueError("at least one encryption key is needed")
        self._ciphers = [AESGCM(_key_bytes(key, place)) for place, key in enumerate(encryption_keys, start=1)]
        # A pure function of what is stored: a secret that is rotated, revoked or sealed anew is another ciphertext.
        self._remembered = lru_cache(_REMEMBERED)(partial(self._open, ciphers=self._ciphers))

    def seal(self, secret: str, organization_id: str, secret_id: str) -> str:
        """Return the text to store for ``secret`` in the row (organization_id, secret_id)."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._ciphers[0].encrypt(nonce, secret.encode(), _row(organization_id, secret_id))
        return _VERSION + base64.urlsafe_b64encode(sealed).decode()

    def open(self, sealed: str, organization_id: str, secret_id: str) -> str:
        """Return the secret that ``seal`` was given for this row.

        Raises SecretUnavailable for anything else: another row's ciphertext, a cut one, plain text, a lost key.
        """
        return self._remembered(sealed, organization_id, secret_id)

    def is_sealed_with_newest(self, sealed: str, organization_id: str, secret_id: str) -> bool:
        """True when the first key alone opens it."""
        try:
            self._open(sealed, organization_id, secret_id, ciphers=self._ciphers[:1])
        except SecretUnavailable:
            return False
        return True

    def _open(self, sealed: str, organization_id: str, secret_id: str, *, ciphers: Sequence[AESGCM]) -> str:
        try:
            if not sealed.startswith(_VERSION):
                raise ValueError
            raw = base64.b64decode(sealed[len(_VERSION) :], altchars=b"-_", validate=True)
            if _VERSION + base64.urlsafe_b64encode(raw).decode() != sealed:  # unused bits: one secret, one spelling
                raise ValueError
        except (ValueError, binascii.Error):
            raise SecretUnavailable(secret_id) from None
        for cipher in ciphers:
            try:
                return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _row(organization_id, secret_id)).decode()
            except (InvalidTag, ValueError):
                continue
        raise SecretUnavailable(secret_id)


def _row(organization_id: str, secret_id: str) -> bytes:
    return f"{organization_id}\0{secret_id}".encode()


def _key_bytes(key: str, place: int) -> bytes:
    try:
        if not key.startswith(_KEY_PREFIX):
            raise ValueError
        raw = base64.b64decode(key[len(_KEY_PREFIX) :] + "=", altchars=b"-_", validate=True)
        if len(raw) != _KEY_BYTES or len(set(raw)) < _FEWEST_DIFFERENT_BYTES:
            raise ValueError
    except (ValueError, binascii.Error):
        raise ValueError(f"encryption key number {place} is not one that generate_encryption_key() makes") from None
    return raw
