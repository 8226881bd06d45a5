"""KalTalk's own login, for when it runs by itself: its pages, and the guard that reads the cookie it sets.

An embedding application has a login of its own and passes a guard of its own; none of this is registered there.
"""

import re
from http import HTTPStatus

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from ..service import agents
from ..state import Role, Viewer, current_state
from .attempts import Attempt
from .problems import add_error_pages
from .protection import protect

_COOKIE_KEY = "kaltalk_iv_login"
# Letters, digits, hyphens, underscores and single slashes, then a query as browsers write it: a search is kept. No dots
# before it: "/kaltalk/../x" is the host's.
_LOCAL = re.compile(r"(?:/[A-Za-z0-9_-]+)+/?(?:\?[A-Za-z0-9_=&%+.*~-]*)?")
_LONGEST_TARGET = 1024  # characters; encoded once more it still fits into a request line


def create_login() -> Blueprint:
    """Return the blueprint with ``/login`` and ``/logout``."""
    pages = Blueprint("kaltalk_iv_login", __name__)
    protect(pages)
    add_error_pages(pages)
    pages.add_url_rule("/login", "show", show)
    pages.add_url_rule("/login", "log_in", log_in, methods=("POST",))
    pages.add_url_rule("/logout", "log_out", log_out, methods=("POST",))
    return pages


def session_guard() -> Viewer | AnyResponse | None:
    """Return who is logged in here or, when nobody is, the way to the login and back."""
    state = current_state()
    agent = agents.agent_for(state.session, session.get(_COOKIE_KEY), state.clock())
    if agent is not None:
        return Viewer(agent.name, agent.organization_id, Role(agent.role), agent.login)
    if request.method != "GET":
        return redirect(url_for("kaltalk_iv_login.show"), HTTPStatus.SEE_OTHER)
    wanted = request.script_root + request.full_path.rstrip("?")
    return redirect(url_for("kaltalk_iv_login.show", next=wanted if _is_ours(wanted) else None))


def session_confirm(password: str) -> bool:
    """True when this is the password of whoever is logged in here."""
    state = current_state()
    return agents.is_password_of(state.session, session.get(_COOKIE_KEY), password, state.clock())


def show() -> AnyResponse:
    """GET: the form; whoever is logged in goes on to where they wanted."""
    state = current_state()
    if agents.agent_for(state.session, session.get(_COOKIE_KEY), state.clock()) is not None:
        return redirect(_target())
    return _form()


def log_in() -> AnyResponse:
    """POST: open a login. Unknown login and wrong password answer alike."""
    login, password = request.form.get("login", ""), request.form.get("password", "")
    attempt = Attempt(login)
    before = session.get(_COOKIE_KEY)
    token = current_state().commit(lambda db, now: agents.log_in(db, login, password, now))
    if token is None:
        return _form(HTTPStatus.UNAUTHORIZED, login=login, failed=True)
    current_state().commit(lambda db, _now: agents.log_out(db, before))
    session.clear()  # nothing that was planted in this browser before the login survives it
    session[_COOKIE_KEY] = token
    return attempt.succeeded(redirect(_target(), HTTPStatus.SEE_OTHER))


def log_out() -> AnyResponse:
    """POST: end the login on the server and in the browser."""
    token = session.get(_COOKIE_KEY)
    current_state().commit(lambda db, _now: agents.log_out(db, token))
    session.clear()
    return redirect(url_for("kaltalk_iv_login.show"), HTTPStatus.SEE_OTHER)


def _form(status: int = HTTPStatus.OK, *, login: str = "", failed: bool = False) -> Response:
    hint = current_app.config.get("KALTALK_IV_LOGIN_HINT")
    wanted = request.values.get("next", "")
    page = render_template("kaltalk_iv/login.html", login=login, failed=failed, hint=hint, wanted=wanted)
    return make_response(page, status)


def _target() -> str:
    """Return the page asked for by ``next`` when it is one of ours, else the inbox."""
    home = url_for("kaltalk_iv_dashboard.inbox")
    wanted = request.values.get("next", "")
    return wanted if _is_ours(wanted) else home


def _is_ours(target: str) -> bool:
    is_plain = len(target) <= _LONGEST_TARGET and _LOCAL.fullmatch(target) is not None
    return is_plain and target.startswith(request.script_root + "/")
