"""The audit trail: older lines page by page, and all of it as CSV."""

import csv
import io

from flask import Response, make_response, render_template, request

from ...service import audit
from ...state import current_state
from ..protection import viewer
from . import wording

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def show() -> Response:
    """GET: 50 lines, those before ``before``."""
    events, older = audit.page(current_state().session, viewer().organization_id, request.args.get("before"))
    return make_response(render_template("kaltalk_iv/settings/audit.html", events=events, older=older, words=wording))


def download() -> Response:
    """GET: the whole trail as CSV, newest first, times in UTC."""
    organization_id = viewer().organization_id
    written = io.StringIO(newline="")
    table = csv.writer(written)
    table.writerow(("time", "actor", "address", "action", "detail"))
    for line in audit.every_line(current_state().session, organization_id):
        cells = (wording.machine_time(line.created_at), line.actor, line.address, line.action, line.detail)
        table.writerow([neutral(cell) for cell in cells])
    answer = Response(written.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="audit-{organization_id}.csv"'
    return answer


def neutral(cell: str) -> str:
    """Return ``cell`` so that a spreadsheet takes it for text: what begins like a formula gets an apostrophe."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
