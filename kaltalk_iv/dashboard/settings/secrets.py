"""Signing secrets: reveal, rotate, end the window early, replace in an emergency. Only reveal ever shows a value."""

from http import HTTPStatus
from typing import Any

from flask import Response, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from ...core.errors import Conflict
from ...service import audit
from ...service import settings as use_cases
from ...state import current_state
from ..protection import viewer
from . import wording
from .access import actor, done, stop

SHOWN_SECONDS = 60


def ask_to_reveal() -> Response:
    """GET: ask for the password."""
    return _cannot_reveal() if current_state().confirm is None else _page("reveal")


def reveal() -> Response:
    """POST: show the current secret once, to whoever knows the password of the login that is open here."""
    state, who, organization_id = current_state(), actor(), viewer().organization_id
    if state.confirm is None:
        return _cannot_reveal()
    if state.confirm(request.form.get("password", "")) is not True:
        state.commit(lambda db, now: audit.note(db, organization_id, who, "reveal_refused", "wrong password", now))
        return _page("reveal", HTTPStatus.FORBIDDEN, is_wrong=True)
    value = state.commit(lambda db, now: use_cases.reveal_current_secret(db, state.settings, who, organization_id, now))
    return _page("revealed", value=value, shown_seconds=SHOWN_SECONDS)


def rotate() -> AnyResponse:
    """POST: make a new secret in place of the one that the form names. A second click finds another one: 409."""
    state, who, organization_id = current_state(), actor(), viewer().organization_id
    replaces = request.form.get("replaces", "")
    state.commit(lambda db, now: use_cases.rotate_secret(db, state.settings, who, organization_id, replaces, now))
    return done("rotated", anchor="secrets")


def ask_to_end_window() -> Response:
    """GET: say when the previous secret last verified a token, and ask."""
    state = current_state()
    now = state.clock()
    previous = wording.previous_of(use_cases.list_secrets(state.session, viewer().organization_id), now)
    if previous is None:
        raise Conflict("No grace window runs: there is no previous secret to retire.")
    return _page("end_window", secret=previous, now=now)


def end_window() -> AnyResponse:
    """POST: retire the previous secret that the form names, at once."""
    who, organization_id, retires = actor(), viewer().organization_id, request.form.get("retires", "")
    current_state().commit(
        lambda db, now: use_cases.retire_previous_secret(db, who, organization_id, now, retires=retires)
    )
    return done("window-ended", anchor="secrets")


def ask_to_replace() -> Response:
    """GET: say what an emergency replace does, and ask for the organization's id."""
    return _replace_page()


def replace() -> AnyResponse:
    """POST: one new secret, every other one revoked, and on to the list of whom they verified."""
    state, who, organization_id = current_state(), actor(), viewer().organization_id
    if request.form.get("confirmation", "").strip() != organization_id:
        return _replace_page(HTTPStatus.BAD_REQUEST, is_wrong=True)
    replaces = request.form.get("replaces", "")
    state.commit(
        lambda db, now: use_cases.replace_secrets(db, state.settings, who, organization_id, now, replaces=replaces)
    )
    return done("replaced", "settings_revoked")


def _replace_page(status: int = HTTPStatus.OK, *, is_wrong: bool = False) -> Response:
    organization_id = viewer().organization_id
    secrets = use_cases.list_secrets(current_state().session, organization_id)
    return _page("replace", status, is_wrong=is_wrong, current_id=use_cases.current_id(secrets))


def _cannot_reveal() -> Response:
    return stop(
        HTTPStatus.FORBIDDEN,
        "The secret cannot be revealed here",
        "This application has not said how to ask for your password again: it must pass confirm= to KalTalkIV. "
        "Until then, the command line reveals the secret.",
    )


def _page(name: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
    organization_id = viewer().organization_id
    values = {"is_wrong": False, "words": wording, "organization_id": organization_id} | values
    return make_response(render_template(f"kaltalk_iv/settings/{name}.html", **values), status)
