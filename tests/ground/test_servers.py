"""A server that a test starts answers, is heard, and ends for sure."""

import contextlib
import http.client
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.servers import Server, clean_environment, free_port

# Prints its process id and that of a child that ignores a polite end, then serves.
SERVER = """
import http.server, os, signal, subprocess, sys
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(99)"
child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
child.stdout.readline()  # from here on it ignores a polite end
print("pids", os.getpid(), child.pid)
print("colour", os.environ.get("COLOUR"), os.environ.get("KALTALK_IV_SECRET"), os.environ["PORT"])
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind="127.0.0.1")
"""
COMMAND = [sys.executable, "-c", SERVER, "{port}"]


def is_running(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def pids(server: Server) -> list[int]:
    """The process ids that the server printed last."""
    line = [line for line in server.output.splitlines() if line.startswith("pids")][-1]
    return [int(pid) for pid in line.split()[1:]]


def ended(pid: int) -> bool:
    """Whether the process ends within two seconds."""
    deadline = time.monotonic() + 2
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


def test_a_started_server_answers_and_its_output_can_be_read(start_server: Callable[..., Server]) -> None:
    server = start_server(COMMAND, env={"COLOUR": "blue-{port}"})
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    with contextlib.closing(connection):
        connection.request("GET", "/?asked-by-the-test")
        assert connection.getresponse().read()
    assert f"colour blue-{server.port} None {server.port}" in server.output
    assert '"GET /?asked-by-the-test HTTP/1.1" 200' in server.output


@pytest.mark.parametrize("end", [Server.stop, Server.kill])
def test_an_ended_server_leaves_no_process_behind_and_can_start_again(
    tmp_path: Path, end: Callable[[Server], None]
) -> None:
    with Server(COMMAND, log=tmp_path / "log") as server:
        first = pids(server)
        assert all(map(is_running, first))
        end(server)
        assert all(map(ended, first))
        server.start()
        second = pids(server)
        assert second != first
    assert all(map(ended, second))


def test_a_server_that_ends_at_once_is_an_error_that_shows_what_it_said(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no key: ktiv_' + 'A' * 43)"]
    with pytest.raises(RuntimeError, match=r"code 1 before it answered:\nno key: \[redacted\]"):
        Server(command, log=tmp_path / "log").start()
    (tmp_path / "log").unlink()  # everything that a run leaves behind is searched for secrets


def test_a_server_that_never_answers_is_an_error_and_is_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import os, time; print('pids', os.getpid()); time.sleep(99)"]
    server = Server(command, log=tmp_path / "log", timeout=0.5)
    with pytest.raises(RuntimeError, match="did not answer"):
        server.start()
    assert all(map(ended, pids(server)))


def test_settings_that_a_developer_exported_are_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALTALK_IV_SECRET", "from the developer's shell")
    monkeypatch.setenv("FLASK_DEBUG", "1")
    environment = clean_environment({"HOST_SECRET_KEY": "from the test"})
    assert "KALTALK_IV_SECRET" not in environment
    assert "FLASK_DEBUG" not in environment
    assert environment["HOST_SECRET_KEY"] == "from the test"
    assert environment["PATH"] == os.environ["PATH"]


def test_two_free_ports_can_be_had() -> None:
    assert 1024 <= free_port() <= 65535
