"""Errors as ``application/problem+json`` (RFC 9457) with a stable ``code``. Only here do causes get a status."""

from collections.abc import Sequence
from http import HTTPStatus

from werkzeug.exceptions import HTTPException

from ..core.errors import (
    Conflict,
    IdentityRefused,
    KalTalkError,
    NotFound,
    OriginNotAllowed,
    RateLimited,
    SecretUnavailable,
    SessionEnded,
    SessionExpired,
    SessionInvalid,
    UnknownOrganization,
    Unreadable,
)
from ..state import State
from ..store.database import UNAVAILABLE
from .answers import Answer, Header, json_answer

RETRY_AFTER_SECONDS = 5
FORESEEN: tuple[type[Exception], ...] = (KalTalkError, HTTPException, *UNAVAILABLE)
"""What ``problem_of`` has an answer to."""

_STATUS: dict[type[KalTalkError], int] = {
    Unreadable: 400,
    IdentityRefused: 401,
    SessionInvalid: 401,
    SessionExpired: 401,
    SessionEnded: 401,
    OriginNotAllowed: 403,
    UnknownOrganization: 404,
    NotFound: 404,
    Conflict: 409,
    RateLimited: 429,
    SecretUnavailable: 503,
}
_HTTP_CODES = {
    400: "unreadable",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
_RETRY: Header = ("Retry-After", str(RETRY_AFTER_SECONDS))


def problem(state: State, status: int, code: str, detail: str, headers: Sequence[Header] = ()) -> Answer:
    """Return the answer for an error, and count it. ``detail`` is a sentence for the developer."""
    state.metrics.problem(code)
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
    return json_answer(body, status, headers, "application/problem+json")


def problem_of(state: State, error: Exception) -> Answer:
    """Return the answer for an error that is FORESEEN."""
    if isinstance(error, KalTalkError):
        return _problem_of_ours(state, error)
    if isinstance(error, HTTPException):
        return problem_of_http(state, error)
    state.database_failed(error)
    return problem(state, 503, "unavailable", "KalTalk cannot reach its database right now. Try again soon.", [_RETRY])


def problem_of_http(state: State, error: HTTPException) -> Answer:
    """Return the answer for an error that Werkzeug names."""
    status = error.code or 500
    headers = [(name, value) for name, value in error.get_headers() if name == "Allow"]
    return problem(state, status, _HTTP_CODES.get(status, "error"), error.description or "", headers)


def _problem_of_ours(state: State, error: KalTalkError) -> Answer:
    status = _STATUS[type(error)]
    if isinstance(error, SecretUnavailable):
        state.secret_unavailable(error)
        detail = "The signing secret of this organization cannot be read right now."
        return problem(state, status, error.code, detail, [_RETRY])
    headers: list[Header] = []
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", 'Bearer realm="kaltalk"'))
    if isinstance(error, RateLimited):
        headers.append(("Retry-After", str(error.retry_after)))
    return problem(state, status, error.code, error.detail, headers)
