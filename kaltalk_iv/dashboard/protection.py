"""What holds for every page of ours: somebody let in, no form forged, strict headers, and nothing kept in a cache."""

import secrets
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, abort, current_app, g, request, session
from flask_wtf.csrf import generate_csrf, validate_csrf
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse
from wtforms import ValidationError

from ..headers import PERMISSIONS_POLICY
from ..observing.requests import name_organization
from ..state import Role, Viewer, current_state

FORM_BYTES = 64 * 1024
# A page stays open for a working day. The token is bound to the browser's session, which ends earlier.
CSRF_SECONDS = 12 * 60 * 60
PUBLIC = frozenset({"kaltalk_iv_dashboard.asset"})
FORGED = "This form was not sent from a page that we gave you, or that page has grown too old."

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def protect(blueprint: Blueprint) -> None:
    """Check the forms of ``blueprint`` and put headers on its answers."""
    blueprint.before_request(refuse_forged_forms)
    blueprint.after_request(add_headers)
    blueprint.context_processor(page_values)


def admit_viewer() -> AnyResponse | None:
    """Ask the application who looks, keep it in ``g``, and refuse with 403 unless it names a Viewer."""
    if request.endpoint in PUBLIC:
        return None
    guard = current_state().guard
    answer = None if guard is None else guard()
    if isinstance(answer, AnyResponse):
        return answer
    # Whatever else a guard returns opens nothing, and neither does a role that is only text.
    if not isinstance(answer, Viewer) or not isinstance(answer.role, Role):
        abort(HTTPStatus.FORBIDDEN)
    g.kaltalk_iv_viewer = answer
    name_organization(answer.organization_id)
    return None


def viewer() -> Viewer:
    """Return who looks at this page."""
    admitted: Viewer = g.kaltalk_iv_viewer
    return admitted


def refuse_forged_forms() -> None:
    """Answer 400 to an unsafe request without this browser's CSRF token, whatever the application checks itself."""
    if request.method in _SAFE:
        return
    request.max_content_length = FORM_BYTES
    if request.content_length is not None:
        # Some servers end a body by themselves, and do so too when the browser is cut off: half a reply would be sent.
        # Without their mark, Werkzeug counts, and what falls short is a 400.
        request.environ.pop("wsgi.input_terminated", None)
    try:
        validate_csrf(request.form.get(_csrf_field()), time_limit=CSRF_SECONDS)
    except ValidationError:
        abort(HTTPStatus.BAD_REQUEST, FORGED)


def add_headers(response: Response) -> Response:
    """Return ``response`` with a strict policy. Pages hold customers' words: nothing may keep or frame them."""
    headers = {
        "Content-Security-Policy": "; ".join(
            (
                "default-src 'none'",
                f"script-src 'nonce-{_nonce()}'",
                f"style-src 'self' 'nonce-{_nonce()}'",
                "connect-src 'self'",
                "img-src 'self' data:",
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            )
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": PERMISSIONS_POLICY,
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    response.headers.update(headers)
    if request.endpoint not in PUBLIC:
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("Cookie")
    return response


def page_values() -> dict[str, Any]:
    """Return what every template of ours may use; nothing is taken from the application's own globals."""
    return {
        "csp_nonce": _nonce(),
        "csrf_input": _csrf_input,
        "viewer": g.get("kaltalk_iv_viewer"),
        "has_logout": "kaltalk_iv_login" in current_app.blueprints,
    }


def _csrf_input() -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}" autocomplete="off">').format(
        _csrf_field(), generate_csrf()
    )


def form_key() -> str | None:
    """Return what the CSRF tokens of this browser's session are made from; another login has another one. A secret."""
    key: str | None = session.get(_csrf_field())
    return key


def _csrf_field() -> str:
    name: str = current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")
    return name


def _nonce() -> str:
    if "kaltalk_iv_nonce" not in g:
        g.kaltalk_iv_nonce = secrets.token_urlsafe(16)
    nonce: str = g.kaltalk_iv_nonce
    return nonce
