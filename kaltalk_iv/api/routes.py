"""The blueprint of the widget's API: what ``widgets.py`` answers, carried by Flask, and two files for anybody."""

import json
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, url_for

from ..current import this_app, this_request
from ..state import current_state
from . import widget_file
from .answers import Header, json_answer
from .asking import Asked
from .problems import FORESEEN, problem_of
from .widgets import HEADERS, ROUTES, View, headers_for, respond

NAME = "kaltalk_iv_api"

_DESCRIPTION_RULE = "/v1/openapi.json"
_PUBLIC = frozenset({f"{NAME}.widget", f"{NAME}.description"})
# Public files are made for the pages of other origins; `*` lets those use integrity and crossorigin.
_FOR_ANY_PAGE: tuple[Header, ...] = (
    *HEADERS,
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("Access-Control-Allow-Origin", "*"),
)
# Every method is routed, so that a wrong one gets a problem of ours and not the application's page.
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def create_api() -> Blueprint:
    """Return the blueprint of the widget's API."""
    api = Blueprint(NAME, __name__)
    for rule, name, view in ROUTES:
        api.add_url_rule(rule, name, _carried(view), methods=_METHODS, provide_automatic_options=False)
    api.add_url_rule("/widget/kaltalk.js", view_func=widget, methods=("GET",))
    api.add_url_rule(_DESCRIPTION_RULE, view_func=description, methods=("GET",))
    for error in FORESEEN:  # what the embedding application's own hooks raise, and our two files
        api.register_error_handler(error, _answer)
    api.after_request(_finish)
    return api


def widget() -> Response:
    """GET: the widget's script, revalidated each time, so that a mend reaches every page at its next load."""
    return widget_file.answer()


def description() -> Response:
    """GET: these routes as an OpenAPI document that names the address they are mounted at."""
    mount = url_for(f"{NAME}.description").removesuffix(_DESCRIPTION_RULE)
    return json_answer(_description() | {"servers": [{"url": mount or "/"}]}).response()


@cache
def _description() -> dict[str, Any]:
    described: dict[str, Any] = json.loads((Path(__file__).parent / "openapi.json").read_text(encoding="utf-8"))
    return described


def _carried(view: View) -> Callable[..., Response]:
    """Return ``view`` as Flask calls it."""

    @wraps(view)  # other extensions know views by their names: to exempt one from a limit must not exempt all
    def carry(**given: str) -> Response:
        return respond(current_state(), Asked.of(this_request()), view, **given).response()

    return carry


def _answer(error: Exception) -> Response:
    return problem_of(current_state(), error).response()


def _finish(response: Response) -> Response:
    """Return ``response`` with the headers of the API: those of the embedding application's own hooks, too."""
    counts_due = current_state().counts_due(this_app())
    if counts_due is not None:
        response.call_on_close(counts_due)
    if "Cross-Origin-Resource-Policy" in response.headers:  # it is whole
        return response
    asked = Asked.of(this_request())
    asked.drain()
    is_public = this_request().endpoint in _PUBLIC
    response.headers.extend(_FOR_ANY_PAGE if is_public else headers_for(asked, response.status_code))
    return response
