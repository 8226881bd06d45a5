"""A steady stream of good requests from an address of its own, to see what others make of their time."""

import http.client
import json
import threading
import time
from collections.abc import Sequence
from statistics import quantiles
from typing import Self

from bench import load
from bench.load import Request
from bench.shop import HEADERS

ADDRESS = "127.0.0.2"  # so that limits by address tell it from wrk


class Stream:
    """Sends ``rate`` requests a second on ``lanes`` connections while the ``with`` block runs.

    A request's time runs from when it was due: what waits behind a slow one was slow itself.
    """

    def __init__(self, port: int, requests: Sequence[Request], *, rate: float, lanes: int = 4) -> None:
        self._port = port
        self._requests = requests
        self._pause = lanes / rate
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(lane, self._pause * lane / lanes)) for lane in range(lanes)
        ]
        self._times: list[float] = []
        self._wrong: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def count(self) -> int:
        """How many were answered."""
        return len(self._times)

    def milliseconds(self) -> tuple[float, float]:
        """Return the 50th and the 99th percentile. Raises WrongAnswer when one answer was not good."""
        if self._wrong or len(self._times) < 2:
            raise load.WrongAnswer(f"{len(self._wrong)} good requests had no good answer: {self._wrong[:1]}")
        parts = quantiles(self._times, n=100)
        return parts[49] * 1000, parts[98] * 1000

    def _send(self, lane: int, delay: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60, source_address=(ADDRESS, 0))
        due = time.monotonic() + delay
        number = lane
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            request = self._requests[number % len(self._requests)]
            try:
                connection.request(request.method, request.path, request.body.encode(), dict(HEADERS))
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200 or json.loads(body)["identity"]["state"] != "verified":
                    self._wrong.append(str(answer.status))
            except (OSError, http.client.HTTPException) as error:
                self._wrong.append(type(error).__name__)
                connection.close()
            self._times.append(time.monotonic() - due)
            due += self._pause
            number += len(self._threads)
        connection.close()
