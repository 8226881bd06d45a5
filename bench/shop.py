"""One KalTalk on granian with a shop's organizations and visitors, for the measurements that look at ours alone."""

import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask

from bench import ground
from bench.load import Request, run, write_requests
from bench.processes import children, cpu_seconds, parent_of
from kaltalk_iv import generate_encryption_key, migrations
from kaltalk_iv.rates import DEFAULT_RATES
from kaltalk_iv.server import create_app
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization, bearer
from tests.support.servers import Server

ORIGIN = "https://shop.example"
HEADERS = {"Content-Type": "application/json", "Origin": ORIGIN}
DATABASES = ("sqlite", "postgresql")
# The limits count, as in production, and refuse nobody: one machine sends what comes from thousands.
GENEROUS = {limit.value: "100000000 per 10 seconds" for limit in DEFAULT_RATES}


@dataclass(frozen=True, slots=True)
class Visitor:
    """A customer of the shop, and the page that it has open."""

    sub: str
    token: str = field(repr=False)
    session: str = field(repr=False)


@dataclass(frozen=True)
class Shop:
    """A KalTalk that runs. ``app`` is the same one in this process, to prepare and to look at what was stored."""

    server: Server
    app: Flask
    organization: OrganizationForTests
    strict: OrganizationForTests  # in mode "required"
    postmaster: int | None

    @property
    def workers(self) -> list[int]:
        """The processes that answer."""
        return children(self.server.pid)

    def cpu(self) -> tuple[float, float]:
        """Return the processor seconds that KalTalk, and PostgreSQL, have used so far."""
        return cpu_seconds(self.server.pid), cpu_seconds(self.postmaster) if self.postmaster else 0.0

    def tidy(self) -> None:
        """Have the database do now what it would do in the background."""
        with self.app.app_context():
            ground.tidy(current_state().engine)

    def identify_path(self, organization: OrganizationForTests | None = None) -> str:
        """Return where visitors of an organization identify."""
        return f"/v1/organizations/{(organization or self.organization).id}/identify"

    def sign(self, sub: str) -> str:
        """Return a user token as the shop's host signs it."""
        return self.organization.sign(sub, now=time.time(), email=f"{sub}@shop.example", name=f"Name {sub}")

    def visitors(self, count: int, *, messages: int = 0, name: str = "u") -> list[Visitor]:
        """Return verified customers with a session each; every one of them has written ``messages`` lines.

        ``name`` begins their ids: another one makes other people.
        """
        client = self.app.test_client()
        made = []
        for number in range(count):
            sub = f"{name}_{number}"
            token = self.sign(sub)
            answer = client.post(self.identify_path(), json={"userJwt": token}, headers={"Origin": ORIGIN})
            assert answer.status_code == 200, answer.status
            assert answer.json is not None
            session = answer.json["session"]["token"]
            for line in range(messages):
                body = {"text": f"Line {line} of a conversation about tea.", "clientMessageId": f"c-{number}-{line}"}
                sent = client.post("/v1/messages", json=body, headers={"Origin": ORIGIN} | bearer(session))
                assert sent.status_code == 201, sent.status
            made.append(Visitor(sub, token, session))
        return made

    def identifies(self, visitors: Sequence[Visitor]) -> list[Request]:
        """Return an identify of each visitor."""
        return [Request(self.identify_path(), f'{{"userJwt":"{visitor.token}"}}') for visitor in visitors]

    def messages(self, visitors: Sequence[Visitor], count: int) -> list[Request]:
        """Return ``count`` new messages, of one visitor after the other."""
        mark = secrets.token_hex(4)
        body = '{"text":"Is the Darjeeling of this spring there yet?","clientMessageId":"m-%s-%d"}'
        return [
            Request("/v1/messages", body % (mark, number), visitors[number % len(visitors)].session)
            for number in range(count)
        ]

    def polls(self, visitors: Sequence[Visitor], query: str = "") -> list[Request]:
        """Return a poll of each visitor's page."""
        return [Request(f"/v1/messages{query}", "", visitor.session, "GET") for visitor in visitors]

    def warm_up(self, seconds: int = 2) -> None:
        """Let every worker have seen each kind of request: statements are compiled when they are first sent."""
        visitors = self.visitors(20, name="warm")
        with ground.folder() as folder:
            for expected, requests in (
                (200, self.identifies(visitors)),
                (201, self.messages(visitors, 100)),
                (200, self.polls(visitors)),
            ):
                file = write_requests(folder / "warm", requests)
                run(self.server.origin, file, seconds=seconds, headers=HEADERS, expected=expected).checked("warm-up")


@contextmanager
def open_shop(
    database: str,
    *,
    workers: int = 1,
    cores: Sequence[int] = (ground.SERVER_CORE,),
    settings: Mapping[str, str] = GENEROUS,
) -> Iterator[Shop]:
    """Yield KalTalk as in production on a new ``database``; ``settings`` are added to its environment."""
    with ExitStack() as stack:
        folder = stack.enter_context(ground.folder())
        is_sqlite = database == "sqlite"
        url = f"sqlite:///{folder / 'kaltalk.sqlite3'}" if is_sqlite else stack.enter_context(ground.postgresql())
        keys = {"SECRET_KEY": secrets.token_urlsafe(32), "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key()}
        app = create_app({"SQLALCHEMY_DATABASE_URI": url, "KALTALK_IV_LIMITS": "off"} | keys)
        stack.callback(_let_go, app)
        with app.app_context():
            migrations.upgrade(current_state().engine)
        organization = add_organization(app, "org_shop", origins=ORIGIN)
        strict = add_organization(app, "org_strict", mode="required", origins=ORIGIN)
        environment = {
            "KALTALK_DATABASE_URL": url,
            "KALTALK_SECRET_KEY": keys["SECRET_KEY"],
            "KALTALK_IV_ENCRYPTION_KEYS": keys["KALTALK_IV_ENCRYPTION_KEYS"],
        }
        server = stack.enter_context(serve(folder, environment | dict(settings), workers=workers, cores=cores))
        yield Shop(server, app, organization, strict, None if is_sqlite else _postmaster(url))


@contextmanager
def serve(
    folder: Path, environment: Mapping[str, str], *, workers: int = 1, cores: Sequence[int] = (ground.SERVER_CORE,)
) -> Iterator[Server]:
    """Yield KalTalk on granian, started as in production."""
    environment = dict(environment) | {
        "KALTALK_BIND": "127.0.0.1:{port}",
        "WEB_CONCURRENCY": str(workers),
        "PATH": f"{Path(ground.program('granian')).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = [str(ground.ROOT / "deploy" / "granian.sh")]
    with ground.serving(command, folder=folder, env=environment, ready_path="/readyz", cores=cores) as server:
        yield server


def _postmaster(url: str) -> int:
    with ground.connect(url) as connection:
        return parent_of(connection.info.backend_pid)


def _let_go(app: Flask) -> None:
    with app.app_context():
        app.extensions["sqlalchemy"].session.remove()
        app.extensions["sqlalchemy"].engine.dispose()
