"""Who may use the settings, and what somebody reads who may not or who came too late."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from ...core.errors import Conflict
from ...rates import Limit
from ...service import audit
from ...service.settings import Actor
from ...state import Role, current_state
from ...store.audit import AuditRecord
from ..protection import viewer
from . import wording

View = Callable[[], AnyResponse]

_ABOUT_SECRETS = {
    f"kaltalk_iv_dashboard.settings_{name}" for name in ("rotate", "end_window", "window_ended", "replaced")
}
_LIMITS = {
    "kaltalk_iv_dashboard.settings_revealed": Limit.REVEAL,
    "kaltalk_iv_dashboard.settings_test_it": Limit.TEST_IT,
}


def admin_only(view: View) -> View:
    """Return ``view`` for admins; anybody else gets a 403 and leaves a line in the audit trail.

    Each person does so only so often: the trail keeps what it holds for good. A Conflict that the view meets becomes a
    409 page that says who was first.
    """

    @wraps(view)
    def guarded() -> AnyResponse:
        if viewer().role is not Role.ADMIN:
            _count(Limit.DENIED)
            return _deny()
        if request.method == "POST":
            _count(_LIMITS.get(request.endpoint or "", Limit.CHANGE))
        try:
            return view()
        except Conflict as error:
            return stop(HTTPStatus.CONFLICT, "Nothing was changed", error.detail, _latest())

    return guarded


def actor() -> Actor:
    """Return who acts and from where, for the audit trail."""
    return Actor(viewer().in_full, request.remote_addr or "unknown")


def stop(status: int, heading: str, sentence: str, latest: AuditRecord | None = None) -> Response:
    """Return a page that says why something was not done. ``latest`` is what somebody else did before."""
    page = render_template(
        "kaltalk_iv/settings/stop.html",
        status=status,
        heading=heading,
        sentence=sentence,
        latest=latest,
        words=wording,
        is_admin=viewer().role is Role.ADMIN,
    )
    return make_response(page, status)


def done(what: str, endpoint: str = "settings", anchor: str | None = None) -> AnyResponse:
    """Return the way to the page that says that ``what`` was done. A reload there repeats nothing."""
    address = url_for(f"kaltalk_iv_dashboard.{endpoint}", done=what, _anchor=anchor)
    return redirect(address, HTTPStatus.SEE_OTHER)


def _count(limit: Limit) -> None:
    """Count one more of what this viewer does here. Raises RateLimited."""
    who = viewer()
    current_state().limiter.hit(limit, who.organization_id, who.login or who.name)


def _latest() -> AuditRecord | None:
    if request.endpoint not in _ABOUT_SECRETS:
        return None
    return audit.last_change_of_secrets(current_state().session, viewer().organization_id)


def _deny() -> Response:
    who, organization_id = actor(), viewer().organization_id
    what = f"{request.method} {(request.endpoint or '').removeprefix('kaltalk_iv_dashboard.')}"
    current_state().commit(lambda db, now: audit.note(db, organization_id, who, "settings_denied", what, now))
    return stop(
        HTTPStatus.FORBIDDEN,
        "Only an admin can open the settings",
        "Ask an admin of your organization: they can look here and change it. That you came here was noted.",
    )
