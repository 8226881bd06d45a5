"""Finds a value in a heap of bytes, whichever way somebody has written it down there."""

import base64
import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

_SHORTEST = 16  # bytes of base64 that are no accident


def forms(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) for each way to write ``value``; base64 also as it comes out in the middle of other bytes."""
    yield "raw", value
    yield "hex", value.hex().encode()
    yield "HEX", value.hex().upper().encode()
    yield "as Python shows bytes", repr(value)[2:-1].encode()
    for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
        for before in range(3):
            # The first and the last group also hold bits of the neighbours.
            whole = encode(bytes(before) + value).rstrip(b"=")
            inner = whole[4 if before else 0 :][: -2 if (before + len(value)) % 3 else None]
            if len(inner) >= _SHORTEST:
                yield f"{name} at {before}", inner
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    yield "quoted for a URL", quote(text, safe="").encode()
    yield "quoted in a form", quote_plus(text).encode()
    yield "as Python shows text", ascii(text)[1:-1].encode()
    yield "in JSON", json.dumps(text)[1:-1].encode()


def found(values: Mapping[str, bytes], heaps: Mapping[str, bytes]) -> list[str]:
    """Return which of ``values`` is in which of ``heaps`` and how it is written, by name; never the value itself."""
    return [
        f"{name} ({form}) in {heap}"
        for name, value in values.items()
        for form, written in dict(forms(value)).items()
        for heap, content in heaps.items()
        if written in content
    ]
