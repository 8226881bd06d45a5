"""How Test it shows the claims and the lifetime of a token: readable, cut, and without a trick of the eye."""

from typing import Any

import pytest

from tests.core.signing import sign
from tests.core.test_diagnosis import CURRENT, NOW, examine

FULL: dict[str, Any] = {"sub": "u_1", "iat": NOW, "exp": NOW + 3600}


def test_claims_are_shown_as_json_without_tricks_of_the_eye() -> None:
    claims: dict[str, Any] = {
        "sub": 42,
        "name": "Ann\u202e\u200b\x7f\ud800\U000e0041\n",
        "admin": True,
        "city": "Zürich",
        "long": "x" * 400,
        "</script>": "<b>",
    }
    found = examine(sign(FULL | claims, CURRENT))
    shown = {claim.name: claim.value for claim in found.claims}
    assert shown["sub"] == "42"
    assert shown["city"] == '"Zürich"'
    assert {claim.name for claim in found.claims if claim.is_used} == {"sub", "name", "iat", "exp"}
    assert shown["name"] == r'"Ann\u202e\u200b\u007f\ud800\udb40\udc41\n"'
    assert shown["admin"] == "true"
    assert len(shown["long"]) == 301
    assert shown["</script>"] == '"<b>"'
    assert all(claim.name.isprintable() and claim.value.isprintable() for claim in found.claims)


def test_a_crowd_of_claims_is_cut() -> None:
    found = examine(sign(FULL | {f"claim{number}": number for number in range(50)}, CURRENT))
    assert len(found.claims) == 30
    assert [claim.name for claim in found.claims][:3] == ["sub", "iat", "exp"]


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ({"exp": NOW + 60}, "Expires in 1 minute."),
        ({"exp": NOW - 60}, "Expired 1 minute ago."),
        ({"exp": NOW}, "Expired 0 seconds ago."),
        ({"iat": NOW - 2}, "Issued 2 seconds ago."),
        ({"iat": NOW + 1}, "Issued just now."),
        ({"iat": NOW, "exp": NOW}, "Issued just now, expired 0 seconds ago."),
        ({"iat": 500_000_000}, "Issued 14,667 days 11 hours ago."),
        ({"exp": 99_999_999_999}, "Expires in 1,136,952 days 21 hours."),
        ({"exp": 100_000_000_000}, None),
        ({"iat": NOW - 60}, "Issued 1 minute ago."),
        (
            {"iat": NOW + 120, "exp": NOW + 180},
            "Issued 2 minutes in the future, expires in 3 minutes, good for 1 minute in all.",
        ),
        ({"iat": NOW, "exp": NOW - 60}, "Issued just now, expired 1 minute ago."),
        ({"exp": NOW * 1000}, None),
        ({"exp": "soon", "iat": True}, None),
    ],
)
def test_the_lifetime_is_told_in_words(payload: dict[str, Any], sentence: str | None) -> None:
    lifetime = examine(sign({"sub": "u_1"} | payload, CURRENT)).lifetime
    assert (None if lifetime is None else lifetime.sentence) == sentence
    if lifetime is not None:
        assert (lifetime.issued_at, lifetime.expires_at) == (payload.get("iat"), payload.get("exp"))


def test_a_claim_that_holds_a_secret_or_the_signature_is_hidden() -> None:
    token = sign(FULL | {"a": CURRENT.decode(), CURRENT.decode(): "b", "c": {"d": [CURRENT.decode()[5:]]}}, CURRENT)
    header, payload, _signature = sign(FULL | {"e": f"x{'A' * 43}x", "f": "A" * 42}, CURRENT).split(".")
    hidden = "(hidden: it holds a secret or the signature)"
    assert [(claim.name, claim.value) for claim in examine(token).claims[3:]] == [
        ("a", hidden),
        (hidden, '"b"'),
        ("c", hidden),
    ]
    unsigned = examine(f"{header}.{payload}.{'A' * 43}").claims[3:]
    assert [(claim.name, claim.value) for claim in unsigned] == [("e", hidden), ("f", f'"{"A" * 42}"')]


@pytest.mark.parametrize(("length", "is_hidden"), [(15, False), (16, True)])
def test_what_is_too_short_for_a_signature_is_not_hidden(length: int, is_hidden: bool) -> None:
    header, payload, _signature = sign(FULL | {"a": "A" * length}, CURRENT).split(".")
    shown = examine(f"{header}.{payload}.{'A' * length}").claims[3].value
    assert shown.startswith("(hidden") == is_hidden
