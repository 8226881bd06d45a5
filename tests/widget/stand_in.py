"""A stand-in for KalTalk's API and for a host's page, on two origins, with failures to order.

It keeps to the API's contract, believes every token that ends in "good", and remembers each request. The real server is
driven through the real widget in `tests/contract`.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify, request

from kaltalk_iv.api import widget_file
from tests.support.in_process import serving

ORGANIZATION = "org_demo"

STUB = """
  window.KalTalk = { queue: [] };
  for (const call of ["init", "on", "open", "close", "shutdown"]) {
    KalTalk[call] = function (...values) { this.queue.push([call, ...values]); };
  }
"""


def user_token(
    sub: str,
    *,
    lifetime: int = 3600,
    signature: str = "good",
    iat: int = 1_800_000_000,
    email: str | None = "{}@example.com",
) -> str:
    """Return something shaped like a user token; the stand-in believes it when it ends in "good"."""
    claims = {"sub": sub, "iat": iat, "exp": iat + lifetime} | ({"email": email.format(sub)} if email else {})
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.{signature}"


def problem(status: int, code: str, retry_after: int | None = None) -> Response:
    """Return an error as the API writes it."""
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": f"About {code}."}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Response(json.dumps(body), status, headers, mimetype="application/problem+json")


DOWN = [problem(503, "database_unavailable", 600) for _ in range(9)]


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    token: str
    body: dict[str, Any]


@dataclass
class StandIn:
    """KalTalk, as far as the widget can tell. `failures` are answered first, by "METHOD /path"; then the truth."""

    seen: list[Seen] = field(default_factory=list)
    failures: dict[str, list[Response]] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    threads: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    state: str = "verified"
    visit: str = "visit of {}"
    before_message: Callable[[], None] = lambda: None
    origin: str = ""
    snippet: str = ""
    body: str = "<main><h1>The shop</h1></main>"
    csp: str = ""
    loads_widget: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, call: str, *answers: Response) -> None:
        """Answer the next requests to `call` with `answers`, one each."""
        self.failures.setdefault(call, []).extend(answers)

    def calls(self, call: str) -> list[Seen]:
        """Return the requests to "METHOD /path", oldest first."""
        return [seen for seen in self.seen if f"{seen.method} {seen.path}" == call]

    @property
    def identifies(self) -> list[dict[str, Any]]:
        """The bodies of all identify requests."""
        return [seen.body for seen in self.calls(IDENTIFY)]

    def reply(self, visitor: str, text: str, name: str = "Alan") -> None:
        """Let an agent write to `visitor`."""
        self._append(visitor, {"author": "agent", "name": name, "text": text})

    def texts(self, visitor: str) -> list[str]:
        """Return the texts of a thread."""
        return [message["text"] for message in self.threads.get(visitor, [])]

    def forget_sessions(self) -> None:
        """Refuse every session from now on, as after a change of the server's keys."""
        self.sessions.clear()

    def _append(self, visitor: str, message: dict[str, Any]) -> dict[str, Any]:
        thread = self.threads.setdefault(visitor, [])
        message |= {"id": f"m_{visitor}_{len(thread) + 1}", "createdAt": "2026-11-22T12:00:00Z"}
        thread.append(message)
        return message

    def answer(self) -> Response:
        """Answer the current request."""
        path = request.path
        if request.method == "OPTIONS":
            return Response(status=204)
        body = request.get_json(silent=True) or {}
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        with self._lock:
            self.seen.append(Seen(request.method, path, request.query_string.decode(), token, body))
            waiting = self.failures.get(f"{request.method} {path}", [])
            if waiting:
                return waiting.pop(0)
            if path.startswith("/v1/organizations/"):
                return self._identify(body)
            if token not in self.sessions:
                return problem(401, "session_invalid")
            if path == "/v1/session":
                del self.sessions[token]
                return Response(status=204)
            return self._send(token, body) if request.method == "POST" else self._read(token)

    def _identify(self, body: dict[str, Any]) -> Response:
        token = body.get("userJwt")
        claims: dict[str, Any] = {}
        if token:
            payload = token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        who = claims.get("sub") or body.get("externalId") or body.get("email") or "nobody"
        state, reason = ("anonymous", None) if who == "nobody" else ("unverified", "no_token")
        if token:
            good = token.endswith(".good")
            state, reason = (self.state, None) if good else ("unverified", "bad_signature")
        session = f"kts1.session-of-{who}.{len(self.seen):032d}"
        self.sessions[session] = who
        identity = {"state": state, "reason": reason, "externalId": None, "email": None, "name": None}
        expires = {"token": session, "expiresAt": "2026-11-23T00:00:00Z", "id": self.visit.format(who)}
        return jsonify({"identity": identity, "session": expires, "warnings": []})

    def _send(self, token: str, body: dict[str, Any]) -> Response:
        visitor, key = self.sessions[token], body["clientMessageId"]
        sent = [line for line in self.threads.get(visitor, []) if line.get("clientMessageId") == key]
        if not sent:
            self.before_message()
            sent = [self._append(visitor, {"author": "visitor", "text": body["text"], "clientMessageId": key})]
        answer = jsonify({"message": sent[0], "cursor": str(len(self.threads[visitor]))})
        answer.status_code = 201
        return answer

    def _read(self, token: str) -> Response:
        thread = self.threads.get(self.sessions[token], [])
        after = int(request.args.get("after", "0"))
        identity = {"state": self.state, "reason": None if self.state == "verified" else "secret_revoked"}
        if self.sessions[token] == "nobody":
            identity = {"state": "anonymous", "reason": None}
        return jsonify({"messages": thread[after : after + 100], "cursor": str(len(thread)), "identity": identity})


