"""What widgets ask: to be identified, to send and to read messages, to end. Each reads, calls one use case, answers.

No Flask in here: request and answer are values, and ``respond`` is the one way from the one to the other, whoever
carries them (``routes.py``, or the lane of KalTalk's own application). What is checked is checked behind it.
``openapi.json`` describes it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ..core.coverage import sighting_of
from ..core.errors import IdentityRefused, Unreadable
from ..core.policy import State, Verdict
from ..core.text import parse_client_message_id, parse_message
from ..headers import PERMISSIONS_POLICY
from ..limiter import network_of
from ..observing.requests import name_organization
from ..rates import Limit
from ..service import chat
from ..service.events import IdentityFailed
from ..service.identify import (
    Identified,
    IdentifyRequest,
    identify,
    identify_unchanged,
    read_request,
    weigh_request,
)
from ..state import State as Application
from ..store.messages import MessageRecord
from ..store.sources import Writer
from . import cors
from .answers import Answer, Header, json_answer
from .asking import Asked
from .problems import FORESEEN, problem_of

IDENTIFY_BYTES = 16 * 1024
MESSAGE_BYTES = 32 * 1024

# JSON is for scripts that CORS lets read it: opened as a page or drawn into one, it is nothing.
HEADERS: tuple[Header, ...] = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Permissions-Policy", PERMISSIONS_POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
_FOR_OUR_PAGES: tuple[Header, ...] = (
    *HEADERS,
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)

WRONG_AS_SENT = (HTTPException, Unreadable)
"""What is raised before origins are compared."""

View = Callable[..., Answer]
"""Called with the state, the request and what its address holds."""


def respond(state: Application, asked: Asked, view: View, **given: str) -> Answer:
    """Return what ``view`` answers, whole; an error that is FORESEEN as the problem that it is."""
    try:
        answer = view(state, asked, **given)
    except FORESEEN as error:
        answer = problem_of(state, error)
    return whole(asked, answer)


def whole(asked: Asked, answer: Answer) -> Answer:
    """Return ``answer`` with the headers of the API, and leave nothing of the request unread."""
    asked.drain()
    return answer.with_headers(headers_for(asked, answer.status))


def headers_for(asked: Asked, status: int) -> list[Header]:
    """Return the headers that every answer of the API has, and those that let the calling page read it."""
    return [*_FOR_OUR_PAGES, *cors.headers_for_page(asked.origin, status)]


def identify_visitor(state: Application, asked: Asked, organization_id: str) -> Answer:
    """POST: weigh what the page says of its visitor and hand out a widget session."""
    state.limiter.hit(Limit.IDENTIFY_ADDRESS, network_of(asked.address))
    if asked.method == "OPTIONS":
        cors.check_page(state, asked, organization_id)
        return cors.PREFLIGHT
    state.limiter.hit(Limit.IDENTIFY_ORGANIZATION, organization_id)
    try:
        _accept(asked, "POST")
        wanted = read_request(asked.json_object(IDENTIFY_BYTES), asked.origin)
    except WRONG_AS_SENT:
        cors.refuse_foreign_page(state, asked, lambda: organization_id)
        raise
    try:
        found = _identify(state, organization_id, wanted)
    except IdentityRefused as refused:
        state.count(sighting_of(organization_id, Verdict(State.UNVERIFIED, refused.reason), refused.seconds_off))
        state.tell(IdentityFailed(organization_id, None, None, refused.reason, refused=True, at=state.clock()))
        raise
    state.count(sighting_of(organization_id, found.session.verdict, found.seconds_off))
    return json_answer(_identified(found))


def _identify(state: Application, organization_id: str, wanted: IdentifyRequest) -> Identified:
    settings, reader, weighed = state.settings, state.reader(), None
    if reader is not None:
        now = state.clock()
        weighed = weigh_request(reader, settings, organization_id, wanted, now)
        unchanged = identify_unchanged(settings, weighed, now)
        if unchanged is not None:
            found, event = unchanged
            if event is not None:
                state.tell(event)
            return found
    once = iter([weighed])  # who has lost a race weighs again, beside what the winner has written
    return state.write(lambda source, now: identify(source, settings, organization_id, wanted, now, next(once, None)))


def messages(state: Application, asked: Asked) -> Answer:
    """POST: store a message, once. GET: what the visitor may read after a cursor."""
    if asked.method == "OPTIONS":
        return cors.PREFLIGHT
    network = network_of(asked.address)
    state.limiter.hit(Limit.MESSAGES_ADDRESS, network)
    if asked.method == "POST":
        state.limiter.hit(Limit.SEND_ADDRESS, network)
    try:
        _accept(asked, "GET", "POST")
        return _send_message(state, asked) if asked.method == "POST" else _read_messages(state, asked)
    except WRONG_AS_SENT:
        cors.refuse_foreign_page(state, asked, lambda: cors.organization_in_session(state, asked))
        raise


def session(state: Application, asked: Asked) -> Answer:
    """DELETE: end the widget session."""
    if asked.method == "OPTIONS":
        return cors.PREFLIGHT
    state.limiter.hit(Limit.MESSAGES_ADDRESS, network_of(asked.address))
    try:
        _accept(asked, "DELETE")
    except WRONG_AS_SENT:
        cors.refuse_foreign_page(state, asked, lambda: cors.organization_in_session(state, asked))
        raise
    token, origin = asked.bearer(), asked.origin
    state.write(lambda source, now: chat.end_session(source, state.settings, token, origin, now))
    return Answer(HTTPStatus.NO_CONTENT)


def _send_message(state: Application, asked: Asked) -> Answer:
    token, origin = asked.bearer(), asked.origin
    body = asked.json_object(MESSAGE_BYTES)
    text = parse_message(body.get("text"))
    client_message_id = parse_client_message_id(body.get("clientMessageId"))
    earlier = chat.earlier_session(state.settings, body.get("session"))

    def send(source: Writer, now: float) -> tuple[MessageRecord, str]:
        visitor = chat.enter(source, state.settings, token, origin, now)
        name_organization(visitor.session.organization_id)
        state.limiter.hit(Limit.SEND_SESSION, visitor.session.id)
        state.limiter.hit(Limit.SEND_ORGANIZATION, visitor.session.organization_id)
        return chat.send_message(source, visitor, text, client_message_id, now, earlier=earlier)

    message, cursor = state.write(send)
    state.metrics.message(message.state)
    return json_answer({"message": _message(message), "cursor": cursor}, HTTPStatus.CREATED)


def _read_messages(state: Application, asked: Asked) -> Answer:
    source = state.reader() or state.session
    visitor = chat.enter(source, state.settings, asked.bearer(), asked.origin, state.clock())
    name_organization(visitor.session.organization_id)
    thread = chat.read_thread(source, visitor, asked.request.args.get("after", chat.START))
    return json_answer(
        {
            "messages": [_message(line) for line in thread.messages],
            "cursor": thread.cursor,
            "identity": {"state": thread.verdict.state, "reason": thread.verdict.reason},
        }
    )


def _accept(asked: Asked, *methods: str) -> None:
    if asked.method not in methods:
        raise MethodNotAllowed(methods, f"This address takes {' and '.join(methods)}.")


def _identified(found: Identified) -> dict[str, Any]:
    """Return the answer. Its claims are those of the request: nothing stored goes to a browser that only guesses."""
    claims = found.session.claims
    return {
        "identity": {
            "state": found.session.verdict.state,
            "reason": found.session.verdict.reason,
            "externalId": claims.external_id,
            "email": claims.email,
            "name": claims.name,
        },
        "session": {
            "id": found.session.id,
            "token": found.token,
            "expiresAt": _utc(found.session.expires_at),
        },
        "warnings": [{"code": note.code, "field": note.field, "detail": note.detail} for note in found.notices],
    }


def _message(line: MessageRecord) -> dict[str, Any]:
    answer = {"id": line.id, "author": line.author, "text": line.text, "createdAt": _utc(line.created_at)}
    if line.author == "agent":
        return answer | {"name": line.author_name}
    return answer | {"clientMessageId": line.client_message_id}


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Route(NamedTuple):
    """An address of what widgets ask. ``name`` is that of its endpoint in the blueprint."""

    rule: str
    name: str
    view: View


ROUTES = (
    Route("/v1/organizations/<path:organization_id>/identify", "identify_visitor", identify_visitor),
    Route("/v1/messages", "messages", messages),
    Route("/v1/session", "session", session),
)
