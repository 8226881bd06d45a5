"""One KalTalk in production: two gunicorn workers on one database, this process as a third, commands as a fourth."""

import http.client
import itertools
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy.orm import Session

from kaltalk_iv.config import Settings
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, bearer
from tests.production.told_apart import WORKER_HEADER
from tests.support.servers import Server, clean_environment

ROOT: Final = Path(__file__).parents[2]
ORGANIZATION: Final = "org_shop"
ACTOR: Final = Actor("test", "local")
WORKERS: Final = 2
VERIFIED: Final = ("verified", None)
_PATIENCE_SECONDS = 20  # a worker may still be on its way up

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What a worker answered. The body may hold a session, so no report of a failing test shows it."""

    status: int
    worker: str
    headers: http.client.HTTPMessage = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        """The body as an object."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def identity(self) -> tuple[str, str | None]:
        """State and reason of the identity that the body holds."""
        identity = self.json["identity"]
        return identity["state"], identity["reason"]

    @property
    def session(self) -> str:
        """The widget session that an identify handed out."""
        token: str = self.json["session"]["token"]
        return token


@dataclass(frozen=True)
class Deployment:
    """``app`` is KalTalk in this process, on the same database: what it changes, the workers must find."""

    server: Server
    app: Flask
    environment: Mapping[str, str] = field(repr=False)
    organization: OrganizationForTests

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send one request on a connection of its own, which any of the workers may take."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)) as connection:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers[WORKER_HEADER], answer.headers, answer.read())

    def identify(self, organization_id: str = ORGANIZATION, **body: Any) -> Answer:
        """Identify as the widget does."""
        path = f"/v1/organizations/{organization_id}/identify"
        return self.ask("POST", path, json.dumps(body).encode(), Content_Type="application/json")

    def send(self, session: str, text: str, client_message_id: str) -> Answer:
        """Send a message as the widget does."""
        body = json.dumps({"text": text, "clientMessageId": client_message_id}).encode()
        return self.ask("POST", "/v1/messages", body, Content_Type="application/json", **bearer(session))

    def read(self, session: str) -> Answer:
        """Read the thread as the widget does."""
        return self.ask("GET", "/v1/messages", b"", **bearer(session))

    def fill_in(self, path: str, fields: Mapping[str, str], cookie: str) -> Answer:
        """Send a form as a browser with this cookie does."""
        content_type = "application/x-www-form-urlencoded"
        return self.ask("POST", path, urlencode(fields).encode(), Content_Type=content_type, Cookie=cookie)

    def first_of_each_worker(self, ask: Callable[[], Answer]) -> list[Answer]:
        """Ask until every worker has answered, and return the first answer of each.

        Left alone, one worker may take every connection. Half a request keeps whichever has taken it waiting for the
        rest; every other time, because that may be the one that has not answered yet.
        """
        first: dict[str, Answer] = {}
        turns = itertools.cycle((False, True))
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(first) < WORKERS:
            assert time.monotonic() < deadline, f"only {len(first)} of {WORKERS} workers answered"
            with ExitStack() as stack:
                if next(turns):
                    half = stack.enter_context(socket.create_connection(("127.0.0.1", self.server.port)))
                    half.sendall(b"GET /")
                answer = ask()
            first.setdefault(answer.worker, answer)
        return list(first.values())

    def change(self, use_case: Callable[[Session, Settings, float], T]) -> T:
        """Run a use case in this process and commit it."""
        with self.app.app_context():
            state = current_state()
            return state.commit(lambda session, now: use_case(session, state.settings, now))

    def command(self, *arguments: str, stdin: str = "") -> str:
        """Run ``flask kaltalk-iv …`` in a process of its own; return what it printed, and what it complained of."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "kaltalk_iv.server", "kaltalk-iv", *arguments],
            cwd=ROOT,
            env=clean_environment(self.environment),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{arguments[:2]} ended with {done.returncode}"
        return done.stdout + done.stderr

    def reveal(self) -> OrganizationForTests:
        """Return the organization with the secret that is current now."""
        secret = self.change(
            lambda session, settings, now: use_cases.reveal_current_secret(session, settings, ACTOR, ORGANIZATION, now)
        )
        return OrganizationForTests(ORGANIZATION, secret)
