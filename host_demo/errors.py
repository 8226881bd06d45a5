"""Errors as whole pages in the face of the shop, each with a sentence on what to do."""

import logging

from flask import Flask, current_app, render_template
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from werkzeug.exceptions import HTTPException, ServiceUnavailable
from werkzeug.wrappers import Response

from host_demo.security import csp_nonce

SENTENCES = {
    400: ("That did not work", "Your browser sent something we could not read. Go back and try again."),
    404: ("No such page", "There is nothing at this address. The home page has everything we sell."),
    405: ("Not like this", "This address does not take that kind of request. Start again from the home page."),
    413: ("That is too much", "The form holds more than we accept. Go back and shorten it."),
    500: ("Something broke", "The mistake is ours, and it is in our log. Try again in a minute."),
    503: ("We are taking a break", "The shop cannot be reached just now. Try again in a minute."),
}
STALE_FORM = (
    "This form is too old",
    "You logged in or out since it was opened, or your browser keeps no cookies. Load the page again and resend.",
)
DATABASE_AWAY = (InterfaceError, OperationalError, ProgrammingError)
_log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Answer errors with `error.html`."""
    app.register_error_handler(CSRFError, csrf_error)
    for kind in DATABASE_AWAY:
        app.register_error_handler(kind, database_error)
    app.register_error_handler(HTTPException, http_error)


def http_error(error: HTTPException) -> Response:
    """The page for an HTTP error, with the headers it needs (405 names what is allowed)."""
    if isinstance(getattr(error, "original_exception", None), DATABASE_AWAY):
        error = ServiceUnavailable(retry_after=30)  # it went away while we drew the page for another error
    code = error.code or 500
    title, sentence = SENTENCES.get(code, SENTENCES[400 if code < 500 else 500])
    response = Response(headers=error.get_headers(), status=code)
    response.set_data(_plain_page(title, sentence) if code >= 500 else _page(title, sentence))
    return response


def csrf_error(_error: CSRFError) -> tuple[str, int]:
    """The page for a form whose token does not fit the session."""
    return _page(*STALE_FORM), 400


def database_error(_error: Exception) -> Response:
    """The page for a database that is away or empty."""
    _log.exception("The database failed. If its tables are missing: flask --app host_demo init-db")
    return http_error(ServiceUnavailable(retry_after=30))


def _page(title: str, sentence: str) -> str:
    return render_template("error.html", title=title, sentence=sentence)


def _plain_page(title: str, sentence: str) -> str:
    """The page without a user: to look one up would fail once more while the database is down."""
    return current_app.jinja_env.get_template("error.html").render(
        title=title, sentence=sentence, csp_nonce=csp_nonce()
    )
