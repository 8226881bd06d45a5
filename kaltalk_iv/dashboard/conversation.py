"""The page of one conversation: read it, reply to it. Each view reads, calls one use case, answers."""

import re
from http import HTTPStatus

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from ..core.errors import Conflict, Unreadable
from ..core.listing import Status
from ..core.text import MAX_MESSAGE, parse_client_message_id, parse_message
from ..service import closing, replies
from ..service import conversation as conversations
from ..service.replies import HeldBack
from ..state import current_state
from . import live
from .listing import asked_listing, asked_query
from .protection import viewer

_POSITION = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


def add_conversation(pages: Blueprint) -> None:
    """Put the routes of one conversation on ``pages``."""
    pages.add_url_rule("/inbox/<conversation_id>", "conversation", conversation)
    pages.add_url_rule("/inbox/<conversation_id>/reply", "reply", reply, methods=("POST",))
    pages.add_url_rule("/inbox/<conversation_id>/status", "set_status", set_status, methods=("POST",))


def conversation(conversation_id: str) -> Response:
    """GET: one conversation with its customer. ``before``: its earlier lines, those before that position."""
    before = request.args.get("before", "")
    return _page(conversation_id, before=int(before) if _POSITION.fullmatch(before) else None)


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
        held = error if isinstance(error, HeldBack) else None
        return _page(conversation_id, status, draft=form.get("text", ""), problem=_in_words(error), held=held)
    if live.LIVE_HEADER in request.headers:
        return _page(conversation_id)
    return _back_to(conversation_id)


def set_status(conversation_id: str) -> AnyResponse:
    """POST: close the conversation, or open it again. What cannot be done says why."""
    organization_id, actor, form = viewer().organization_id, viewer().name, request.form
    seen = form.get("seen", "")
    status = Status.CLOSED if form.get("status") == Status.CLOSED else Status.OPEN
    position = int(seen) if _POSITION.fullmatch(seen) else 0
    try:
        current_state().commit(
            lambda session, now: closing.set_status(
                session, organization_id, conversation_id, status, actor=actor, seen=position, now=now
            )
        )
    except Conflict as error:
        return _page(conversation_id, HTTPStatus.CONFLICT, problem=error.detail)
    return _page(conversation_id) if live.LIVE_HEADER in request.headers else _back_to(conversation_id)


def _back_to(conversation_id: str) -> AnyResponse:
    """Return to the page of the conversation, beside the list that was there."""
    here = url_for("kaltalk_iv_dashboard.conversation", conversation_id=conversation_id, **asked_query())
    return redirect(here, HTTPStatus.SEE_OTHER)


def _page(
    conversation_id: str,
    status: int = HTTPStatus.OK,
    *,
    before: int | None = None,
    draft: str = "",
    problem: str = "",
    held: HeldBack | None = None,
) -> Response:
    organization_id = viewer().organization_id
    opened = current_state().commit(
        lambda session, now: conversations.open_conversation(session, organization_id, conversation_id, now, before)
    )
    drawn = {"opened": opened, "listed": asked_listing(), "draft": draft, "problem": problem, "held": held}
    return live.answer("conversation", status, **drawn)


def _in_words(error: Unreadable | Conflict) -> str:
    if isinstance(error, Conflict):
        return error.detail
    return f"A reply has 1 to {MAX_MESSAGE} characters. Nothing was sent."
