"""Whom the revoked secrets verified, and taking those verifications back."""

from flask import Response, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from ...service import leaks
from ...state import current_state
from ..protection import viewer
from . import wording
from .access import actor, done

_BATCHES = 50  # a commit each; some seconds, and a proxy waits no longer than thirty


def show() -> Response:
    """GET: the customers whom a revoked secret has verified, 100 a page."""
    state = current_state()
    page = render_template(
        "kaltalk_iv/settings/revoked.html",
        exposure=leaks.exposure(state.session, viewer().organization_id, request.args.get("after")),
        words=wording,
        done=wording.DONE.get(request.args.get("done", "")),
        can_reveal=state.confirm is not None,
    )
    return make_response(page)


def take_back() -> AnyResponse:
    """POST: take the verified mark from all of them, as far as a request has time. The page says what is left."""
    who, organization_id = actor(), viewer().organization_id
    for _ in range(_BATCHES):
        count = current_state().commit(lambda db, now: leaks.take_back(db, who, organization_id, now))
        if count < leaks.TAKEN_BACK_AT_ONCE:
            break
    return done("taken-back", "settings_revoked")
