"""Tokens come from Node's own library, with the exact call that the guide prints."""

from pathlib import Path

import jwt
import pytest

from tests.support.node import FOLDER, NodeRefusedToSignError, NodeSigner

pytestmark = pytest.mark.node

SECRET = "ktiv_" + "s" * 43
THE_CALL_OF_THE_GUIDE = (
    "jwt.sign({ sub: user.id, email: user.email, name: user.name }, process.env.KALTALK_IV_SECRET, "
    '{ algorithm: "HS256", expiresIn: "1h" })'
)


def test_the_fixture_signs_with_the_exact_call_of_the_guide() -> None:
    assert THE_CALL_OF_THE_GUIDE in (FOLDER / "sign.js").read_text(encoding="utf-8")


def test_a_token_of_the_guide_is_good_for_one_hour_and_carries_the_user(node_sign: NodeSigner) -> None:
    token = node_sign.sign_like_the_guide({"id": "u_1", "email": "ada@example.com", "name": "Ada"}, SECRET)
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert claims.pop("exp") - claims.pop("iat") == 3600
    assert claims == {"sub": "u_1", "email": "ada@example.com", "name": "Ada"}


def test_each_token_is_signed_with_the_secret_of_its_own_request(node_sign: NodeSigner) -> None:
    for secret in (SECRET, SECRET[::-1]):
        jwt.decode(node_sign.sign_like_the_guide({"id": "u_1"}, secret), secret, algorithms=["HS256"])


def test_a_user_without_an_id_has_no_sub_and_a_numeric_id_stays_a_number(node_sign: NodeSigner) -> None:
    nobody, seven = (
        jwt.decode(node_sign.sign_like_the_guide(user, SECRET), options={"verify_signature": False})
        for user in ({"email": "ada@example.com"}, {"id": 7})
    )
    assert "sub" not in nobody
    assert seven["sub"] == 7


def test_careless_and_hostile_tokens_can_be_made(node_sign: NodeSigner) -> None:
    endless = node_sign.sign({"sub": "u_1"}, SECRET)
    milliseconds = node_sign.sign({"sub": "u_1", "exp": 1_800_000_000_000}, SECRET, algorithm="HS256")
    assert "exp" not in jwt.decode(endless, SECRET, algorithms=["HS256"])
    assert jwt.decode(milliseconds, SECRET, algorithms=["HS256"])["exp"] == 1_800_000_000_000
    long_hash = node_sign.sign({"sub": "u_1"}, SECRET, algorithm="HS512", expiresIn="1h")
    assert jwt.get_unverified_header(long_hash)["alg"] == "HS512"


def test_what_the_library_refuses_is_an_error_and_the_next_token_is_signed_all_the_same(
    node_sign: NodeSigner,
) -> None:
    with pytest.raises(NodeRefusedToSignError, match="must have a value"):
        node_sign.sign({"sub": "u_1"}, "")
    assert node_sign.sign({"sub": "u_1"}, SECRET)


def test_no_address_stands_in_the_lock_file() -> None:
    assert "://" not in Path(FOLDER / "package-lock.json").read_text(encoding="utf-8")
