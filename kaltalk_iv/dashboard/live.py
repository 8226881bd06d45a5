"""A page, or the parts of it that change, for the page's own script that asks every few seconds while it is seen."""

import hashlib
from http import HTTPStatus
from typing import Any

from flask import Response, make_response, render_template, request

from ..state import current_state
from .protection import form_key

LIVE_HEADER = "X-KalTalk-Live"

_FRESH_FOR = 60 * 60  # seconds; by then a page gets a new CSRF token, though nothing else has changed


def answer(name: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
    """Return the page ``name`` drawn with ``values``; to its own script only the parts, or 304 when it has them.

    What is drawn follows from ``values`` and from whose forms they are, so these are compared and nothing is drawn for
    a 304. After a new login in another tab the forms of this page are worth nothing until it has drawn them anew.
    """
    if LIVE_HEADER not in request.headers:
        return make_response(render_template(f"kaltalk_iv/{name}.html", **values), status)
    tag = _tag(values)
    if status == HTTPStatus.OK and request.method == "GET" and request.if_none_match.contains_weak(tag):
        unchanged = Response(status=HTTPStatus.NOT_MODIFIED)
        unchanged.set_etag(tag, weak=True)
        return unchanged
    parts = make_response(render_template("kaltalk_iv/live.html", **values), status)
    parts.set_etag(tag, weak=True)
    return parts


def _tag(values: dict[str, Any]) -> str:
    hour = int(current_state().clock() // _FRESH_FOR)
    shown = repr((hour, form_key(), sorted(values.items())))
    return hashlib.sha256(shown.encode("utf-8", "backslashreplace")).hexdigest()[:32]
