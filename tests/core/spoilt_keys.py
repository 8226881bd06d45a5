"""The ways in which a signing secret is spoilt before it becomes a key, written apart from the code under test."""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Final


def _body(secret: str) -> str:
    return secret.removeprefix("ktiv_")


def _skipping(text: str) -> bytes:
    """Decode base64 as PHP and Ruby do, which pass over what the ordinary alphabet does not have."""
    known = re.sub("[^A-Za-z0-9+/]", "", text)
    known = known[:-1] if len(known) % 4 == 1 else known
    return base64.b64decode(known + "=" * (-len(known) % 4))


SPOILT: Final[dict[str, Callable[[str], bytes]]] = {
    "base64url": base64.urlsafe_b64decode,
    "base64_skipping": _skipping,
    "body_base64url": lambda secret: base64.urlsafe_b64decode(_body(secret) + "="),
    "body_base64_skipping": lambda secret: _skipping(_body(secret)),
    "body_base64url_hex": lambda secret: base64.urlsafe_b64decode(_body(secret) + "=").hex().encode(),
    "in_base64": lambda secret: base64.b64encode(secret.encode()),
    "line_in_base64": lambda secret: base64.b64encode(f"{secret}\n".encode()),
    "body": lambda secret: _body(secret).encode(),
    "cut_end": lambda secret: secret[:-1].encode(),
    "cut_start": lambda secret: secret[1:].encode(),
    "to_hyphen": lambda secret: secret.split("-", maxsplit=1)[0].encode(),
    "double_quoted": lambda secret: f'"{secret}"'.encode(),
    "single_quoted": lambda secret: f"'{secret}'".encode(),
    "quote_behind": lambda secret: f'{secret}"'.encode(),
    "line_in_base64url": lambda secret: base64.urlsafe_b64encode(f"{secret}\n".encode()).rstrip(b"="),
    "line_end": lambda secret: f"{secret}\n".encode(),
    "crlf": lambda secret: f"{secret}\r\n".encode(),
    "backslash_n": lambda secret: f"{secret}\\n".encode(),
    "blank_behind": lambda secret: f"{secret} ".encode(),
    "blank_before": lambda secret: f" {secret}".encode(),
    "named": lambda secret: f"KALTALK_IV_SECRET={secret}".encode(),
    "yaml_line": lambda secret: f"KALTALK_IV_SECRET: {secret}".encode(),
    "export_line": lambda secret: f"export KALTALK_IV_SECRET={secret}".encode(),
    "equals_before": lambda secret: f"={secret}".encode(),
    "hex_upper": lambda secret: secret.encode().hex().upper().encode(),
    "hex": lambda secret: secret.encode().hex().encode(),
    "lower": lambda secret: secret.lower().encode(),
    "upper": lambda secret: secret.upper().encode(),
    "body_upper": lambda secret: f"ktiv_{_body(secret).upper()}".encode(),
    "bom": lambda secret: b"\xef\xbb\xbf" + secret.encode(),
    "utf16": lambda secret: secret.encode("utf-16-le"),
    "sha256": lambda secret: hashlib.sha256(secret.encode()).digest(),
    "sha256_hex": lambda secret: hashlib.sha256(secret.encode()).hexdigest().encode(),
}
