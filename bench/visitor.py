"""One client, one connection: requests timed one after another, and an agent's login as a browser makes it."""

import http.client
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

_CSRF = re.compile(rb'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Request:
    """A request to send."""

    method: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and after how many seconds the whole of it was there."""

    status: int
    headers: http.client.HTTPMessage = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float

    def json(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


class Client:
    """Keeps one connection to a server, and the cookies that it gave."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookies: dict[str, str] = {}

    def send(self, request: Request) -> Answer:
        """Send ``request`` and return the answer."""
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = ({"Cookie": cookies} if cookies else {}) | request.headers
        began = time.perf_counter()
        self._connection.request(request.method, request.path, request.body, headers)
        response = self._connection.getresponse()
        body = response.read()
        seconds = time.perf_counter() - began
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return Answer(response.status, response.headers, body, seconds)

    def log_in(self, login: str, password: str) -> None:
        """Log in to the dashboard, with the form's CSRF token."""
        form = self.send(Request("GET", "/login"))
        found = _CSRF.search(form.body)
        if found is None:
            raise RuntimeError("the login page holds no CSRF token")
        fields = urlencode({"login": login, "password": password, "csrf_token": found[1].decode()})
        answer = self.send(
            Request("POST", "/login", fields.encode(), {"Content-Type": "application/x-www-form-urlencoded"})
        )
        if answer.status != 303:
            raise RuntimeError(f"the login was answered with {answer.status}")

    def connect(self) -> None:
        """Open the connection anew: a server closes one that was idle while others were asked."""
        self._connection.close()
        self.send(Request("GET", "/healthz"))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def as_json(path: str, body: dict[str, Any], **headers: str) -> Request:
    """Return the POST of ``body`` that the widget would send."""
    return Request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"} | headers)
