"""Someone with a browser: keeps cookies, fills in forms with their CSRF token, reads what a page told KalTalk."""

import json
import re
from html import unescape
from typing import Any

import jwt
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.leaks import keep

PASSWORD = keep("a customer's password", "a calm and quiet password")
SECRET = "ktiv_" + "Zm9vYmFy" * 5 + "abc"


class Clock:
    """The time that the host sees; `now` may be moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """The time in seconds since 1970."""
        return self.now


class Visitor:
    """A visitor of the shop."""

    def __init__(self, app: Flask) -> None:
        self.http = app.test_client()

    def get(self, path: str) -> TestResponse:
        """Look at a page."""
        return self.http.get(path, buffered=True)  # else a static file stays open

    def csrf_token(self, path: str) -> str:
        """The CSRF token in the forms of a page."""
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(path).text)
        assert found, f"no form on {path}"
        return unescape(found[1])

    def submit(self, path: str, **fields: Any) -> TestResponse:
        """Fill in the form of the page at `path` and send it to the same address."""
        return self.http.post(path, data={"csrf_token": self.csrf_token(path)} | fields)

    def log_in(self, username: str = "ada", password: str = PASSWORD, **fields: Any) -> TestResponse:
        """Use the log-in page."""
        return self.submit("/login", username=username, password=password, **fields)

    def log_out(self) -> TestResponse:
        """Press the button on the home page."""
        return self.http.post("/logout", data={"csrf_token": self.csrf_token("/")})

    def is_logged_in(self) -> bool:
        """Whether the orders page opens."""
        return self.get("/orders").status_code == 200

    def cookie(self) -> str:
        """The session cookie as it stands in the browser."""
        cookie = self.http.get_cookie("__Host-host_session")
        assert cookie is not None
        return cookie.value


def settings_on(response: TestResponse) -> dict[str, Any]:
    """What the page hands to `KalTalk.init`."""
    found = re.search(r'<script type="application/json" id="kaltalk-settings">(.*?)</script>', response.text, re.DOTALL)
    assert found, "no snippet on the page"
    settings: dict[str, Any] = json.loads(found[1])
    return settings


def claims_on(response: TestResponse) -> dict[str, Any]:
    """The claims of the token on the page, after its signature was checked; the test looks at the times."""
    token = settings_on(response)["userJwt"]
    return jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})
