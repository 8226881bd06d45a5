"""Real tokens of Node's jsonwebtoken, made while the test runs: the call that the guide prints, and careless ones.

Node signs with its own clock, so ``now`` is read back from the token's ``iat``.
"""

import base64
import json
from typing import Any

import pytest

from kaltalk_iv.core.claims import Claims
from kaltalk_iv.core.errors import Reason, TokenError
from kaltalk_iv.core.keyring import SigningSecret
from kaltalk_iv.core.tokens import verify
from tests.core.signing import NOW, SECRETS
from tests.support.node import NodeSigner

pytestmark = pytest.mark.node

SECRET = SECRETS["current"]
ADA = {"id": "u_1", "email": "ada@example.com", "name": "Ada Lovelace"}


def payload_of(token: str) -> dict[str, Any]:
    segment = token.split(".")[1]
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return members


def reason_of(token: str, secret: SigningSecret, now: float = NOW) -> Reason:
    with pytest.raises(TokenError) as caught:
        verify(token, (secret,), now)
    return caught.value.reason


@pytest.mark.parametrize(("user_id", "external_id"), [("u_1", "u_1"), (42, "42"), (2**53 - 1, str(2**53 - 1))])
def test_the_call_of_the_guide_verifies_for_one_hour(
    user_id: object, external_id: str, node_sign: NodeSigner, current: SigningSecret
) -> None:
    token = node_sign.sign_like_the_guide(ADA | {"id": user_id}, SECRET)
    signed_at = payload_of(token)["iat"]
    proof = verify(token, (current,), signed_at)
    assert proof.claims == Claims(external_id, "ada@example.com", "Ada Lovelace")
    assert proof.expires_at == signed_at + 3600
    assert proof.notices == ()
    assert reason_of(token, current, signed_at + 3600) is Reason.EXPIRED


def test_the_call_of_the_guide_with_another_secret_is_a_bad_signature(
    node_sign: NodeSigner, current: SigningSecret
) -> None:
    token = node_sign.sign_like_the_guide(ADA, SECRETS["other"])
    assert reason_of(token, current, payload_of(token)["iat"]) is Reason.BAD_SIGNATURE


def test_a_user_without_an_id_is_a_missing_claim(node_sign: NodeSigner, current: SigningSecret) -> None:
    token = node_sign.sign_like_the_guide({"email": "ada@example.com", "name": "Ada"}, SECRET)
    assert "sub" not in payload_of(token)
    assert reason_of(token, current, payload_of(token)["iat"]) is Reason.MISSING_CLAIM


@pytest.mark.parametrize("user_id", [None, "", True, 1.5, 2**53 + 2, ["u_1"], {"id": 1}])
def test_a_user_whose_id_is_no_id_is_an_invalid_claim(
    user_id: object, node_sign: NodeSigner, current: SigningSecret
) -> None:
    token = node_sign.sign_like_the_guide(ADA | {"id": user_id}, SECRET)
    assert reason_of(token, current, payload_of(token)["iat"]) is Reason.INVALID_CLAIM


@pytest.mark.parametrize(
    "name", ["Ada Åsa Αδα Ада عادة 愛達 אדה", "👩‍💻", 'Ada "the Countess" \\ Lovelace', "</script>"]
)
def test_a_name_in_any_script_arrives_as_it_was_signed(
    name: str, node_sign: NodeSigner, current: SigningSecret
) -> None:
    token = node_sign.sign_like_the_guide(ADA | {"name": name}, SECRET)
    assert verify(token, (current,), payload_of(token)["iat"]).claims.name == name


def test_half_a_character_in_a_name_is_replaced_or_dropped_and_the_token_counts(
    node_sign: NodeSigner, current: SigningSecret
) -> None:
    token = node_sign.sign_like_the_guide(ADA | {"name": "Ada \ud83d"}, SECRET)
    assert verify(token, (current,), payload_of(token)["iat"]).claims.name in {None, "Ada \ufffd"}


@pytest.mark.parametrize(
    ("payload", "options", "reason"),
    [
        ({"sub": "u_1", "iat": NOW}, {"algorithm": "HS256"}, Reason.MISSING_CLAIM),
        ({"sub": "u_1", "iat": NOW, "exp": (NOW + 3600) * 1000}, {"algorithm": "HS256"}, Reason.LIFETIME_TOO_LONG),
        ({"sub": "u_1", "iat": NOW}, {"algorithm": "HS256", "expiresIn": "7d"}, Reason.LIFETIME_TOO_LONG),
        ({"sub": "u_1", "iat": NOW}, {"algorithm": "HS256", "expiresIn": "0s"}, Reason.EXPIRED),
        (
            {"sub": "u_1", "iat": NOW},
            {"algorithm": "HS256", "expiresIn": "1h", "notBefore": "10m"},
            Reason.NOT_YET_VALID,
        ),
        ({"sub": "u_1", "iat": NOW + 600}, {"algorithm": "HS256", "expiresIn": "1h"}, Reason.NOT_YET_VALID),
        ({"sub": "u_1", "iat": NOW}, {"algorithm": "HS384", "expiresIn": "1h"}, Reason.UNSUPPORTED_ALGORITHM),
        ({"sub": "u_1", "iat": NOW}, {"algorithm": "HS512", "expiresIn": "1h"}, Reason.UNSUPPORTED_ALGORITHM),
        ({"sub": "u_1", "iat": NOW}, {"algorithm": "none", "expiresIn": "1h"}, Reason.UNSUPPORTED_ALGORITHM),
        ("u_1", {"algorithm": "HS256"}, Reason.MALFORMED),
    ],
    ids=[
        "without expiresIn",
        "exp in milliseconds",
        "a week long",
        "over at once",
        "not before",
        "a fast clock",
        "HS384",
        "HS512",
        "none",
        "a text for a payload",
    ],
)
def test_a_careless_call_fails_with_its_reason(
    payload: object, options: dict[str, object], reason: Reason, node_sign: NodeSigner, current: SigningSecret
) -> None:
    secret = "" if options["algorithm"] == "none" else SECRET
    assert reason_of(node_sign.sign(payload, secret, **options), current) is reason


def test_a_key_id_an_issuer_and_an_audience_change_nothing(node_sign: NodeSigner, current: SigningSecret) -> None:
    options = {"algorithm": "HS256", "expiresIn": "1h", "keyid": "k1", "audience": "kaltalk", "issuer": "shop"}
    assert verify(node_sign.sign({"sub": "u_1", "iat": NOW}, SECRET, **options), (current,), NOW).claims == Claims(
        "u_1"
    )
