"""`identity.py`, the file that integrators copy, by itself."""

import ast
import base64
import hashlib
import hmac
import itertools
import json
import logging
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest

from host_demo import identity
from tests.host_demo.visitor import SECRET

SOURCE = Path(identity.__file__)
NOW = 1_800_000_000


@dataclass
class Person:
    """As little of a user as the file asks for."""

    id: object = "u_1"
    email: str = "ada@example.com"
    name: str = "Ada"


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_refusals", itertools.count())


def parts(token: str | None) -> tuple[bytes, bytes, bytes]:
    """The three segments of a token, decoded."""
    assert token is not None
    head, payload, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    return head, payload, signature


def test_the_token_holds_these_claims_and_lives_exactly_one_hour() -> None:
    header, payload, _ = parts(identity.sign_user_jwt(Person(), SECRET, now=NOW + 0.9))
    assert json.loads(header) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(payload) == {
        "sub": "u_1",
        "email": "ada@example.com",
        "name": "Ada",
        "iat": NOW,
        "exp": NOW + 3600,
    }


def test_a_user_who_is_not_stored_yet_gets_no_token() -> None:
    assert identity.sign_user_jwt(Person(id=None), SECRET) is None


def test_the_clock_of_the_machine_is_the_default() -> None:
    token = identity.sign_user_jwt(Person(), SECRET)
    assert token is not None
    assert jwt.decode(token, SECRET, algorithms=["HS256"])["sub"] == "u_1"


def test_the_secret_is_used_as_it_stands_and_never_base64_decoded() -> None:
    secret = base64.b64encode(b"x" * 32).decode()
    token = identity.sign_user_jwt(Person(), secret, now=NOW)
    signed = (token or "").rpartition(".")[0].encode()
    assert parts(token)[2] == hmac.new(secret.encode(), signed, hashlib.sha256).digest()


def test_after_a_rotation_the_new_secret_signs_in_the_same_process() -> None:
    for secret in (SECRET, "n" * 43, SECRET):
        token = identity.sign_user_jwt(Person(), secret)
        assert jwt.decode(token or "", secret, algorithms=["HS256"])["sub"] == "u_1"


def test_a_numeric_id_becomes_text() -> None:
    assert json.loads(parts(identity.sign_user_jwt(Person(id=7), SECRET))[1])["sub"] == "7"


@pytest.mark.parametrize(
    "secret",
    [
        None,
        "",
        "x" * 31,
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "ssh-rsa " + "A" * 40,
        json.dumps({"kty": "oct", "k": "A" * 43}),
    ],
    ids=["none", "empty", "31 bytes", "PEM", "SSH", "JWK"],
)
def test_without_a_usable_secret_there_is_no_token_at_all(secret: str | None) -> None:
    assert identity.sign_user_jwt(Person(), secret) is None


def test_a_secret_of_32_bytes_is_long_enough() -> None:
    assert identity.sign_user_jwt(Person(), "x" * 32)
    assert identity.sign_user_jwt(Person(), "é" * 16)


def test_an_unusable_secret_is_reported_once_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for _ in range(5):
            identity.sign_user_jwt(Person(), "hush-hush-short")
    assert len(caplog.records) == 1
    assert "KALTALK_IV_SECRET" in caplog.text
    assert "hush" not in caplog.text


def test_the_file_works_alone_with_pyjwt_and_says_one_line_in_a_process(tmp_path: Path) -> None:
    shutil.copy(SOURCE, tmp_path)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import identity; from types import SimpleNamespace as N;"
        "u = N(id='u_1', email='a@example.com', name='A');"
        "print([identity.sign_user_jwt(u, 'short') for _ in range(3)], identity.sign_user_jwt(u, 'x' * 32).count('.'))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[None, None, None] 2"
    assert len(done.stderr.splitlines()) == 1


def test_the_file_stays_small_and_needs_pyjwt_alone() -> None:
    source = SOURCE.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 55
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or ".").partition(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"jwt"}
