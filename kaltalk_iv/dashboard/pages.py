"""The dashboard as a blueprint, and the page of the list. Each view reads, calls one use case, answers."""

import secrets
from pathlib import Path

from flask import Blueprint, Response, redirect, send_from_directory, url_for
from werkzeug.wrappers import Response as AnyResponse

from ..core.listing import MAX_SEARCH
from ..core.text import MAX_MESSAGE
from . import listing, live, wording
from .conversation import add_conversation
from .problems import add_error_pages
from .protection import admit_viewer, protect
from .settings import add_settings

_PACKAGE = Path(__file__).parent.parent
_TEMPLATE_VALUES = {"wording": wording, "listing": listing, "max_message": MAX_MESSAGE, "max_search": MAX_SEARCH}
_ASSETS = ("dashboard.css", "dashboard.js", "settings.css", "settings.js")


def create_dashboard() -> Blueprint:
    """Return the blueprint of the pages that agents use. Without a guard it answers 403 to everybody."""
    pages = Blueprint("kaltalk_iv_dashboard", __name__, template_folder=str(_PACKAGE / "templates"))
    pages.before_request(admit_viewer)
    protect(pages)
    add_error_pages(pages)
    pages.context_processor(lambda: _TEMPLATE_VALUES | {"fresh_id": secrets.token_hex(16)})
    pages.add_url_rule("/", "home", home)
    pages.add_url_rule("/inbox", "inbox", inbox)
    add_conversation(pages)
    add_settings(pages)
    pages.add_url_rule(f"/assets/<any({', '.join(map(repr, _ASSETS))}):name>", "asset", asset)
    return pages


def home() -> AnyResponse:
    """GET: the inbox is where work begins."""
    return redirect(url_for("kaltalk_iv_dashboard.inbox"))


def inbox() -> Response:
    """GET: a page of the conversations, filtered as the URL says, newest first."""
    return live.answer("inbox", listed=listing.asked_listing(), opened=None)


def asset(name: str) -> Response:
    """GET: the style sheet or the script, revalidated each time, so that a mend is seen at the next load."""
    return send_from_directory(_PACKAGE / "static", name, max_age=0, conditional=True)
