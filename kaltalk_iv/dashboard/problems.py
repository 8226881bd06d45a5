"""Errors as whole pages. The handlers sit on our blueprints: the application's own pages keep theirs."""

from http import HTTPStatus

from flask import Blueprint, Response, make_response, render_template
from werkzeug.exceptions import HTTPException

from ..core.errors import KalTalkError, NotFound, RateLimited, SecretUnavailable, UnknownOrganization
from ..state import current_state
from ..store.database import UNAVAILABLE
from .protection import FORGED

RETRY_AFTER_SECONDS = 5

_PAGES = {
    400: ("This could not be done", "Go back, reload the page and try again. What you typed is still there."),
    403: ("This dashboard is not open to you", "Ask an admin of your organization to let you in."),
    404: ("There is no such page", "It may have been removed, or it was never here. The inbox has what is yours."),
    405: ("Not like this", "This address does not take that kind of request. The inbox has what is yours."),
    413: ("That was too much at once", "Go back, make your text shorter and send it again."),
    429: ("That was too often", "Wait a little, then go back and try again. What you typed is still there."),
    503: ("KalTalk is out of reach right now", "Nothing is lost. Wait a few seconds and reload the page."),
}
_OTHER = ("Something went wrong", "Go back to the inbox and try again.")


def add_error_pages(blueprint: Blueprint) -> None:
    """Answer every error of ``blueprint``'s own views with a page of ours."""
    blueprint.register_error_handler(KalTalkError, _answer_ours)
    blueprint.register_error_handler(HTTPException, _answer_http)
    for error in UNAVAILABLE:
        blueprint.register_error_handler(error, _answer_database)


def error_page(status: int, cause: str = "") -> Response:
    """Return the page for ``status``. ``cause`` is one more sentence, in plain words."""
    heading, advice = _PAGES.get(status, _OTHER)
    page = render_template("kaltalk_iv/error.html", status=status, heading=heading, cause=cause, advice=advice)
    return make_response(page, status)


def _answer_ours(error: KalTalkError) -> Response:
    if isinstance(error, SecretUnavailable):
        current_state().secret_unavailable(error)
        return error_page(
            HTTPStatus.SERVICE_UNAVAILABLE, "A signing secret cannot be opened. Tell whoever runs KalTalk."
        )
    if isinstance(error, RateLimited):
        answer = error_page(HTTPStatus.TOO_MANY_REQUESTS, f"You can go on in {error.retry_after} seconds.")
        answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    # Unknown and another organization's answer alike, so nothing of the error reaches the page.
    return error_page(404 if isinstance(error, NotFound | UnknownOrganization) else 400)


def _answer_http(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status == HTTPStatus.FORBIDDEN and current_state().guard is None:
        return error_page(status, "No guard is set up: the application must pass guard= to KalTalkIV.")
    if status == HTTPStatus.BAD_REQUEST:
        return error_page(status, FORGED if error.description == FORGED else "")
    if error.response is not None:
        return make_response(error.get_response())  # a redirect or a whole answer that the application raised
    return error_page(status)


def _answer_database(error: Exception) -> Response:
    current_state().database_failed(error)
    current_state().session.rollback()
    answer = error_page(HTTPStatus.SERVICE_UNAVAILABLE)
    answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer
