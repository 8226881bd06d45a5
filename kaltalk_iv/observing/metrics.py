"""Metrics for Prometheus, by kinds that we know: no label ever comes from a request, an organization or a person.

Organizations are no label. Each would multiply every series, and a server has thousands of them; the dashboard reports
coverage by organization. Each application has a registry of its own. Where several worker processes share a folder
(``PROMETHEUS_MULTIPROC_DIR``, set before Python starts), each answer sums them up; without it, it is the one worker's
that was asked.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from ..core.coverage import Sighting
from ..service.events import Event, SecretReplaced, SecretRotated

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What one application counts. Safe to use from several threads."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        identifies = Counter(
            "kaltalk_identifies", "Identifies, by what they came to.", ["outcome", "reason"], registry=registry
        )
        messages = Counter(
            "kaltalk_messages", "Visitors' messages that were accepted, by state.", ["state"], registry=registry
        )
        requests = Counter(
            "kaltalk_requests", "Answers, by route and status.", ["endpoint", "status"], registry=registry
        )
        seconds = Histogram(
            "kaltalk_request_seconds", "How long an answer took.", ["endpoint"], registry=registry, buckets=_SECONDS
        )
        # A series is looked up once: prometheus_client checks its labels each time. There are few, see above.
        self._identifies: Callable[..., Counter] = cache(identifies.labels)
        self._messages: Callable[..., Counter] = cache(messages.labels)
        self._requests: Callable[..., Counter] = cache(requests.labels)
        self._seconds: Callable[..., Histogram] = cache(seconds.labels)
        self._problems = Counter(
            "kaltalk_problems", "Refusals and errors of the widget's API, by code.", ["code"], registry=registry
        )
        self._secrets = Counter(
            "kaltalk_secret_changes", "Signing secrets that were rotated or replaced.", ["change"], registry=registry
        )
        self._unavailable = Counter(
            "kaltalk_secret_unavailable", "Times that a stored signing secret did not open.", registry=registry
        )
        self._database = Counter(
            "kaltalk_database_errors", "Times that the database failed, by kind.", ["kind"], registry=registry
        )
        self._retries = Counter(
            "kaltalk_database_retries", "Transactions that lost a race and ran again.", registry=registry
        )
        self._counts = Counter(
            "kaltalk_count_writes", "Writes of the counts for coverage.", ["outcome"], registry=registry
        )
        self._receivers = Counter("kaltalk_receiver_failures", "Signals of which a receiver raised.", registry=registry)

    def identify(self, sighting: Sighting) -> None:
        """Count an identify."""
        self._identifies(sighting.outcome.value, sighting.reason.value if sighting.reason else "").inc()

    def message(self, state: str) -> None:
        """Count a message that was accepted; one that was sent again too."""
        self._messages(state).inc()

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """Count an answer of the route ``endpoint``."""
        self._requests(endpoint, status).inc()
        self._seconds(endpoint).observe(seconds)

    def problem(self, code: str) -> None:
        """Count a problem by its stable code."""
        self._problems.labels(code).inc()

    def secret_unavailable(self) -> None:
        """Count a stored secret that did not open."""
        self._unavailable.inc()

    def event(self, event: Event) -> None:
        """Count what was committed."""
        if isinstance(event, SecretRotated):
            self._secrets.labels("rotated").inc()
        elif isinstance(event, SecretReplaced):
            self._secrets.labels("replaced").inc()

    def database_error(self, error: BaseException) -> None:
        """Count a failure of the database by its class."""
        self._database.labels(type(error).__name__).inc()

    def database_retry(self) -> None:
        """Count a lost race."""
        self._retries.inc()

    def counts_written(self, *, postponed: bool) -> None:
        """Count a write of the counts for coverage, or one that must be tried again."""
        self._counts.labels("postponed" if postponed else "written").inc()

    def receiver_failed(self) -> None:
        """Count a signal of which a receiver raised."""
        self._receivers.inc()

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # registers itself
        return generate_latest(together)
