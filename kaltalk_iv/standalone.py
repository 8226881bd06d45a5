"""What KalTalk answers for when it is the whole application: cookies, proxies, unknown addresses, no debugger.

None of it is done to an application that embeds the extension: there, these are the application's.
"""

import logging
import os
from http import HTTPStatus

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from .api.asking import Asked
from .api.problems import problem, problem_of_http
from .api.widgets import whole
from .current import this_request
from .dashboard.problems import error_page
from .dashboard.protection import add_headers
from .headers import PERMISSIONS_POLICY
from .state import current_state

MOST_HOPS = 10
# A year, and for this host alone: what lies below it is not ours to decide.
HSTS = "max-age=31536000"

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_log = logging.getLogger("kaltalk_iv")


class Sessions(SecureCookieSessionInterface):
    """Session cookies that are Secure and, where they can be, ``__Host-``; plain under Flask's development server.

    The server itself says what it is: a Host header would be a guess, because proxies send what they like.
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session; an empty one at once where no cookie came. Widgets send none, and ask the most."""
        return super().open_session(app, request) if "HTTP_COOKIE" in request.environ else self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie, where anybody has looked at the session at all."""
        if session.accessed or session.modified or session:
            super().save_session(app, session, response)

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether the cookie is for TLS alone: always, save under the development server, which has none."""
        is_development_server = request.environ.get("SERVER_SOFTWARE", "").startswith("Werkzeug/")
        return super().get_cookie_secure(app) and not is_development_server

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name, with the prefix by which browsers refuse a cookie that another host has planted.

        The prefix demands Secure, Path=/ and no Domain (RFC 6265bis, section 4.1.3.2). Below a path, as in the demo,
        the cookie goes without.
        """
        name = super().get_cookie_name(app)
        is_of_whole_host = self.get_cookie_path(app) == "/" and self.get_cookie_domain(app) is None
        return f"__Host-{name}" if is_of_whole_host and self.get_cookie_secure(app) else name


def refuse_debug(app: Flask) -> None:
    """Raise RuntimeError, with the mend, when debugging is on and it is not ``flask`` that runs the application.

    A server for production shows tracebacks then, and what they hold. ``flask run`` says that it is there by a variable
    of its own; a Host header or an address would be a guess.
    """
    if app.debug and os.environ.get("FLASK_RUN_FROM_CLI") != "true":
        raise RuntimeError(
            "Debugging is on, and this is not `flask run`: tracebacks would be shown to strangers. "
            "Unset FLASK_DEBUG and app.config['DEBUG']."
        )


def trust_proxies(app: Flask, hops: int) -> None:
    """Take address and scheme from the last ``hops`` proxies, and from no header when that is 0.

    One too many, and a visitor writes the address that limits and audit trail see. Host and path are never taken from a
    header: the proxy passes Host on as it is.
    """
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    else:
        app.before_request(_Unread())


def finish_every_answer(app: Flask) -> None:
    """Answer addresses and methods that no route of ours takes, and put headers on what no blueprint has seen."""
    app.register_error_handler(HTTPException, _answer_unrouted)
    app.after_request(_complete)


class _Unread:
    """Says once that a proxy seems to be in front: all visitors would share the limit of one address, the proxy's."""

    def __init__(self) -> None:
        self._was_said = False

    def __call__(self) -> None:
        if not self._was_said and "HTTP_X_FORWARDED_FOR" in this_request().environ:
            self._was_said = True
            _log.warning("Requests carry X-Forwarded-For, and KALTALK_PROXY_HOPS is 0: the header is not read.")


def _answer_unrouted(error: HTTPException) -> Response:
    if request.path.startswith("/v1/"):
        state, is_unknown = current_state(), error.code == HTTPStatus.NOT_FOUND
        told = (
            problem(state, 404, "not_found", "There is nothing here.") if is_unknown else problem_of_http(state, error)
        )
        return whole(Asked.of(this_request()), told).response()
    answer = error_page(error.code or 500)
    answer.headers.extend((name, value) for name, value in error.get_headers() if name in {"Allow", "Retry-After"})
    return add_headers(answer)


def _complete(response: Response) -> Response:
    if "X-Frame-Options" not in response.headers:  # what our blueprints answer has all of them
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
    if this_request().is_secure:
        response.headers["Strict-Transport-Security"] = HSTS
    return response
