"""Each request of ours: an id for it, how long it took, and one log line about it."""

import logging
import re
import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass, field

HEADER = "X-Request-ID"

# Plain and short: nothing that a log, a header or a page could take for something else.
_GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")
_log = logging.getLogger("kaltalk_iv.access")


@dataclass(slots=True)
class Trace:
    """A request that is being answered. ``organization_id`` is set once it is known to exist.

    ``around`` is the request in whose course this one is answered, as the demo's lab asks KalTalk; most often None.
    """

    id: str
    organization_id: str | None = None
    began: float = field(default_factory=time.perf_counter)
    around: "Trace | None" = None

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.perf_counter() - self.began


_current: ContextVar[Trace | None] = ContextVar("kaltalk_iv_trace", default=None)


def begin_trace(given: str | None) -> Trace:
    """Return the trace of the request that begins here: with a new id or, when it is plain, the ``given`` one.

    ``given`` is what a proxy of ours has put on it, or None. Whoever begins a trace ends it.
    """
    name = given if given is not None and _GIVEN.fullmatch(given) else secrets.token_hex(16)
    trace = Trace(name, around=_current.get())
    _current.set(trace)
    return trace


def end_trace(trace: Trace) -> None:
    """Let what follows be no part of the request any more."""
    _current.set(trace.around)


def current_trace() -> Trace | None:
    """Return the trace of the request that is being answered, or None outside of one of ours."""
    return _current.get()


def name_organization(organization_id: str) -> None:
    """Have the log lines of this request name the organization that it belongs to."""
    trace = _current.get()
    if trace is not None:
        trace.organization_id = organization_id


def log_request(trace: Trace, method: str, route: str, status: int, *, level: int = logging.INFO) -> None:
    """Log one line about the request. It names the route and not the address, which holds ids and queries."""
    if _log.isEnabledFor(level):
        extra = {"method": method, "route": route, "status": status, "duration_ms": round(trace.seconds * 1000, 1)}
        _log.log(level, "%s %s %d", method, route, status, extra=extra)
