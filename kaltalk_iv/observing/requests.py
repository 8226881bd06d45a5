"""Each request of ours: an id for it, how long it took, and one log line about it."""

import logging
import re
import secrets
import time
from dataclasses import dataclass, field

from flask import has_request_context

from ..current import this_request

HEADER = "X-Request-ID"

_TRACE = "kaltalk_iv.trace"  # where a request keeps its own: in its environ

# Plain and short: nothing that a log, a header or a page could take for something else.
_GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")
_log = logging.getLogger("kaltalk_iv.access")


@dataclass(slots=True)
class Trace:
    """A request that is being answered. ``organization_id`` is set once it is known to exist."""

    id: str
    organization_id: str | None = None
    began: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.perf_counter() - self.began


def begin_trace(*, trust_header: bool) -> None:
    """Give the request an id: a new one or, behind a proxy of ours, the plain one that the proxy has put on it."""
    asked = this_request()
    given = asked.headers.get(HEADER, "") if trust_header else ""
    asked.environ[_TRACE] = Trace(given if _GIVEN.fullmatch(given) else secrets.token_hex(16))


def current_trace() -> Trace | None:
    """Return the trace of the request that is being answered, or None outside of one of ours."""
    if not has_request_context():
        return None
    trace: Trace | None = this_request().environ.get(_TRACE)
    return trace


def name_organization(organization_id: str) -> None:
    """Have the log lines of this request name the organization that it belongs to."""
    trace = current_trace()
    if trace is not None:
        trace.organization_id = organization_id


def log_request(trace: Trace, status: int, *, level: int = logging.INFO) -> None:
    """Log one line about the request. It names the route and not the address, which holds ids and queries."""
    if not _log.isEnabledFor(level):
        return
    asked = this_request()
    route = "" if asked.url_rule is None else asked.url_rule.rule
    extra = {"method": asked.method, "route": route, "status": status, "duration_ms": round(trace.seconds * 1000, 1)}
    _log.log(level, "%s %s %d", asked.method, route, status, extra=extra)
