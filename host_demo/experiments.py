"""The experiments of the lab, button by button. NOT TO BE COPIED into a host of your own, as all of the lab.

They make tokens that a host must never make, always about the user who is logged in and nobody else.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import abort
from jwt.utils import base64url_decode, base64url_encode

from host_demo.confirmation import waiting_email
from host_demo.identity import LIFETIME, sign_user_jwt, usable_key

TITLE = ", the boss"  # what somebody who changes the payload would like to be


@dataclass(frozen=True, slots=True)
class Bench:
    """What an experiment is made of. `stranger` is the id of another demo customer; only ever claimed, never signed."""

    user: Any
    stranger: str
    secret: str
    previous: Callable[[], str]
    now: int

    @property
    def number(self) -> int:
        """An id of this user such as a host with numeric ids would have; below 2**53, as far as JavaScript counts."""
        return int.from_bytes(hashlib.sha256(self.user.id.encode()).digest()[:6])

    @property
    def email(self) -> str:
        """The address of this user, or the one that waits to be confirmed: the page may claim anything."""
        return self.user.email or waiting_email(self.user) or "somebody@example.com"

    def token(self, secret: str | None = None, age: int = 0) -> str:
        """The token that `identity.py` makes for this user, with the secret of this shop or another one."""
        token = sign_user_jwt(self.user, secret or self.secret, now=self.now - age)
        if token is None:
            abort(503)
        return token

    def forged(self, *, alg: str = "HS256", **changes: Any) -> str:
        """A token about this user that PyJWT would not make: `alg` with its own hash, and these claims changed.

        A `sub` can only be changed to a number of this very user: signing for others is what a host must never do.
        """
        claims = decoded(self.token().split(".")[1]) | changes
        if claims["sub"] not in {self.user.id, self.number}:
            raise ValueError("the lab signs for the user who is logged in and for nobody else")
        signed = f"{_encoded({'alg': alg, 'typ': 'JWT'})}.{_encoded(claims)}"
        if alg == "none":
            return f"{signed}."
        hash_ = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}[alg]
        signature = hmac.digest(usable_key(self.secret) or abort(503), signed.encode(), hash_)
        return f"{signed}.{base64url_encode(signature).decode()}"

    def tampered(self, **changes: Any) -> str:
        """This user's good token with other claims under the signature that it had."""
        header, payload, signature = self.token().split(".")
        return f"{header}.{_encoded(decoded(payload) | changes)}.{signature}"


@dataclass(frozen=True, slots=True)
class Experiment:
    """A button: what it says before, what it makes the page send, and what there is to learn from it."""

    label: str
    before: str
    after: str
    body: Callable[[Bench], dict[str, Any]]


GROUPS: dict[str, dict[str, Experiment]] = {
    "Signed by the shop": {
        "good": Experiment(
            "A good token",
            "Signed for you a moment ago, valid for one hour.",
            "Only who holds the secret can make this signature, and it covers who you are and until when.",
            lambda bench: {"userJwt": bench.token()},
        ),
        "expired": Experiment(
            "An expired token",
            "Signed rightly, two hours ago, for one hour: a page from a cache, say.",
            "The signature is right and the time is over. A leaked token is worth little, and not for long.",
            lambda bench: {"userJwt": bench.token(age=2 * LIFETIME)},
        ),
        "previous_secret": Experiment(
            "The previous secret",
            "Signed with the secret before the last rotation. Rotates now if there was none.",
            "After a rotation the old secret goes on verifying for 24 hours: time to deploy the new one everywhere.",
            lambda bench: {"userJwt": bench.token(bench.previous())},
        ),
        "numeric_id": Experiment(
            "A numeric id",
            "Signed rightly, but sub is a number and not text, as many Node hosts send it.",
            "A number is taken as its decimal text. It is another sub, though, so this is another record of yours: "
            "an id that changes splits a history in two.",
            lambda bench: {"userJwt": bench.forged(sub=bench.number)},
        ),
    },
    "Forged": {
        "tampered": Experiment(
            "A tampered token",
            "Your good token with another name written into it, under the old signature.",
            "The signature covers every character of header and payload, so a changed one breaks it.",
            lambda bench: {"userJwt": bench.tampered(name=f"{bench.user.name}{TITLE}")},
        ),
        "stranger_token": Experiment(
            "Someone else’s sub",
            "Your good token with the sub of another customer written into it.",
            "You cannot become somebody else with a token of your own: the signature is about you.",
            lambda bench: {"userJwt": bench.tampered(sub=bench.stranger)},
        ),
        "wrong_secret": Experiment(
            "A wrong secret",
            "The right claims, signed with a secret made up just now.",
            "The form of a token proves nothing: 256 random bits are not guessed.",
            lambda bench: {"userJwt": bench.token(secrets.token_urlsafe(36))},
        ),
        "alg_none": Experiment(
            "alg: none",
            "The header says that no signature is needed, and there is none.",
            "KalTalk decides which algorithm counts, and never asks the token.",
            lambda bench: {"userJwt": bench.forged(alg="none")},
        ),
        "hs512": Experiment(
            "HS512",
            "Signed with the right secret, but by another algorithm.",
            "Exactly one algorithm is taken, HS256, even when the key is the right one: less to get wrong.",
            lambda bench: {"userJwt": bench.forged(alg="HS512")},
        ),
    },
    "Without a token": {
        "no_token": Experiment(
            "Nothing at all",
            "Only which shop this is, as for a visitor who is not logged in.",
            "Who claims nothing is nobody: an anonymous visitor, and there is nothing to doubt.",
            lambda _bench: {},
        ),
        "only_email": Experiment(
            "Only an e-mail",
            "Your address, as anybody could type it into the console.",
            "An address is no proof: everybody who ever wrote to you knows it. Here is the gap that tokens close.",
            lambda bench: {"email": bench.email},
        ),
        "stranger_id": Experiment(
            "Someone else’s id",
            "The id of another customer, without any token.",
            "It lands beside that customer, marked as a mere claim: nothing proven is changed, nothing can be read.",
            lambda bench: {"externalId": bench.stranger},
        ),
    },
}
EXPERIMENTS = {key: experiment for group in GROUPS.values() for key, experiment in group.items()}


def _encoded(value: dict[str, Any]) -> str:
    return base64url_encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def decoded(part: str) -> dict[str, Any]:
    """What the header or the payload of a token says."""
    value: dict[str, Any] = json.loads(base64url_decode(part))
    return value
