"""Watches every request of our blueprints: its id goes into the answer, its time into metrics, a line into the log."""

import logging
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response

from .current import this_request
from .observing.requests import HEADER, TRACE, Trace, log_request, new_trace
from .state import State, current_state

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_WATCHED = "kaltalk_iv_watched"
# Asked every few seconds by machines: said only to whoever wants everything.
_QUIET = frozenset({"kaltalk_iv_operations.healthz", "kaltalk_iv_operations.readyz", "kaltalk_iv_operations.metrics"})


def watch(part: Blueprint | Flask) -> None:
    """Watch the requests of ``part``, those too that one of its own checks turns away.

    An application that is ours is watched as a whole, before its blueprints are: then they need not be.
    """
    if isinstance(part, Flask):
        part.extensions[_WATCHED] = True
    # Before the functions that run before a request, because each of them may answer it.
    part.url_value_preprocessor(_begin)
    part.after_request(_finish)


def is_watched(app: Flask) -> bool:
    """True when every request of ``app`` is watched."""
    return _WATCHED in app.extensions


def begin(state: State, environ: "WSGIEnvironment") -> Trace:
    """Return the trace of the request that begins here, which keeps it."""
    given = environ.get("HTTP_X_REQUEST_ID") if state.settings.trusts_request_id else None
    trace = environ[TRACE] = new_trace(given)
    return trace


def finish(state: State, trace: Trace, method: str, endpoint: str, route: str, status: int) -> tuple[str, str]:
    """Count the answer, log it, and return the header that tells its id. ``endpoint`` is the route's name in Flask."""
    state.metrics.request(endpoint, status, trace.seconds)
    log_request(trace, method, route, status, level=logging.DEBUG if endpoint in _QUIET else logging.INFO)
    return HEADER, trace.id


def _begin(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    begin(current_state(), this_request().environ)


def _finish(response: Response) -> Response:
    asked = this_request()
    trace = asked.environ.get(TRACE)
    if trace is not None:
        route = "" if asked.url_rule is None else asked.url_rule.rule
        endpoint = asked.endpoint or ""
        response.headers.add(*finish(current_state(), trace, asked.method, endpoint, route, response.status_code))
    return response
