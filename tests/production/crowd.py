"""Visitors who identify and write at a steady pace, and who ask again until they are answered, as the widget does."""

import http.client
import json
import secrets
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

from kaltalk_iv.testing import OrganizationForTests, bearer

_PATIENCE_SECONDS = 30.0
_MESSAGES_PER_IDENTIFY = 3
_LATER = frozenset({502, 503, 504})
_CUT_OFF = 0


@dataclass
class Visitor:
    """One browser. ``subs`` and ``texts`` are what was acknowledged.

    ``again`` counts requests that had to be repeated, ``refused`` those of them that were answered with "later".
    """

    number: int
    subs: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    again: int = 0
    refused: int = 0
    slowest: float = 0.0
    session: str = field(default="", repr=False)
    connection: http.client.HTTPConnection | None = None


class Crowd:
    """Writes to the server at ``port`` while the ``with`` block runs; it leaves when each has its last answer."""

    def __init__(self, port: int, organization: OrganizationForTests, *, visitors: int = 16, rate: float = 200) -> None:
        self._port = port
        self._organization = organization
        self._pause = visitors / rate
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(visitors)
        self.visitors = [Visitor(number) for number in range(visitors)]
        self._running: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._running = [self._threads.submit(self._visit, visitor) for visitor in self.visitors]
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._threads.shutdown()
        for running in self._running:
            running.result()

    @property
    def subs(self) -> list[str]:
        """Who was acknowledged as identified."""
        return [sub for visitor in self.visitors for sub in visitor.subs]

    @property
    def texts(self) -> list[str]:
        """What was acknowledged as stored."""
        return [text for visitor in self.visitors for text in visitor.texts]

    @property
    def again(self) -> int:
        """How many requests were repeated."""
        return sum(visitor.again for visitor in self.visitors)

    def _visit(self, visitor: Visitor) -> None:
        due = time.monotonic()
        try:
            while not self._stop.is_set():
                if len(visitor.texts) >= _MESSAGES_PER_IDENTIFY * len(visitor.subs):
                    self._identify(visitor)
                else:
                    self._send(visitor)
                due += self._pause
                self._stop.wait(max(0.0, due - time.monotonic()))
        finally:
            _close(visitor)

    def _identify(self, visitor: Visitor) -> None:
        sub = f"u_{visitor.number}_{len(visitor.subs)}"
        token = self._organization.sign(sub, now=time.time(), email=f"{sub}@shop.example")
        answer = self._ask(visitor, f"/v1/organizations/{self._organization.id}/identify", {"userJwt": token})
        assert answer["identity"]["state"] == "verified"
        visitor.session = answer["session"]["token"]
        visitor.subs.append(sub)

    def _send(self, visitor: Visitor) -> None:
        text = f"{visitor.subs[-1]} says {len(visitor.texts)}"
        body = {"text": text, "clientMessageId": f"m-{secrets.token_hex(8)}"}
        answer = self._ask(visitor, "/v1/messages", body, **bearer(visitor.session))
        assert answer["message"]["text"] == text
        visitor.texts.append(text)

    def _ask(self, visitor: Visitor, path: str, body: dict[str, str], **headers: str) -> dict[str, Any]:
        """Return the answer, after as many tries as it takes. Whatever is no "come back later" ends the test."""
        began = time.monotonic()
        while True:
            try:
                status, answer = self._try(visitor, path, body, headers)
            except (OSError, http.client.HTTPException):  # cut off: stored or not, nobody knows
                _close(visitor)
                status, answer = _CUT_OFF, {}
            visitor.refused += status in _LATER
            if status not in {_CUT_OFF, *_LATER}:
                assert status in {200, 201}, (status, answer.get("code"))
                visitor.slowest = max(visitor.slowest, time.monotonic() - began)
                return answer
            assert time.monotonic() - began < _PATIENCE_SECONDS, "no answer for too long"
            visitor.again += 1
            time.sleep(0.1)

    def _try(
        self, visitor: Visitor, path: str, body: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        if visitor.connection is None:
            visitor.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=15)
        sent = {"Content-Type": "application/json"} | headers
        visitor.connection.request("POST", path, json.dumps(body).encode(), sent)
        answer = visitor.connection.getresponse()
        return answer.status, json.loads(answer.read())


def _close(visitor: Visitor) -> None:
    if visitor.connection is not None:
        visitor.connection.close()
        visitor.connection = None
