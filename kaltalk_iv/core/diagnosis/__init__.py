"""The brain of Test it: how each check went, and which of the mistakes that integrators make is behind it.

It asks ``tokens.inspect`` what is wrong, the same checks that an identify walks, and then looks for the cause.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import BadSignature, TokenError
from ..tokens import Check, Proof, decode_header, decode_payload, inspect, signed_by
from .advice import Advice, advise
from .codes import Code
from .keys import Known, key_advice
from .pasted import read_pasted
from .people import people_advice
from .shown import ShownClaim, shown_claims
from .times import Lifetime, lifetime_of, time_advice

__all__ = ["Advice", "Code", "Diagnosis", "Known", "Lifetime", "ShownClaim", "diagnose"]

_HEX: Final = re.compile(r"[0-9A-Fa-f]{64}")
_HEX_IN_BASE64 = 86  # 64 hex digits, base64url-encoded without padding
_SIGNATURE_LENGTH = 43


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found. ``token`` is the token inside the pasted text, or None; the checks are those of that token.

    ``outcome`` is what the token inside proves, or why not; ``secret_id`` names the secret that signed it, which can
    be so when a later check failed. ``claims`` are what it claims, and empty when they cannot be read.
    """

    token: str | None = field(repr=False)
    checks: tuple[Check, ...]
    outcome: Proof | TokenError
    secret_id: str | None
    claims: tuple[ShownClaim, ...]
    lifetime: Lifetime | None
    advice: tuple[Advice, ...]


def diagnose(pasted: str, known: Known, now: float, max_lifetime: float) -> Diagnosis:
    """Return what there is to say of ``pasted``, whatever it is. Raises nothing.

    ``now`` is in Unix seconds, ``max_lifetime`` in seconds. A token that fails gets at least one piece of advice.
    """
    found = read_pasted(pasted, known)
    checks, outcome = inspect(pasted if found.token is None else found.token, known.active, now, max_lifetime)
    payload = None if found.token is None else decode_payload(found.token)
    secret_id = None if found.token is None else signed_by(found.token, known.active)
    claims: tuple[ShownClaim, ...] = ()
    lifetime: Lifetime | None = None
    advice = list(found.advice)
    if found.token is not None:
        advice += _token_advice(found.token, known, outcome, secret_id)
    if found.token is not None and payload is not None:
        claims, lifetime = shown_claims(payload, found.token, known), lifetime_of(payload, now)
        advice += [*time_advice(payload, now, max_lifetime), *people_advice(payload)]
    if isinstance(outcome, TokenError) and all(said.is_habit for said in advice):
        advice.insert(0, advise(Code.AS_THE_CHECK_SAYS, why=outcome.detail))
    return Diagnosis(found.token, checks, outcome, secret_id, claims, lifetime, tuple(advice))


def _token_advice(token: str, known: Known, outcome: Proof | TokenError, secret_id: str | None) -> Iterator[Advice]:
    header, payload = decode_header(token), decode_payload(token)
    if known.is_given_away_by(f"{header} {payload}"):
        yield advise(Code.SECRET_IN_CLAIMS)
    code = None if header is None else _header_code(header) or _signature_code(token)
    if code is not None:
        yield advise(code, alg=str(header.get("alg")).upper() if header is not None else "")
    if isinstance(outcome, BadSignature):
        yield key_advice(token, known)
    ends = next((secret.expires_at for secret in known.active if secret.id == secret_id), None)
    if ends is not None:
        yield advise(Code.SECRET_IN_GRACE, ends)


def _header_code(header: Mapping[str, Any]) -> Code | None:
    alg = header.get("alg")
    name = alg.upper() if isinstance(alg, str) else ""
    if alg == "HS256":
        typ = header.get("typ", "JWT")
        return None if isinstance(typ, str) and typ.upper() == "JWT" else Code.NOT_A_USER_TOKEN
    if name in {"HS384", "HS512"}:
        return Code.ANOTHER_HMAC
    if name.startswith(("RS", "ES", "PS", "ED")):
        return Code.PUBLIC_KEY_ALGORITHM
    return Code.NO_ALGORITHM if name == "NONE" else Code.ALGORITHM_MISSPELLED


def _signature_code(token: str) -> Code | None:
    signature = [*token.split("."), ""][2]
    if not signature:
        return Code.SIGNATURE_MISSING
    if _HEX.fullmatch(signature) or (len(signature) == _HEX_IN_BASE64 and _is_hex_in_base64(signature)):
        return Code.SIGNATURE_IN_HEX
    return None if len(signature) == _SIGNATURE_LENGTH else Code.SIGNATURE_LENGTH


def _is_hex_in_base64(signature: str) -> bool:
    decoded = base64.urlsafe_b64decode(signature + "==").decode("latin-1")
    return _HEX.fullmatch(decoded) is not None
