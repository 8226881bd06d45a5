"""Requests that somebody sends to hurt: each kind, what it is answered with, and a hundred or so of it to send."""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.load import Request
from bench.shop import HEADERS, Shop, Visitor

KIBIBYTE = 1024
LONGEST_TOKEN = 8 * KIBIBYTE
LONGEST_BODY = 16 * KIBIBYTE


@dataclass(frozen=True)
class Junk:
    """One kind: its requests, and the status of every answer."""

    name: str
    status: int
    requests: Sequence[Request]
    headers: Mapping[str, str]


def kinds(shop: Shop, visitors: Sequence[Visitor]) -> list[Junk]:
    """Return every kind of junk; ``visitors`` are people whose names an attacker knows."""
    optional, strict = shop.identify_path(), shop.identify_path(shop.strict)
    known = [_token({"sub": visitor.sub, "pad": _noise(LONGEST_TOKEN * 3 // 4 - 250)}) for visitor in visitors[:100]]
    malformed = [f"{_noise(2600)}.{_noise(2600)}.{_noise(2600)}" for _ in range(100)]
    sessions = [Request("/v1/messages", "", _noise(8000), "GET") for _ in range(100)]
    return [
        _junk("8 KB token, bad signature, mode required", 401, _identifies(strict, known)),
        _junk("8 KB token, bad signature, of a known customer", 200, _identifies(optional, known)),
        _junk("8 KB token that is malformed", 200, _identifies(optional, malformed)),
        _junk("8 KB token that is malformed, mode required", 401, _identifies(strict, malformed)),
        _junk("bad signature, a new id each time", 200, _newcomers(optional, 40_000)),
        _junk("claims of 15 KB that are normalised", 200, _odd_claims(optional)),
        _junk("header of 8 KB, deep", 401, _identifies(strict, [_deep_token() for _ in range(20)])),
        _junk("deep JSON, 16 KB", 400, [Request(strict, '{"a":' * (LONGEST_BODY // 5 - 1))]),
        _junk("JSON of 16 KB with a member twice", 400, [Request(strict, _doubled())]),
        _junk("a number of 16,000 digits", 400, [Request(strict, f'{{"a":{"9" * 16_000}}}')]),
        _junk("body of 8 MB", 413, [Request(optional, _noise(8 * KIBIBYTE * KIBIBYTE))]),
        _junk("unknown organization", 404, _unknown()),
        _junk("foreign origin", 403, [Request(optional, "{}")], Origin="https://evil.example"),
        _junk("not JSON by its type", 415, [Request(optional, "{}")], **{"Content-Type": "text/plain"}),
        _junk("widget session that is none, 8 KB", 401, sessions),
        _junk("address that is none", 404, [Request(f"/v1/{_noise(20)}", method="GET") for _ in range(100)]),
    ]


def _junk(name: str, status: int, requests: Sequence[Request], **headers: str) -> Junk:
    return Junk(name, status, requests, HEADERS | headers)


def _identifies(path: str, tokens: Sequence[str]) -> list[Request]:
    return [Request(path, json.dumps({"userJwt": token})) for token in tokens]


def _token(payload: Mapping[str, object]) -> str:
    """Return a token that looks right and is signed by nobody."""
    header = _segment(b'{"alg":"HS256","typ":"JWT"}')
    claims = {"exp": 4_000_000_000, "iat": 1_700_000_000, **payload}
    return f"{header}.{_segment(json.dumps(claims).encode())}.{_segment(secrets.token_bytes(32))}"


def _newcomers(path: str, count: int) -> list[Request]:
    mark = secrets.token_hex(4)
    subs = (f"junk_{mark}_{number}" for number in range(count))
    return _identifies(path, [_token({"sub": sub, "email": f"{sub}@junk.example", "name": "Junk"}) for sub in subs])


def _odd_claims(path: str) -> list[Request]:
    """Return claims that cost the most to bring into their one form: letters with piles of marks in the wrong order."""
    pile = "a" + "\u0316\u0301" * 1200
    claims = {"externalId": pile, "email": f"{pile}@shop.example", "name": pile}
    return [Request(path, json.dumps(claims, ensure_ascii=False))]


def _deep_token() -> str:
    deep = _segment(b'{"a":' * 1150)
    return f"{deep}.{_segment(b'{}')}.{_segment(secrets.token_bytes(32))}"


def _doubled() -> str:
    members = ",".join(f'"{number:04}":0' for number in range(1700))
    return "{" + members + ',"0000":0}'


def _unknown() -> list[Request]:
    return [Request(f"/v1/organizations/org_{_noise(12)}/identify", "{}") for _ in range(1000)]


def _segment(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _noise(length: int) -> str:
    return secrets.token_urlsafe(length)[:length]
