"""Watches every request of our blueprints: its id goes into the answer, its time into metrics, a line into the log."""

import logging
from typing import Any

from flask import Blueprint, Flask, Response

from .current import this_request
from .observing.requests import HEADER, begin_trace, current_trace, log_request
from .state import current_state

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


def _begin(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    begin_trace(trust_header=current_state().settings.trusts_request_id)


def _finish(response: Response) -> Response:
    trace = current_trace()
    if trace is None:
        return response
    response.headers.add(HEADER, trace.id)
    endpoint = this_request().endpoint or ""
    current_state().metrics.request(endpoint, response.status_code, trace.seconds)
    log_request(trace, response.status_code, level=logging.DEBUG if endpoint in _QUIET else logging.INFO)
    return response
