"""The pages of the inbox. Each view reads, calls one use case, answers."""

import secrets
from http import HTTPStatus
from pathlib import Path

from flask import Blueprint, Response, make_response, redirect, render_template, request, send_from_directory, url_for
from werkzeug.wrappers import Response as AnyResponse

from ..core.errors import Conflict, Unreadable
from ..core.text import MAX_MESSAGE, parse_client_message_id, parse_message
from ..service import inbox as use_cases
from ..state import current_state
from . import wording
from .problems import add_error_pages
from .protection import admit_viewer, protect, viewer
from .settings import add_settings

LIVE_HEADER = "X-KalTalk-Live"

_PACKAGE = Path(__file__).parent.parent
_TEMPLATE_VALUES = {"wording": wording, "max_message": MAX_MESSAGE, "list_length": use_cases.LIST_LENGTH}
_ASSETS = ("dashboard.css", "dashboard.js", "settings.css", "settings.js")


def create_dashboard() -> Blueprint:
    """Return the blueprint of the pages that agents use. Without a guard it answers 403 to everybody."""
    pages = Blueprint("kaltalk_iv_dashboard", __name__, template_folder=str(_PACKAGE / "templates"))
    pages.before_request(admit_viewer)
    protect(pages)
    add_error_pages(pages)
    pages.context_processor(lambda: dict(_TEMPLATE_VALUES))
    pages.add_url_rule("/", "home", home)
    pages.add_url_rule("/inbox", "inbox", inbox)
    pages.add_url_rule("/inbox/<conversation_id>", "conversation", conversation)
    pages.add_url_rule("/inbox/<conversation_id>/reply", "reply", reply, methods=("POST",))
    add_settings(pages)
    pages.add_url_rule(f"/assets/<any({', '.join(map(repr, _ASSETS))}):name>", "asset", asset)
    return pages


def home() -> AnyResponse:
    """GET: the inbox is where work begins."""
    return redirect(url_for("kaltalk_iv_dashboard.inbox"))


def inbox() -> Response:
    """GET: the conversations, newest first."""
    state = current_state()
    entries = use_cases.list_conversations(state.session, viewer().organization_id, state.clock())
    return make_response(render_template(_page("inbox"), entries=entries, opened=None))


def conversation(conversation_id: str) -> Response:
    """GET: one conversation with its customer."""
    return _conversation_page(conversation_id)


def reply(conversation_id: str) -> AnyResponse:
    """POST: send a reply. What cannot be sent comes back with its text and the cause."""
    organization_id, author_name = viewer().organization_id, viewer().name
    form = request.form
    client_message_id = parse_client_message_id(form.get("client_message_id"))
    try:
        text = parse_message(form.get("text"))
        current_state().commit(
            lambda session, now: use_cases.reply(
                session,
                organization_id,
                conversation_id,
                author_name=author_name,
                text=text,
                client_message_id=client_message_id,
                seen_state=form.get("seen_state", ""),
                seen_session=form.get("seen_session", ""),
                now=now,
            )
        )
    except (Unreadable, Conflict) as error:
        status = HTTPStatus.CONFLICT if isinstance(error, Conflict) else HTTPStatus.BAD_REQUEST
        return _conversation_page(conversation_id, status, draft=form.get("text", ""), problem=_in_words(error))
    if LIVE_HEADER in request.headers:
        return _conversation_page(conversation_id)
    return redirect(url_for("kaltalk_iv_dashboard.conversation", conversation_id=conversation_id), HTTPStatus.SEE_OTHER)


def asset(name: str) -> Response:
    """GET: the style sheet or the script, revalidated each time, so that a mend is seen at the next load."""
    return send_from_directory(_PACKAGE / "static", name, max_age=0, conditional=True)


def _conversation_page(
    conversation_id: str, status: int = HTTPStatus.OK, *, draft: str = "", problem: str = ""
) -> Response:
    organization_id = viewer().organization_id
    opened = current_state().commit(
        lambda session, now: use_cases.open_conversation(session, organization_id, conversation_id, now)
    )
    state = current_state()
    entries = use_cases.list_conversations(state.session, organization_id, state.clock())
    page = render_template(
        _page("conversation"),
        opened=opened,
        entries=entries,
        draft=draft,
        problem=problem,
        fresh_id=secrets.token_hex(16),
    )
    return make_response(page, status)


def _page(name: str) -> str:
    """Return the template of a page or, for the page's own script, of the parts of it that change."""
    return "kaltalk_iv/live.html" if LIVE_HEADER in request.headers else f"kaltalk_iv/{name}.html"


def _in_words(error: Unreadable | Conflict) -> str:
    if isinstance(error, Conflict):
        return error.detail
    return f"A reply has 1 to {MAX_MESSAGE} characters. Nothing was sent."
