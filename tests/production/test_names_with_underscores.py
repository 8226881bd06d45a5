"""Two names of a header are one to WSGI, X-Forwarded-For and X_Forwarded_For: one is the proxy's, the other anybody's.

This is why docs/production.md names gunicorn first, and what it asks of a proxy in front of granian.
"""

import http.client
import json
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from kaltalk_iv.testing import add_organization
from tests.production.deployment import ORGANIZATION, ROOT
from tests.support.servers import Server

GUNICORN = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "kaltalk_iv.server:create_app()"]
GRANIAN = ["deploy/granian.sh"]
BODY = json.dumps({"email": "ada@shop.example"}).encode()


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Run on SQLite alone: it is about headers."""
    return sqlite_url


@pytest.fixture
def start(
    app: Flask, environment: dict[str, str], start_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[str]], Server]:
    """Return a function that starts one worker behind one proxy, where an address may identify twice a minute."""
    monkeypatch.chdir(ROOT)
    add_organization(app, ORGANIZATION)
    settings = environment | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "KALTALK_BIND": "127.0.0.1:{port}",
        "KALTALK_PROXY_HOPS": "1",
        "KALTALK_IV_LIMITS": "on",
        "KALTALK_IV_LIMIT_IDENTIFY_ADDRESS": "2 per 1 minute",
        "WEB_CONCURRENCY": "1",
    }
    return lambda command: start_server(command, env=settings, ready_path="/healthz")


def identify(server: Server, forged: int, *, last: bool = False) -> int:
    """Identify as one visitor who forges an address, before or after the one of the proxy; return the status."""
    headers = {
        "Content-Type": "application/json",
        "X_Forwarded_For": f"198.51.100.{forged}",
        "Content-Length": str(len(BODY)),
        "X-Forwarded-For": "203.0.113.2" if last else "203.0.113.1",
    }
    if last:
        headers["X_Forwarded_For"] = headers.pop("X_Forwarded_For")
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        connection.request("POST", f"/v1/organizations/{ORGANIZATION}/identify", BODY, headers)
        return connection.getresponse().status


def test_a_forged_name_buys_nothing_on_gunicorn(start: Callable[[list[str]], Server]) -> None:
    server = start(GUNICORN)
    for last in (False, True):
        assert [identify(server, forged, last=last) for forged in range(4)] == [200, 200, 429, 429]


def test_granian_still_takes_a_forged_name_for_the_proxys(start: Callable[[list[str]], Server]) -> None:
    # Should this fail, granian tells the names apart: say so on the page, and think again which server comes first.
    server = start(GRANIAN)
    assert [identify(server, forged) for forged in range(4)] == [200] * 4
    assert "must drop every header whose name has an underscore" in (ROOT / "docs/production.md").read_text("utf-8")
