"""What a worker has at its start is left out of collections of garbage: one that looks at all of it answers nobody."""

import http.client
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.production.deployment import ROOT
from tests.support.servers import Server

CONFIGURED = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"]
GUNICORN = [*CONFIGURED, "tests.production.frozen:create_app()"]
GRANIAN = ["deploy/granian.sh", "tests.production.frozen:create_app_for_granian"]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Run on SQLite alone: it is about processes."""
    return sqlite_url


@pytest.mark.parametrize("command", [GUNICORN, GRANIAN], ids=["gunicorn", "granian"])
def test_collections_look_at_little_more_than_what_requests_have_left(
    environment: dict[str, str],
    start_server: Callable[..., Server],
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
) -> None:
    monkeypatch.chdir(ROOT)
    settings = environment | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "KALTALK_BIND": "127.0.0.1:{port}",
        "WEB_CONCURRENCY": "1",
    }
    server = start_server(command, env=settings, ready_path="/healthz")

    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        connection.request("GET", "/frozen")
        frozen, looked_at = map(int, connection.getresponse().read().split())
    assert frozen > 50_000
    assert looked_at < frozen / 10
