"""CORS (the Fetch standard): which page may read an answer. No cookies, no credentials, one exact origin or none."""

from flask import Response, request

_METHODS = "GET, POST, DELETE"
_HEADERS = "Authorization, Content-Type"
_PREFLIGHT_SECONDS = "600"


def page_origin() -> str | None:
    """Return the origin of the page that calls, as its browser wrote it, or None."""
    return request.headers.get("Origin")


def allow_page(response: Response) -> Response:
    """Let the calling page read ``response``, unless it is the answer that its origin is not allowed."""
    response.headers.add("Vary", "Origin")
    origin = page_origin()
    if origin is not None and response.status_code != 403:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    return response


def preflight() -> Response:
    """Return the answer to an OPTIONS request. It grants nothing by itself: the request that follows is checked."""
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = _METHODS
    response.headers["Access-Control-Allow-Headers"] = _HEADERS
    response.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
    return response
