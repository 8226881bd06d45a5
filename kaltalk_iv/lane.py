"""KalTalk's own Flask application, with a lane beside Flask's way for what widgets ask all day.

Flask finds out anew for each request what is always the same here: which function answers, in which contexts, and who
else wants to see the request. That takes as long as all that an identify does. The lane calls the functions that the
blueprint calls (``api/widgets.py``) and checks nothing itself. It takes a request only where Flask's way would do the
same for it: a plain address and host, and nobody's hooks or signals but ours. All else goes Flask's way.
"""

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from http import HTTPStatus
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import flask.signals
from flask import Flask
from werkzeug.wsgi import ClosingIterator

from . import watching
from .api.asking import Asked
from .api.routes import NAME
from .api.widgets import ROUTES, Route, respond
from .observing import signals
from .observing.requests import follow, unfollow
from .standalone import HSTS
from .state import State, current_state

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_IDENTIFY_PATH = re.compile(r"/v1/organizations/([A-Za-z0-9_-]{1,64})/identify")
_METHODS = frozenset({"GET", "POST", "DELETE", "OPTIONS"})  # others get no body, or no route
# Of others, Werkzeug refuses some.
_PLAIN_HOST = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,9}(?::[0-9]{1,5})?")
# Of each signal that is sent on Flask's way, who receives it. Empty, most often.
_RECEIVERS = [
    signal.receivers
    for signal in (
        flask.signals.request_started,
        flask.signals.request_finished,
        flask.signals.request_tearing_down,
        flask.signals.appcontext_pushed,
        flask.signals.appcontext_popped,
        flask.signals.appcontext_tearing_down,
        *signals.ALL,
    )
]
_STATUS_LINES = {int(status): f"{int(status)} {status.phrase}" for status in HTTPStatus}


class _Way(NamedTuple):
    """A route of ours: the name of its endpoint in Flask, and the view that it had when the lane was opened."""

    route: Route
    endpoint: str
    view: Callable[..., Any]


class _Found(NamedTuple):
    """The way of a request and what its address holds."""

    way: _Way
    given: dict[str, str]


class Application(Flask):
    """A Flask application with KalTalk's blueprints at its root, and the lane."""

    _lane: "_Lane | None" = None

    def open_lane(self, *, is_behind_proxy: bool) -> None:
        """Answer widgets beside Flask's way from now on. Whoever adds hooks later closes it."""
        self._lane = _Lane(self, is_behind_proxy=is_behind_proxy)

    def wsgi_app(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        # With its first request Flask takes no more hooks, so what was found of them stands.
        if self._lane is not None and self._got_first_request:
            found = self._lane.find(environ)
            if found is not None:
                return self._lane.answer(found, environ, start_response)
        return super().wsgi_app(environ, start_response)


class _Lane:
    def __init__(self, app: Flask, *, is_behind_proxy: bool) -> None:
        self._app = app
        self._hooks_of_ours = _hooks(app)
        self._identify, *others = (_way(app, route) for route in ROUTES)
        self._by_path = {way.route.rule: way for way in others}
        self._is_behind_proxy = is_behind_proxy

    def find(self, environ: "WSGIEnvironment") -> _Found | None:
        """Return the way of what the lane takes; None of all else."""
        path = environ.get("PATH_INFO", "")
        identify = _IDENTIFY_PATH.fullmatch(path)
        way = self._by_path.get(path) if identify is None else self._identify
        if way is None or not self._is_plain(environ) or not self._is_open(way):
            return None
        return _Found(way, {} if identify is None else {"organization_id": identify[1]})

    def answer(self, found: _Found, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request that was found."""
        state, (route, endpoint, _) = self._state, found.way
        trace = watching.begin(state, environ)
        followed = follow(trace)
        try:
            asked = Asked(environ)
            try:
                answer = respond(state, asked, route.view, **found.given)
            except Exception as error:  # noqa: BLE001 - Flask answers it as any other, and says so in the log
                return self._answer_unforeseen(error, asked, start_response)
            traced = watching.finish(state, trace, asked.method, endpoint, route.rule, answer.status)
            headers = [*answer.headers, traced]
            if environ["wsgi.url_scheme"] == "https":
                headers.append(("Strict-Transport-Security", HSTS))
        finally:
            unfollow(followed)
        start_response(_STATUS_LINES[answer.status], headers)
        counts_due = state.counts_due(self._app)
        return [answer.body] if counts_due is None else ClosingIterator([answer.body], counts_due)

    def _answer_unforeseen(self, error: Exception, asked: Asked, start_response: "StartResponse") -> Iterable[bytes]:
        asked.drain()
        # Flask must not wait for a body that was read: not each server says itself where it ends.
        environ = asked.environ | {"wsgi.input": BytesIO(), "wsgi.input_terminated": True}
        with self._app.request_context(environ):
            try:
                response = self._app.finalize_request(self._app.handle_user_exception(error))
            except Exception as unhandled:  # noqa: BLE001 - as in Flask's wsgi_app
                response = self._app.handle_exception(unhandled)
            return response(environ, start_response)

    def _is_plain(self, environ: "WSGIEnvironment") -> bool:
        return (
            environ["REQUEST_METHOD"] in _METHODS
            and "HTTP_UPGRADE" not in environ
            and (self._is_behind_proxy or "HTTP_X_FORWARDED_FOR" not in environ)  # of which Flask's way warns
            and _PLAIN_HOST.fullmatch(environ.get("HTTP_HOST", "")) is not None
        )

    def _is_open(self, way: _Way) -> bool:
        """True when nobody but us would see the request on Flask's way."""
        app = self._app
        return (
            self._is_ours_alone
            and app.view_functions[way.endpoint] is way.view  # which can be replaced at any time
            and not any(_RECEIVERS)
            and app.config["TRUSTED_HOSTS"] is None
        )

    @cached_property
    def _is_ours_alone(self) -> bool:
        """True when no hook was added, and the database is read past the session, which needs a context of Flask's."""
        with self._app.app_context():
            return _hooks(self._app) == self._hooks_of_ours and self._state.reader() is not None

    @cached_property
    def _state(self) -> State:
        with self._app.app_context():
            return current_state()


def _hooks(app: Flask) -> list[Callable[..., Any]]:
    """Return all that Flask calls for a request of the lane's routes, and the classes that carry it."""
    by_part = (
        app.url_value_preprocessors,
        app.before_request_funcs,
        app.after_request_funcs,
        app.teardown_request_funcs,
    )
    hooks = chain.from_iterable(functions for part in by_part for functions in part.values())
    return [*hooks, *app.teardown_appcontext_funcs, app.request_class, type(app.session_interface)]


def _way(app: Flask, route: Route) -> _Way:
    endpoint = f"{NAME}.{route.name}"
    return _Way(route, endpoint, app.view_functions[endpoint])
