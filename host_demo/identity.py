"""Sign the user token for KalTalk. This is the file to copy: beside Python itself it needs PyJWT alone."""

import contextlib
import functools
import itertools
import json
import logging
import time
from typing import Any

import jwt
from jwt.algorithms import HMACAlgorithm

LIFETIME = 3600  # seconds; short, so that a leaked token is soon worth nothing
MINIMUM_SECRET = 32  # bytes; RFC 7518, section 3.2: an HS256 key is at least as long as its hash
_log = logging.getLogger(__name__)
_refusals = itertools.count()


class _Prepared(HMACAlgorithm):
    """PyJWT's HMAC. It looks whether a secret is a public key once, not at every call: that took half of the time."""

    prepare_key = functools.lru_cache(maxsize=8)(HMACAlgorithm.prepare_key)


_hs256 = _Prepared(HMACAlgorithm.SHA256)
_signer = jwt.PyJWS(algorithms=[])  # knows no other algorithm, and not "none"
_signer.register_algorithm("HS256", _hs256)


def sign_user_jwt(user: Any, secret: str | None, *, now: float | None = None) -> str | None:
    """A token that says for one hour who `user` is; None without an id or a usable secret, never an unsigned one.

    `user.id` must never change: else one history becomes two. `user.email` is None until you know that it is theirs.
    """
    key = usable_key(secret)
    if key is None or user.id is None:
        return None
    iat = int(time.time() if now is None else now)
    claims = {"sub": str(user.id), "email": user.email, "name": user.name, "iat": iat, "exp": iat + LIFETIME}
    return _signer.encode(json.dumps(claims, separators=(",", ":")).encode(), key, algorithm="HS256")


def usable_key(secret: str | None) -> bytes | None:
    """The secret's bytes as they stand, never base64-decoded; None, and one log line a process, if unfit."""
    key = (secret or "").encode("utf-8", "surrogateescape")
    if len(key) >= MINIMUM_SECRET and not key.startswith((b"-----BEGIN", b"ssh-", b"ecdsa-")):  # no public key
        with contextlib.suppress(jwt.InvalidKeyError):  # nor one in another format
            return _hs256.prepare_key(key)
    if next(_refusals) == 0:
        _log.warning(
            "No user token is signed: KALTALK_IV_SECRET is missing, shorter than 32 bytes or not a signing secret."
            " Reveal it in Settings > Security > Identity verification, set it in the environment, restart."
        )
    return None
