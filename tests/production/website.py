"""A busy website: browsers that identify without pause, each time with a token that the website has just signed."""

import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from kaltalk_iv.testing import OrganizationForTests
from tests.production.deployment import ORGANIZATION, Deployment

_PATIENCE_SECONDS = 30.0


class Website:
    """Identifies while the ``with`` block runs. ``signs_with`` are its secrets, which take turns.

    ``outcomes`` counts (status, state, reason) of the answers, ``workers`` who gave them.
    """

    def __init__(self, deployment: Deployment, *secrets: str, browsers: int = 3) -> None:
        self._deployment = deployment
        self.signs_with = secrets
        self.outcomes: Counter[tuple[int, str, str | None]] = Counter()
        self.workers: Counter[str] = Counter()
        self._landed = [0] * browsers
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(browsers)
        self._browsers: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._browsers = [self._threads.submit(self._browse, number) for number in range(len(self._landed))]
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._threads.shutdown()
        for browser in self._browsers:
            browser.result()

    def deploy(self, *secrets: str) -> None:
        """Sign with these from now on, and return when each browser has identified so.

        No token of a secret that is left out is under way any more then.
        """
        self.signs_with = secrets
        before = list(self._landed)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        # The first to land may have taken off before; the next has not.
        while any(now < then + 1 + len(secrets) for now, then in zip(self._landed, before, strict=True)):
            assert not any(browser.done() for browser in self._browsers), "a browser has ended"
            assert time.monotonic() < deadline, "a browser waits for its answer"
            self._stop.wait(0.001)

    def _browse(self, number: int) -> None:
        while not self._stop.is_set():
            secrets, flight = self.signs_with, self._landed[number]
            # A customer who comes again, and now and then one who is new.
            sub = f"u_{number}_{flight}" if flight % 10 == 0 else f"u_{number}"
            signer = OrganizationForTests(ORGANIZATION, secrets[flight % len(secrets)])
            answer = self._deployment.identify(userJwt=signer.sign(sub, now=time.time()))
            state, reason = answer.identity if answer.status == 200 else ("", answer.json["code"])
            with self._lock:
                self.outcomes[answer.status, state, reason] += 1
                self.workers[answer.worker] += 1
            self._landed[number] += 1