IDENTIFY = f"POST /v1/organizations/{ORGANIZATION}/identify"
SEND = "POST /v1/messages"
READ = "GET /v1/messages"
END = "DELETE /v1/session"


def _kaltalk(stand_in: StandIn) -> Flask:
    app = Flask("kaltalk")
    app.add_url_rule("/widget/kaltalk.js", "widget", widget_file.answer)
    methods = ["GET", "POST", "DELETE", "OPTIONS"]
    app.add_url_rule("/v1/<path:_rest>", "api", lambda _rest: stand_in.answer(), methods=methods)

    @app.after_request
    def allow_the_page(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "*")
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        return response

    return app


def _host(stand_in: StandIn, kaltalk_origin: Callable[[], str]) -> Flask:
    app = Flask("host")

    def page() -> Response:
        script = f'<script async nonce="n0nce" src="{kaltalk_origin()}/widget/kaltalk.js"></script>'
        snippet = f'<script nonce="n0nce">{stand_in.snippet}</script>'
        head = f"{snippet}{script}" if stand_in.loads_widget else ""
        html = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>{head}</head>'
        headers = {"Cache-Control": "no-store"}
        headers["Content-Security-Policy"] = stand_in.csp or (
            f"default-src 'none'; script-src 'nonce-n0nce'; style-src 'self'; connect-src {kaltalk_origin()};"
            " base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        )
        viewport = '<meta name="viewport" content="width=device-width,initial-scale=1">'
        return Response(html.replace("<title>", viewport + "<title>") + f"<body>{stand_in.body}", headers=headers)

    app.add_url_rule("/", "page", page)
    return app


@contextmanager
def running_stand_in() -> Iterator[tuple[StandIn, str]]:
    """Yield a stand-in that answers, and the address of the host's page; KalTalk is on another origin."""
    stand_in = StandIn()
    with ExitStack() as stack:
        stand_in.origin = stack.enter_context(serving(_kaltalk(stand_in)))
        host = stack.enter_context(serving(_host(stand_in, lambda: stand_in.origin)))
        yield stand_in, host


def snippet(*calls: str, stub: str = STUB) -> str:
    """Return the script that a host's page holds: the stub, then `calls`."""
    assert not any(re.search(r"</script", call, re.IGNORECASE) for call in calls)
    return stub + "\n".join(calls)
