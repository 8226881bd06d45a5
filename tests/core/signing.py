"""A small signer that can also sign what nobody should, and the reader of the vectors.

It shares no line with the code under test: tokens are put together from raw text, so that a test can sign any bytes.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.core.spoilt_keys import SPOILT

VECTORS: Final = Path(__file__).parent.parent / "vectors"


def read_vectors(file_name: str) -> dict[str, Any]:
    """Return one of the vector files, with its cases under ``cases``."""
    content: dict[str, Any] = json.loads((VECTORS / file_name).read_text("utf-8"))
    return content


SECRETS: Final[dict[str, str]] = read_vectors("tokens.json")["secrets"]
NOW: Final = 1767268800  # 2026-01-01T12:00:00Z


def text_of(parts: str | list[str | dict[str, Any]]) -> str:
    """Return the text that a vector writes as text, or as a list of texts and repetitions."""
    if isinstance(parts, str):
        return parts
    return "".join(part if isinstance(part, str) else part["repeat"] * part["times"] for part in parts)


def bytes_of(parts: str | list[str | dict[str, Any]] | dict[str, str]) -> bytes:
    """Return the bytes that a vector writes as text (UTF-8) or as ``{"hex": …}``."""
    return bytes.fromhex(parts["hex"]) if isinstance(parts, dict) else text_of(parts).encode()


def base64url(raw: bytes) -> str:
    """Return ``raw`` in base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(
    payload: str | bytes | dict[str, Any], key: bytes, *, header: str | bytes = '{"alg":"HS256","typ":"JWT"}'
) -> str:
    """Return the token of ``payload`` (raw, or an object to write as JSON) with an HMAC-SHA256 of ``key``."""
    raw = json.dumps(payload) if isinstance(payload, dict) else payload
    signed = f"{base64url(_raw(header))}.{base64url(_raw(raw))}"
    return f"{signed}.{_mac(signed, key, 'sha256')}"


def token_of(case: dict[str, Any], defaults: dict[str, Any], secrets: dict[str, str]) -> object:
    """Return the token that a case of ``tokens.json`` describes; it need not be text."""
    if "value" in case:
        return case["value"]
    token = text_of(case["token"]) if "token" in case else _made(defaults | case, secrets)
    old, new = case.get("replace", ("", ""))
    return text_of(case.get("before", "")) + token.replace(old, new) + text_of(case.get("after", ""))


def key_of(key: str | dict[str, str], secrets: dict[str, str]) -> bytes:
    """Return the HMAC key that a case signs with: a named secret as it stands, or one of the known mistakes."""
    match key:
        case str():
            return secrets[key].encode()
        case {"text": text}:
            return text.encode()
        case {"without_prefix": name}:
            return secrets[name].removeprefix("ktiv_").encode()
        case {"base64url_decoded": name}:
            return base64.urlsafe_b64decode(secrets[name].removeprefix("ktiv_") + "=")
        case {"spoilt": name, "how": how}:
            return SPOILT[how](secrets[name])
    raise ValueError(f"unknown key: {key}")


def _made(case: dict[str, Any], secrets: dict[str, str]) -> str:
    header, payload = bytes_of(case["header"]), bytes_of(case["payload"])
    sent = f"{base64url(header)}.{base64url(payload)}"
    signed_header = bytes_of(case.get("signed_header", case["header"]))
    signed_payload = bytes_of(case.get("signed_payload", case["payload"]))
    signed = f"{base64url(signed_header)}.{base64url(signed_payload)}"
    key = key_of(case["key"], secrets)
    match case["signature"]:
        case "missing":
            return sent
        case "over_raw_texts":
            return f"{sent}.{base64url(hmac.digest(key, header + b'.' + payload, 'sha256'))}"
        case "HS256" | "HS384" | "HS512" as algorithm:
            return f"{sent}.{_mac(signed, key, algorithm.replace('HS', 'sha'))}"
        case treatment:
            return f"{sent}.{_TREATMENTS[treatment](_mac(signed, key, 'sha256'))}"


def _raw(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _mac(signed: str, key: bytes, algorithm: str) -> str:
    return base64url(hmac.new(key, signed.encode(), getattr(hashlib, algorithm)).digest())


def _in_hex(signature: str) -> str:
    return base64.urlsafe_b64decode(signature + "=").hex()


def _with_unused_bits(signature: str) -> str:
    """The last of 43 characters carries four bits and two unused ones; this sets one of them."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return signature[:-1] + alphabet[alphabet.index(signature[-1]) + 1]


_TREATMENTS: Final[dict[str, Callable[[str], str]]] = {
    "empty": lambda _signature: "",
    "zeros": lambda signature: "A" * len(signature),
    "hex": _in_hex,
    "hex_in_base64url": lambda signature: base64url(_in_hex(signature).encode()),
    "cut": lambda signature: signature[:-1],
    "extended": lambda signature: signature + "A",
    "extended_by_four": lambda signature: signature + "AAAA",
    "padded": lambda signature: signature + "=",
    "swapped_case": lambda signature: signature[:-1].swapcase() + signature[-1],
    "unused_bits": _with_unused_bits,
    "standard_alphabet": lambda signature: "+/" + signature[2:],
    "doubled": lambda signature: signature * 2,
}
