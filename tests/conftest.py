"""Fixtures for every test: databases, a browser, servers in processes of their own, and Node's token library.

All of them start when the first test asks for them. What the machine lacks, see `tests.support.needs`.
"""

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.browser import DEFAULTS, Complaints, no_running_event_loop, running_browser
from tests.support.cluster import HOW_TO_GET_POSTGRESQL, find_postgresql, running_cluster
from tests.support.databases import PostgresqlDatabases, Prepare, SqliteDatabases
from tests.support.needs import require
from tests.support.node import NodeSigner, running_signer
from tests.support.servers import Server

pytest_plugins = ["tests.support.leaks"]

NewContext = Callable[..., BrowserContext]


def pytest_configure() -> None:
    """Keep a developer's exported settings away from the tests, and clean up when the run is ended from outside."""
    settings.register_profile("shared machine", deadline=None)  # a slow second is not a wrong answer
    settings.load_profile("shared machine")
    signal.signal(signal.SIGTERM, _end_the_run)
    for name in list(os.environ):
        if name.startswith(("KALTALK_", "HOST_", "FLASK_")) and not name.startswith("KALTALK_TEST_"):
            del os.environ[name]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests have recorded with `record_property("figure", "a sentence")`."""
    passed = terminalreporter.stats.get("passed", [])
    figures = [text for report in passed for name, text in report.user_properties if name == "figure"]
    if figures:
        terminalreporter.section("figures")
        for sentence in figures:
            terminalreporter.line(str(sentence))


def _end_the_run(number: int, frame: FrameType | None) -> NoReturn:
    """Take a time limit's SIGTERM for Ctrl-C: fixtures end the servers, which Python would leave behind.

    `timeout` sends it twice, and the second one must not break off the cleaning up.
    """
    signal.signal(signal.SIGTERM, lambda *_: None)
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def prepare_database() -> Prepare:
    """Make the tables in the empty database at a URL. A room with tables overrides this with its migrations."""
    return _leave_empty


def _leave_empty(url: str) -> None:
    """Make no tables."""


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    """SQLite files, copied from templates."""
    return SqliteDatabases(tmp_path_factory.mktemp("sqlite-templates"))


@pytest.fixture(scope="session")
def postgresql_databases() -> Iterator[PostgresqlDatabases]:
    """Databases on a throw-away PostgreSQL server, or on the one that KALTALK_TEST_POSTGRESQL_URL names."""
    with ExitStack() as stack:
        url = os.environ.get("KALTALK_TEST_POSTGRESQL_URL")
        if not url:
            binaries = require("PostgreSQL", find_postgresql(), HOW_TO_GET_POSTGRESQL)
            url = stack.enter_context(running_cluster(binaries))
        databases = PostgresqlDatabases(url)
        stack.callback(databases.close)
        yield databases


@pytest.fixture
def sqlite_url(sqlite_databases: SqliteDatabases, prepare_database: Prepare, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a SQLite file of this test's own, as `prepare_database` leaves it."""
    with sqlite_databases.fresh(prepare_database, tmp_path) as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_databases: PostgresqlDatabases, prepare_database: Prepare) -> Iterator[str]:
    """Return the URL of a PostgreSQL database of this test's own, as `prepare_database` leaves it."""
    with postgresql_databases.fresh(prepare_database) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Run the test once on SQLite and once on PostgreSQL, each time with the URL of a database of its own."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium, shared by all tests. Take `new_context` or `page`: they fail a test on page errors."""
    with running_browser() as chromium:
        yield chromium


@pytest.fixture
def page_complaints() -> Complaints:
    """What this test's pages complain about; `page_complaints.expect("pattern")` lets one pass."""
    return Complaints()


@pytest.fixture
def new_context(browser: Browser, page_complaints: Complaints) -> Iterator[NewContext]:
    """Return a function that makes a browser profile of its own; it takes Playwright's options for a new context.

    The test fails at its end on an uncaught page error or a console error, save those that it expected.
    """
    with ExitStack() as stack:

        def make(**options: Any) -> BrowserContext:
            context = stack.enter_context(browser.new_context(**(DEFAULTS | options)))
            page_complaints.watch(context)
            return context

        yield make
    if page_complaints.unexpected:
        pytest.fail("the pages complained:\n" + "\n".join(page_complaints.unexpected), pytrace=False)


@pytest.fixture
def page(new_context: NewContext) -> Page:
    """A page in a fresh browser profile."""
    return new_context().new_page()


@pytest.fixture(autouse=True)
def _no_event_loop_outside_the_browser(request: pytest.FixtureRequest) -> Iterator[None]:
    if "browser" in request.fixturenames:
        yield
        return
    with no_running_event_loop():
        yield


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a `Server` (see there for its arguments); all of them end with the test."""
    with ExitStack() as stack:

        def start(command: list[str], **options: Any) -> Server:
            server = Server(command, log=tmp_path / f"server-{secrets.token_hex(4)}.log", **options)
            return stack.enter_context(server)

        yield start


@pytest.fixture(scope="session")
def node_sign() -> Iterator[NodeSigner]:
    """Signs tokens with Node's `jsonwebtoken`."""
    with running_signer() as signer:
        yield signer
