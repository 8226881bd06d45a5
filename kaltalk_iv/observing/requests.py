"""Each request of ours: an id for it, how long it took, and one log line about it."""

import logging
import re
import secrets
import time
from contextvars import ContextVar, Token
from dataclasses import dataclass, field

from flask import has_request_context

from ..current import this_request

HEADER = "X-Request-ID"
TRACE = "kaltalk_iv.trace"
"""Where a request keeps its own: in its environ."""

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


# Of a request that no context of Flask's tells of.
_followed: ContextVar[Trace | None] = ContextVar("kaltalk_iv_trace", default=None)


def new_trace(given: str | None) -> Trace:
    """Return the trace of a request that begins: with a new id or, when it is plain, the ``given`` one.

    ``given`` is what a proxy of ours has put on it, or None.
    """
    return Trace(given if given is not None and _GIVEN.fullmatch(given) else secrets.token_hex(16))


def follow(trace: Trace) -> Token[Trace | None]:
    """Let ``trace`` be the current one without a context of Flask's, until ``unfollow`` gets what this returns."""
    return _followed.set(trace)


def unfollow(token: Token[Trace | None]) -> None:
    """End what ``follow`` began."""
    _followed.reset(token)


def current_trace() -> Trace | None:
    """Return the trace of the request that is being answered, or None outside of one of ours."""
    followed = _followed.get()
    if followed is not None or not has_request_context():
        return followed
    trace: Trace | None = this_request().environ.get(TRACE)
    return trace


def name_organization(organization_id: str) -> None:
    """Have the log lines of this request name the organization that it belongs to."""
    trace = current_trace()
    if trace is not None:
        trace.organization_id = organization_id


def log_request(trace: Trace, method: str, route: str, status: int, *, level: int = logging.INFO) -> None:
    """Log one line about the request. It names the route and not the address, which holds ids and queries."""
    if not _log.isEnabledFor(level):
        return
    # Made as Logger.log makes it, without a walk up the stack to find out who calls: it is always this function.
    make_record, here = logging.getLogRecordFactory(), log_request.__code__
    told = (method, route, status)
    record = make_record(_log.name, level, here.co_filename, here.co_firstlineno, "%s %s %d", told, None, here.co_name)
    vars(record).update(method=method, route=route, status=status, duration_ms=round(trace.seconds * 1000, 1))
    _log.handle(record)
