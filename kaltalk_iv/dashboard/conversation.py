"""The page of one conversation: read it, reply to it. Each view reads, calls one use case, answers."""

from http import HTTPStatus

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from ..core.errors import Conflict, Unreadable
from ..core.text import MAX_MESSAGE, parse_client_message_id, parse_message
from ..service import conversation as conversations
from ..service import inbox, replies
from ..state import current_state
from . import live
from .protection import viewer


def add_conversation(pages: Blueprint) -> None:
    """Put the routes of one conversation on ``pages``."""
    pages.add_url_rule("/inbox/<conversation_id>", "conversation", conversation)
    pages.add_url_rule("/inbox/<conversation_id>/reply", "reply", reply, methods=("POST",))


def conversation(conversation_id: str) -> Response:
    """GET: one conversation with its customer."""
    return _page(conversation_id)


def reply(conversation_id: str) -> AnyResponse:
    """POST: send a reply. What cannot be sent comes back with its text and the cause."""
    organization_id, author_name = viewer().organization_id, viewer().name
    form = request.form
    client_message_id = parse_client_message_id(form.get("client_message_id"))
    try:
        text = parse_message(form.get("text"))
        current_state().commit(
            lambda session, now: replies.reply(
                session,
                organization_id,
                conversation_id,
                author_name=author_name,
                text=text,
                client_message_id=client_message_id,
                seen_state=form.get("seen_state", ""),
                seen_session=form.get("seen_session", ""),
                confirmed=form.get("confirmed", ""),
                now=now,
            )
        )
    except (Unreadable, Conflict) as error:
        status = HTTPStatus.CONFLICT if isinstance(error, Conflict) else HTTPStatus.BAD_REQUEST
        return _page(conversation_id, status, draft=form.get("text", ""), problem=_in_words(error))
    if live.LIVE_HEADER in request.headers:
        return _page(conversation_id)
    return redirect(url_for("kaltalk_iv_dashboard.conversation", conversation_id=conversation_id), HTTPStatus.SEE_OTHER)


def _page(conversation_id: str, status: int = HTTPStatus.OK, *, draft: str = "", problem: str = "") -> Response:
    organization_id = viewer().organization_id
    opened = current_state().commit(
        lambda session, now: conversations.open_conversation(session, organization_id, conversation_id, now)
    )
    state = current_state()
    entries = inbox.list_conversations(state.session, organization_id, state.clock())
    return live.answer("conversation", status, opened=opened, entries=entries, draft=draft, problem=problem)


def _in_words(error: Unreadable | Conflict) -> str:
    if isinstance(error, Conflict):
        return error.detail
    return f"A reply has 1 to {MAX_MESSAGE} characters. Nothing was sent."
