"""The routes of the widget's API. Each reads, calls one use case, answers. ``openapi.json`` describes them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Request, Response, url_for
from werkzeug.datastructures import Headers
from werkzeug.exceptions import MethodNotAllowed

from ..core.coverage import sighting_of
from ..core.errors import IdentityRefused
from ..core.policy import State, Verdict
from ..core.text import parse_client_message_id, parse_message
from ..current import this_request
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
from ..state import current_state
from ..store.messages import MessageRecord
from ..store.sources import Writer
from . import cors, widget_file
from .bodies import drain, read_bearer, read_json_object
from .problems import add_error_handlers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

IDENTIFY_BYTES = 16 * 1024
MESSAGE_BYTES = 32 * 1024

_encode = json.JSONEncoder(separators=(",", ":")).encode
_DESCRIPTION_RULE = "/v1/openapi.json"
_PUBLIC = frozenset({"kaltalk_iv_api.widget", "kaltalk_iv_api.description"})
# JSON is for scripts that CORS lets read it: opened as a page or drawn into one, it is nothing.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Permissions-Policy": PERMISSIONS_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_FOR_OUR_PAGES = [*_HEADERS.items(), ("Cross-Origin-Resource-Policy", "same-origin"), ("Cache-Control", "no-store")]
# Public files are made for the pages of other origins; `*` lets those use integrity and crossorigin.
_FOR_ANY_PAGE = [
    *_HEADERS.items(),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("Access-Control-Allow-Origin", "*"),
]
# Every method is routed, so that a wrong one gets a problem of ours and not the application's page.
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def create_api() -> Blueprint:
    """Return the blueprint of the widget's API."""
    api = Blueprint("kaltalk_iv_api", __name__)
    routes: dict[str, Callable[..., Response]] = {
        "/v1/organizations/<path:organization_id>/identify": identify_visitor,
        "/v1/messages": messages,
        "/v1/session": session,
    }
    for rule, view in routes.items():
        api.add_url_rule(rule, view_func=view, methods=_METHODS, provide_automatic_options=False)
    api.add_url_rule("/widget/kaltalk.js", view_func=widget, methods=("GET",))
    api.add_url_rule(_DESCRIPTION_RULE, view_func=description, methods=("GET",))
    add_error_handlers(api)
    api.after_request(finish)
    return api


def identify_visitor(organization_id: str) -> Response:
    """POST: weigh what the page says of its visitor and hand out a widget session."""
    state, asked = current_state(), this_request()
    state.limiter.hit(Limit.IDENTIFY_ADDRESS, network_of(asked.remote_addr))
    if asked.method == "OPTIONS":
        cors.check_page(asked, organization_id)
        return cors.preflight()
    state.limiter.hit(Limit.IDENTIFY_ORGANIZATION, organization_id)
    with cors.errors_for_its_own_pages(asked, lambda _asked: organization_id):
        _accept(asked, "POST")
        wanted = read_request(read_json_object(asked, IDENTIFY_BYTES), cors.page_origin(asked))
    try:
        found = _identify(state, organization_id, wanted)
    except IdentityRefused as refused:
        state.count(sighting_of(organization_id, Verdict(State.UNVERIFIED, refused.reason), refused.seconds_off))
        state.tell(IdentityFailed(organization_id, None, None, refused.reason, refused=True, at=state.clock()))
        raise
    state.count(sighting_of(organization_id, found.session.verdict, found.seconds_off))
    return _json(_identified(found))


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


def messages() -> Response:
    """POST: store a message, once. GET: what the visitor may read after a cursor."""
    state, asked = current_state(), this_request()
    if asked.method == "OPTIONS":
        return cors.preflight()
    network = network_of(asked.remote_addr)
    state.limiter.hit(Limit.MESSAGES_ADDRESS, network)
    if asked.method == "POST":
        state.limiter.hit(Limit.SEND_ADDRESS, network)
    with cors.errors_for_its_own_pages(asked, cors.organization_in_session):
        _accept(asked, "GET", "POST")
        return _send_message(state, asked) if asked.method == "POST" else _read_messages(state, asked)


def session() -> Response:
    """DELETE: end the widget session."""
    state, asked = current_state(), this_request()
    if asked.method == "OPTIONS":
        return cors.preflight()
    state.limiter.hit(Limit.MESSAGES_ADDRESS, network_of(asked.remote_addr))
    with cors.errors_for_its_own_pages(asked, cors.organization_in_session):
        _accept(asked, "DELETE")
    token, origin = read_bearer(asked), cors.page_origin(asked)
    state.write(lambda source, now: chat.end_session(source, state.settings, token, origin, now))
    return Response(status=HTTPStatus.NO_CONTENT)


def widget() -> Response:
    """GET: the widget's script, revalidated each time, so that a mend reaches every page at its next load."""
    return widget_file.answer()


def description() -> Response:
    """GET: these routes as an OpenAPI document that names the address they are mounted at."""
    mount = url_for("kaltalk_iv_api.description").removesuffix(_DESCRIPTION_RULE)
    return _json(_description() | {"servers": [{"url": mount or "/"}]})


@cache
def _description() -> dict[str, Any]:
    described: dict[str, Any] = json.loads((Path(__file__).parent / "openapi.json").read_text(encoding="utf-8"))
    return described


def _send_message(state: Application, asked: Request) -> Response:
    token, origin = read_bearer(asked), cors.page_origin(asked)
    body = read_json_object(asked, MESSAGE_BYTES)
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
    return _json({"message": _message(message), "cursor": cursor}, HTTPStatus.CREATED)


def _read_messages(state: Application, asked: Request) -> Response:
    source = state.reader() or state.session
    visitor = chat.enter(source, state.settings, read_bearer(asked), cors.page_origin(asked), state.clock())
    name_organization(visitor.session.organization_id)
    thread = chat.read_thread(source, visitor, asked.args.get("after", chat.START))
    return _json(
        {
            "messages": [_message(line) for line in thread.messages],
            "cursor": thread.cursor,
            "identity": {"state": thread.verdict.state, "reason": thread.verdict.reason},
        }
    )


def _accept(asked: Request, *methods: str) -> None:
    if asked.method not in methods:
        raise MethodNotAllowed(methods, f"This address takes {' and '.join(methods)}.")


def finish(response: Response) -> Response:
    """Return ``response`` with the headers of the API."""
    asked = this_request()
    current_state().write_counts_after(response)
    drain(asked)
    if asked.endpoint in _PUBLIC:
        response.headers.extend(_FOR_ANY_PAGE)
        return response
    response.headers.extend(_FOR_OUR_PAGES)
    return cors.allow_page(asked, response)


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


class _Answer(Response):
    """A JSON answer that is complete as it is made: Werkzeug need not work its headers out and copy them."""

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:  # noqa: ARG002 - the name is Werkzeug's
        return self.headers


def _json(body: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    text = f"{_encode(body)}\n".encode()
    return _Answer(text, status, [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])


def _message(line: MessageRecord) -> dict[str, Any]:
    answer = {"id": line.id, "author": line.author, "text": line.text, "createdAt": _utc(line.created_at)}
    if line.author == "agent":
        return answer | {"name": line.author_name}
    return answer | {"clientMessageId": line.client_message_id}


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
