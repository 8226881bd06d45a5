"""Choosing the mode, and the list of origins."""

from http import HTTPStatus

from flask import Response, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from ...core.errors import Unreadable
from ...core.origins import parse_origin, suggest_origin
from ...core.policy import Mode
from ...service import coverage, modes
from ...service import settings as use_cases
from ...state import current_state
from ..protection import viewer
from . import wording
from .access import actor, done
from .page import render_page

MAX_ORIGINS = 100


def choose_mode() -> AnyResponse:
    """POST: change the mode. ``required`` first shows what it would have refused, and asks once more."""
    try:
        mode = Mode(request.form.get("mode", ""))
    except ValueError:
        raise Unreadable("A mode is one of off, optional, required.") from None
    who, organization_id = actor(), viewer().organization_id
    state = current_state()
    organization = modes.check_mode(state.session, organization_id, mode, state.clock())
    if mode is Mode.REQUIRED and organization.mode is not mode and request.form.get("confirmed") != "yes":
        return _ask_to_require()
    state.commit(lambda db, now: modes.choose_mode(db, who, organization_id, mode, now))
    return done("mode", anchor="mode")


def change_origins() -> AnyResponse:
    """POST: save the list, one origin a line. A refused line comes back with what it should have been."""
    typed = request.form.get("origins", "")
    lines = [line.strip() for line in typed.splitlines() if line.strip()]
    refused = [refusal for refusal in map(_refusal, lines) if refusal is not None]
    if len(lines) > MAX_ORIGINS:
        refused.insert(0, (f"{len(lines)} lines", f"The list holds up to {MAX_ORIGINS} origins.", None))
    if refused:
        return render_page(HTTPStatus.BAD_REQUEST, typed_origins=typed, refused_origins=refused)
    who, organization_id = actor(), viewer().organization_id
    current_state().commit(
        lambda db, now: use_cases.change_organization(db, who, organization_id, now, allowed_origins=lines)
    )
    return done("origins", anchor="origins")


def _refusal(line: str) -> tuple[str, str, str | None] | None:
    """Return the line, why it is refused and what it should have been; None when it is fine."""
    try:
        parse_origin(line)
    except Unreadable as error:
        return line[:200], error.detail, suggest_origin(line)
    return None


def _ask_to_require() -> Response:
    state = current_state()
    state.write_counts()
    counted = coverage.report(state.session, viewer().organization_id, state.clock())
    return make_response(render_template("kaltalk_iv/settings/require.html", words=wording, coverage=counted))
