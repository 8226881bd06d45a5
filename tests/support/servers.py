"""Servers that tests start: each in a process group of its own, on a loopback port, and ended for sure."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.redact import redact

# What a developer has exported must not change what a test sees.
_NOT_INHERITED = ("KALTALK_", "HOST_", "FLASK_", "GUNICORN_", "WEB_CONCURRENCY", "PORT", "COVERAGE_", "COV_")


def free_port() -> int:
    """Return a loopback TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without the project's own settings, and with `extra`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    return inherited | {"PYTHONUNBUFFERED": "1"} | dict(extra)


class Server:
    """A command that serves HTTP on 127.0.0.1, up while the `with` block runs.

    `{port}` in an argument or a value of `env` becomes the port; `PORT` holds it too. Ready means that `ready_path`
    gets any answer. All output goes to `log`. Raises RuntimeError when the command ends or stays silent instead.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        port: int | None = None,
        ready_path: str = "/",
        timeout: float = 30.0,
    ) -> None:
        self.port = free_port() if port is None else port
        self.origin = f"http://127.0.0.1:{self.port}"
        self.log = log
        self._command = [part.replace("{port}", str(self.port)) for part in command]
        settings = {name: value.replace("{port}", str(self.port)) for name, value in (env or {}).items()}
        self._env = clean_environment({"PORT": str(self.port)} | settings)
        self._ready_path = ready_path
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the command, while it runs."""
        assert self._process is not None, "this server is not running"
        return self._process.pid

    @property
    def output(self) -> str:
        """All that the server has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start the command and return when it answers. Also starts it again after `stop` or `kill`."""
        if self._process is not None:
            msg = "this server is already running"
            raise RuntimeError(msg)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own: reloaders and workers end with it
            )
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End the whole process group: asked first, killed after five seconds. Does nothing when it has ended."""
        self._end(signal.SIGTERM, grace=5.0)

    def kill(self) -> None:
        """End the whole process group as a power cut would. Does nothing when it has ended."""
        self._end(signal.SIGKILL, grace=5.0)

    def _end(self, first: signal.Signals, grace: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _signal_group(process.pid, first)
        try:
            process.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _signal_group(process.pid, signal.SIGKILL)  # also what the leader left behind
            process.wait()

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            if process.poll() is not None:
                msg = f"the server ended with code {process.returncode} before it answered:\n{self._tail()}"
                raise RuntimeError(msg)
            if self._answers():
                return
            time.sleep(0.05)
        msg = f"the server did not answer within {self._timeout:g} s:\n{self._tail()}"
        raise RuntimeError(msg)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self._ready_path)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def _tail(self) -> str:
        return redact("\n".join(self.output.splitlines()[-30:]))


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
