"""Agents' passwords at rest: scrypt (RFC 7914), a salt for each, and a check that takes as long for nobody."""

import hashlib
import hmac
import os
import re

MIN_LENGTH = 8  # NIST SP 800-63B, section 5.1.1.1
MAX_LENGTH = 256  # hashing a megabyte is a cheap way to keep a server busy

_COST, _BLOCK, _LANES = 2**15, 8, 1
_SALT_BYTES = 16
_MEMORY = 2 * 128 * _COST * _BLOCK
_SHAPE = re.compile(r"scrypt\$([0-9a-f]{32})\$([0-9a-f]{128})")
# What no password hashes to. Checked when nobody has the login, so that the answer takes as long.
NOBODY = f"scrypt${'00' * _SALT_BYTES}${'00' * 64}"


def hash_password(password: str) -> str:
    """Return the text to store for ``password``."""
    salt = os.urandom(_SALT_BYTES)
    return f"scrypt${salt.hex()}${_digest(password, salt).hex()}"


def is_password(stored: str, password: str) -> bool:
    """True when ``stored`` was made from ``password``. False for stored text of any other shape."""
    shape = _SHAPE.fullmatch(stored)
    if shape is None:
        return False
    salt, expected = bytes.fromhex(shape[1]), bytes.fromhex(shape[2])
    return hmac.compare_digest(_digest(password, salt), expected)


def _digest(password: str, salt: bytes) -> bytes:
    raw = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(raw, salt=salt, n=_COST, r=_BLOCK, p=_LANES, maxmem=_MEMORY)
