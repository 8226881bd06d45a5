"""Load: wrk sends prepared requests for some seconds and says how many were answered, how fast, and how many wrong."""

import http.client
import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.processes import cpu_seconds

_SCRIPT = Path(__file__).parent / "load.lua"
_CONNECTIONS = 8


class WrongAnswer(Exception):
    """A server did not do the job that is measured: its speed says nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to send. ``bearer`` is the token of its Authorization header, or empty."""

    path: str
    body: str = ""
    bearer: str = field(default="", repr=False)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Load:
    """What a load has shown. ``wrong``: answers with another status or content than expected; ``broken``: no answer."""

    answered: int
    seconds: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    wrong: int
    broken: int
    example: str  # of a wrong answer
    worker_us: float = 0.0  # of processor time that the server took for each answer, where it was named

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds

    def checked(self, what: str) -> "Load":
        """Return this load. Raises WrongAnswer unless all was answered, and as expected."""
        if self.wrong or self.broken or not self.answered:
            counts = f"{self.answered} answers, {self.wrong} of them wrong, {self.broken} requests broken off"
            raise WrongAnswer(f"{what}: {counts}. {self.example}")
        return self


def write_requests(file: Path, requests: Iterable[Request]) -> Path:
    """Write ``requests`` where ``run`` reads them, and return ``file``."""
    with file.open("w", encoding="utf-8") as lines:
        for request in requests:
            line = f"{request.method}\t{request.path}\t{request.bearer}\t{request.body}"
            if line.count("\t") != 3 or "\n" in line:
                raise ValueError("a request holds a tab or a line break: write its body as JSON")
            lines.write(f"{line}\n")
    return file


def run(
    origin: str,
    requests: Path,
    *,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    connections: int = _CONNECTIONS,
    threads: int = 1,
    expected: int = 200,
    content: str = "",
    once: bool = False,
    worker: int | None = None,
) -> Load:
    """Return what came of sending the ``requests`` of a file to ``origin``, in turn and again from the start.

    ``connections`` wait for their answer at any time. An answer is right when its status is ``expected`` and
    ``content`` stands in it. ``once``: each request is sent once, and the load ends with the last one. ``worker`` is
    the server's process, whose processor time is measured then.
    """
    sent = [part for name, value in (headers or {}).items() for part in ("-H", f"{name}: {value}")]
    # wrk counts whole seconds; it names none of the requests in what it prints.
    command = [
        "wrk",
        "-t",
        str(threads),
        "-c",
        str(connections),
        "-d",
        f"{max(1, round(seconds))}s",
        "--timeout",
        "30s",
    ]
    command += [*sent, "-s", str(_SCRIPT), origin, "--", str(requests), str(expected), content]
    command += ["once" if once else "cycle", str(threads)]
    before = 0.0 if worker is None else cpu_seconds(worker)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 120)
    spent = 0.0 if worker is None else cpu_seconds(worker) - before
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not found:
        raise RuntimeError(f"wrk failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    load = Load(**json.loads(found[0].removeprefix("RESULT ")))
    return replace(load, worker_us=1e6 * spent / load.answered if load.answered else 0.0)


def json_body(values: Mapping[str, object]) -> str:
    """Return a body as browsers write it."""
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer. ``json`` is None when it is none."""

    status: int
    headers: Mapping[str, str]
    json: Any = field(repr=False)


def ask(origin: str, request: Request, headers: Mapping[str, str] | None = None) -> Answer:
    """Send one request and return its answer, to be looked at whole."""
    sent = dict(headers or {}) | ({"Authorization": f"Bearer {request.bearer}"} if request.bearer else {})
    connection = http.client.HTTPConnection(origin.removeprefix("http://"), timeout=30)
    try:
        connection.request(request.method, request.path, request.body.encode() or None, sent)
        response = connection.getresponse()
        raw = response.read()
    finally:
        connection.close()
    try:
        read = json.loads(raw) if raw else None
    except ValueError:
        read = None
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, read)
