"""Test it: what a pasted token is worth and why. The token itself is never shown again, and nothing of it is kept."""

from flask import Response, request

from ...service.token_check import check_token
from ...state import current_state
from ..protection import viewer
from .page import render_page


def test_it() -> Response:
    """POST: the page with the report below the form, which is empty again."""
    state = current_state()
    pasted = request.form.get("token", "")
    report = check_token(state.session, state.settings, viewer().organization_id, pasted, state.clock())
    return render_page(report=report)
