"""Errors as ``application/problem+json`` (RFC 9457) with a stable ``code``. Only here do causes get a status."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, json
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
from ..state import current_state
from ..store.database import UNAVAILABLE

RETRY_AFTER_SECONDS = 5

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


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return the answer for an error. ``detail`` is a sentence for the developer."""
    current_state().metrics.problem(code)
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
    return Response(json.dumps(body), status, headers, mimetype="application/problem+json")


def add_error_handlers(blueprint: Blueprint) -> None:
    """Answer every error of ``blueprint``'s own routes as a problem."""
    blueprint.register_error_handler(KalTalkError, _answer_ours)
    blueprint.register_error_handler(HTTPException, answer_http)
    for error in UNAVAILABLE:
        blueprint.register_error_handler(error, _answer_database)


def _answer_ours(error: KalTalkError) -> Response:
    status = _STATUS[type(error)]
    headers: dict[str, str] = {}
    detail = error.detail
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="kaltalk"'
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, SecretUnavailable):
        current_state().secret_unavailable(error)
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        detail = "The signing secret of this organization cannot be read right now."
    return problem(status, error.code, detail, headers)


def answer_http(error: HTTPException) -> Response:
    """Return the problem for an error that Werkzeug names."""
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return problem(status, _HTTP_CODES.get(status, "error"), error.description or "", headers)


def _answer_database(error: Exception) -> Response:
    current_state().database_failed(error)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return problem(503, "unavailable", "KalTalk cannot reach its database right now. Try again soon.", headers)
