"""The mail of the shop, and what somebody does who confirms an address."""

import re
from dataclasses import dataclass, field

from tests.host_demo.visitor import PASSWORD, Visitor, claims_on

EVE = {"name": "Eve", "username": "eve", "email": "ada@example.com", "password": PASSWORD}


@dataclass
class Post:
    """A mailer that keeps what it was given."""

    mails: list[tuple[str, str]] = field(default_factory=list)
    trouble: Exception | None = None

    def __call__(self, address: str, subject: str, text: str) -> None:
        """Take a mail."""
        if self.trouble is not None:
            raise self.trouble
        assert subject == "Your code for Harrow Lane Tea"
        self.mails.append((address, text))

    @property
    def last_code(self) -> str:
        """The code in the last mail."""
        found = re.match(r"[A-Z2-7]{5}-[A-Z2-7]{5} ", self.mails[-1][1])
        assert found
        return found[0].strip()


def profile(**changes: str) -> dict[str, str]:
    """Ada's profile form."""
    return {"name": "Ada Lovelace", "username": "ada", "email": "ada@example.com"} | changes


def confirm(visitor: Visitor, code: str) -> int:
    """Type a code and return the status of the answer."""
    return visitor.submit("/profile", code=code).status_code


def ask_for_code(visitor: Visitor) -> str:
    """Ask for a code and return the page that follows."""
    assert visitor.submit("/profile", new_code="").location == "/profile"
    return visitor.get("/profile").text


def email_told(visitor: Visitor) -> str | None:
    """The address that the next page signs."""
    email: str | None = claims_on(visitor.get("/"))["email"]
    return email
