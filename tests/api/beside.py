"""What the tests of the lane share: requests as servers hand them over, answered by the lane and by Flask's way."""

import gc
import json
from typing import Any, NamedTuple

import pytest
from flask import Flask
from werkzeug.test import create_environ, run_wsgi_app

from kaltalk_iv.lane import _RECEIVERS, Application

KNOWN = ("/v1/organizations/org_test/identify", "/v1/messages", "/v1/session")
IDENTIFY, MESSAGES, SESSION = KNOWN
SHOP = "https://shop.example"


class Said(NamedTuple):
    """An answer, without what is new in each: the request's id, and the names and seals of sessions."""

    status: int
    headers: list[tuple[str, str]]
    body: Any


@pytest.fixture
def served(sqlite_app: Flask) -> Application:
    """Give an application that has answered its first request: that one goes Flask's way."""
    return after_its_first(sqlite_app)


def after_its_first(app: Flask) -> Application:
    """Return ``app`` when it has answered a request, and nobody hears of it whom an earlier test left behind."""
    if any(_RECEIVERS):
        gc.collect()
    assert app.test_client().get("/healthz").status_code == 200
    assert isinstance(app, Application)
    return app


def environ_of(path: str, method: str = "POST", **options: Any) -> dict[str, Any]:
    """Return a request as a server hands it over."""
    base_url = options.pop("base_url", "https://kaltalk.example")
    extra = options.pop("environ", {})
    made: dict[str, Any] = create_environ(path, base_url, method=method, **options)
    return {**made, "REMOTE_ADDR": "198.51.100.7", **extra}


def takes(app: Application, environ: dict[str, Any]) -> bool:
    """Whether the lane takes a request."""
    assert app._lane is not None
    return app._lane.find(environ) is not None


def said(app: Any, environ: dict[str, Any]) -> Said:
    """Return what ``app``, a WSGI application, answers."""
    parts, line, headers = run_wsgi_app(app, environ, buffered=True)
    raw = b"".join(parts)
    body = json.loads(raw) if raw else None
    if isinstance(body, dict) and "session" in body:
        assert len(body["session"].pop("token")) > 100
        assert body["session"].pop("id").startswith("ses_")
    plain = [(name, value) for name, value in headers if name != "X-Request-ID"]
    assert len(plain) == len(headers) - 1
    return Said(int(line[:3]), sorted(plain), body)


def check_both_ways(app: Application, **asked: Any) -> Said:
    """Return the answer, by the lane and by Flask's way. Fails when they differ, or when the lane does not take it."""
    body = asked.get("data", b"")
    assert takes(app, environ_of(**asked))
    beside = said(app, environ_of(**asked | {"data": body}))
    assert beside == said(lambda *given: Flask.wsgi_app(app, *given), environ_of(**asked | {"data": body}))
    return beside


def check_identify(app: Application, body: bytes, *, status: int, **asked: Any) -> Said:
    """Return the answer to an identify, after ``check_both_ways``."""
    given = {"path": IDENTIFY, "data": body, "content_type": "application/json", "headers": {"Origin": SHOP}} | asked
    answer = check_both_ways(app, **given)
    assert answer.status == status, answer
    return answer


class Endless:
    """A connection that stays open: who reads past the body waits for ever, and fails here."""

    def __init__(self, body: bytes) -> None:
        self.left = body

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes of what is there."""
        assert self.left, "this would wait for ever"
        part = self.left if size < 0 else self.left[:size]
        self.left = self.left[len(part) :]
        return part
