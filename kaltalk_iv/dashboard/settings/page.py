"""The page itself: every card of it, read fresh from the database."""

from http import HTTPStatus
from typing import Any

from flask import Response, make_response, render_template, request, url_for

from ...core.errors import UnknownOrganization
from ...core.policy import Mode, Plan, effective_mode
from ...service import audit, coverage, modes
from ...service import settings as use_cases
from ...state import current_state
from ...store.organizations import get_organization
from ..protection import viewer
from . import chart, wording
from .snippets import SNIPPETS, page_code


def settings() -> Response:
    """GET: modes, secrets, Test it, coverage, origins and the newest lines of the audit trail."""
    return render_page()


def render_page(status: int = HTTPStatus.OK, **extra: Any) -> Response:
    """Return the page. ``extra`` is what one card adds: a report, or what was typed and refused."""
    state, organization_id = current_state(), viewer().organization_id
    now = state.clock()
    organization = get_organization(state.session, organization_id)
    if organization is None:
        raise UnknownOrganization
    secrets = use_cases.list_secrets(state.session, organization_id)
    state.write_counts()  # what this worker has counted and not written yet belongs in the report
    counted = coverage.report(state.session, organization_id, now)
    events, older = audit.page(state.session, organization_id)
    values = {
        "words": wording,
        "now": now,
        "organization": organization,
        "is_below_pro": effective_mode(organization.plan, Mode.REQUIRED) is Mode.OFF,
        "plan_names": {plan: plan.value.capitalize() for plan in Plan},
        "why_not_required": modes.why_not_required(organization, secrets, now),
        "last_verified_at": modes.last_verified_at(secrets),
        "secrets": [(secret, wording.status(secret, now)) for secret in secrets],
        "previous": wording.previous_of(secrets, now),
        "current_id": use_cases.current_id(secrets),
        "can_reveal": state.confirm is not None,
        "snippets": SNIPPETS,
        "page_code": page_code(organization_id, url_for("kaltalk_iv_api.widget", _external=True)),
        "coverage": counted,
        "outcomes": chart.OUTCOMES,
        "hours": chart.rows(counted.hours),
        "days": chart.rows(counted.days),
        "typed_origins": "\n".join(organization.origins),
        "refused_origins": [],
        "report": None,
        "events": events,
        "older": older,
        "done": wording.DONE.get(request.args.get("done", "")),
    }
    return make_response(render_template("kaltalk_iv/settings/page.html", **(values | extra)), status)
