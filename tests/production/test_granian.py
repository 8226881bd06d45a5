"""deploy/granian.sh, which docs/production.md offers beside gunicorn: what holds on it, by the command of the page."""

import errno
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from kaltalk_iv.testing import add_organization, bearer
from tests.production.agent import Agent
from tests.production.deployment import ORGANIZATION, ROOT, VERIFIED, Deployment
from tests.support.servers import Server, clean_environment

TOKEN = "a-token-of-those-who-run-this"
COMMAND = "deploy/granian.sh"
PATH = f"/v1/organizations/{ORGANIZATION}/identify"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Run on SQLite alone: it is about processes."""
    return sqlite_url


@pytest.fixture
def settings(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give the settings of a start by the command of the page."""
    assert f"\n{COMMAND}\n" in (ROOT / "docs/production.md").read_text(encoding="utf-8")
    monkeypatch.chdir(ROOT)
    (metrics := tmp_path / "metrics").mkdir()
    return environment | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "KALTALK_METRICS_TOKEN": TOKEN,
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "WEB_CONCURRENCY": "2",
    }


@pytest.fixture
def deployment(
    app: Flask, environment: dict[str, str], settings: dict[str, str], start_server: Callable[..., Server]
) -> Deployment:
    """Give KalTalk as granian serves it, with two workers."""
    command = [COMMAND, "tests.production.carried:create_app"]
    server = start_server(command, env=settings | {"KALTALK_BIND": "127.0.0.1:{port}"}, ready_path="/login")
    return Deployment(server, app, environment, add_organization(app, ORGANIZATION))


def workers_of(parent: int) -> set[int]:
    """Return the worker processes that run now; since Python 3.14 their parent has a helper of its own, too."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {int(pid) for pid in children if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()}


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return when it is so. Fails when it takes too long."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def takes_nobody(port: int) -> bool:
    """Return whether new connections are refused."""
    with closing(socket.socket()) as connection:
        return connection.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def identify(deployment: Deployment) -> None:
    """Fail unless a good token verifies."""
    token = deployment.organization.sign("u_ada", now=time.time(), email="ada@shop.example")
    answer = deployment.identify(userJwt=token)
    assert (answer.status, answer.identity) == (200, VERIFIED)


def test_a_killed_worker_is_replaced_and_all_workers_count_together_in_an_all_json_log(deployment: Deployment) -> None:
    before = workers_of(deployment.server.pid)
    for _ in range(2):
        deployment.first_of_each_worker(lambda: deployment.ask("GET", "/healthz"))
        identify(deployment)

    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: len(workers_of(deployment.server.pid) - {min(before)}) == 2)
    assert len(workers_of(deployment.server.pid) - before) == 1
    deployment.first_of_each_worker(lambda: deployment.ask("GET", "/login"))
    identify(deployment)

    counted = deployment.ask("GET", "/metrics", b"", **bearer(TOKEN)).body.decode()
    assert 'kaltalk_identifies_total{outcome="verified",reason=""} 3.0' in counted
    deployment.server.stop()
    lines = [json.loads(line) for line in deployment.server.output.splitlines()]
    assert {"_granian", "kaltalk_iv.access"} <= {line["logger"] for line in lines}
    assert len([line for line in lines if line.get("organization") == ORGANIZATION]) == 3


def test_a_request_under_way_is_answered_while_the_server_ends(deployment: Deployment) -> None:
    body = json.dumps({"externalId": "u_bob"}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", deployment.server.port), timeout=10) as connection,
        socket.create_connection(("127.0.0.1", deployment.server.port), timeout=10) as idle,
    ):
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 200")
        connection.sendall(head.encode() + body[:5])
        time.sleep(0.5)
        os.kill(deployment.server.pid, signal.SIGTERM)
        wait_until(lambda: takes_nobody(deployment.server.port))
        time.sleep(1.2)
        connection.sendall(body[5:])
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    deployment.server.stop()
    assert "Killing" not in deployment.server.output, "a kept connection held the server up"


def test_a_request_carries_no_setting_and_pages_are_as_in_production(deployment: Deployment) -> None:
    carried = deployment.ask("GET", "/carried").body.decode().split("\n")
    assert {"HTTP_HOST", "PATH_INFO", "PROMETHEUS_MULTIPROC_DIR"} <= set(carried)
    assert [name for name in carried if name.startswith("KALTALK")] == []
    page = deployment.ask("GET", "/login")
    assert page.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    grace = Agent(deployment, "a calm and quiet password")
    assert grace.log_in() == 303  # its cookie is __Host- and Secure
    assert grace.cookies


class OverUnixSocket(http.client.HTTPConnection):
    """A connection as the proxy of the page makes it."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def status_over(path: Path) -> int:
    """Return the status of a page that is asked for over this socket, or 0 when nobody answers."""
    with closing(OverUnixSocket(path)) as connection:
        try:
            connection.request("GET", "/login")
            return connection.getresponse().status
        except OSError:
            return 0


def test_a_worker_that_hangs_holds_up_nobody_on_a_unix_socket(settings: dict[str, str], tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="kaltalk-") as folder, (tmp_path / "log").open("wb") as log:
        path = Path(folder) / "k.sock"  # a socket's path must be short
        with closing(socket.socket(socket.AF_UNIX)) as left_behind:
            left_behind.bind(str(path))
        server = subprocess.Popen(
            [COMMAND],
            env=clean_environment(settings | {"KALTALK_BIND": f"unix:{path}"}),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_until(lambda: status_over(path) == 200)
            assert path.stat().st_mode & 0o777 == 0o660
            os.kill(min(workers_of(server.pid)), signal.SIGSTOP)
            status_over(path)  # the one that it may have been taking as it stopped
            assert [status_over(path) for _ in range(12)] == [200] * 12
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
