"""Both parties, running: in one process as the demo has them, and apart on two origins."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kaltalk_iv import generate_encryption_key
from tests.contract.people import PASSWORD, Agent, Customer
from tests.support.servers import Server, clean_environment, free_port

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class RoundTrip:
    """Where both parties answer, and KalTalk's command line with their settings."""

    shop: str
    kaltalk: str
    environment: dict[str, str]
    application: str
    organization_id: str
    outputs: tuple[Callable[[], str], ...]

    def command(self, *arguments: str) -> str:
        """Run ``flask … kaltalk-iv`` and return what it printed."""
        return flask(self.environment, self.application, "kaltalk-iv", *arguments)

    def customer(self, external_id: str) -> dict[str, Any]:
        """What is stored of a customer."""
        found: dict[str, Any] = json.loads(
            self.command("customer", "show", self.organization_id, "--external-id", external_id, "--json")
        )
        return found


def flask(environment: dict[str, str], application: str, *arguments: str) -> str:
    """Run a command of Flask's in a process of its own and return what it printed."""
    command = [sys.executable, "-m", "flask", "--app", application, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment(environment), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{arguments[:3]} ended with {done.returncode}"
    return done.stdout


def _in_one_process(folder: Path, stack: ExitStack) -> RoundTrip:
    environment = {"KALTALK_DEMO_DIR": str(folder), "KALTALK_DEMO_PASSWORD": PASSWORD}
    server = Server([sys.executable, str(ROOT / "app.py")], log=folder / "demo.log", env=environment)
    stack.enter_context(server)
    return RoundTrip(
        server.origin, f"{server.origin}/kaltalk", environment, "app", "org_demo", (lambda: server.output,)
    )


def _apart(folder: Path, stack: ExitStack) -> RoundTrip:
    kaltalk_environment = {
        "KALTALK_DATABASE_URL": f"sqlite:///{folder / 'kaltalk.sqlite3'}",
        "KALTALK_SECRET_KEY": "the secret key of KalTalk in a test of two origins",
        "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key(),
    }
    application = "kaltalk_iv.server"
    port = free_port()

    def kaltalk_iv(*arguments: str) -> str:
        return flask(kaltalk_environment, application, "kaltalk-iv", *arguments)

    kaltalk_iv("db", "upgrade")
    kaltalk_iv("organization", "create", "The shop", "--id", "org_shop", "--plan", "pro", "--mode", "optional")
    kaltalk_iv("organization", "set", "org_shop", "--origins", f"http://127.0.0.1:{port}")
    kaltalk_iv("agent", "create", "org_shop", "grace", "--name", "Grace", "--role", "admin", "--password", PASSWORD)
    run = [sys.executable, "-m", "flask", "--app"]
    kaltalk = stack.enter_context(
        Server(
            [*run, application, "run", "--port", "{port}"],
            log=folder / "kaltalk.log",
            env=kaltalk_environment,
            ready_path="/login",
        )
    )
    host_environment = {
        "HOST_DATABASE_URL": f"sqlite:///{folder / 'host.sqlite3'}",
        "HOST_SECRET_KEY": "the secret key of the host in a test of two origins",
        "KALTALK_IV_SECRET": kaltalk_iv("secret", "reveal", "org_shop").strip(),
        "KALTALK_ORGANIZATION_ID": "org_shop",
        "KALTALK_ORIGIN": kaltalk.origin,
    }
    flask(host_environment, "host_demo", "init-db")
    seed = (
        "import host_demo, os; app = host_demo.create_app(); app.app_context().push(); host_demo.seed("
        "host_demo.DemoAccount(n.lower(), os.environ['SEED_PASSWORD'], n, n.lower() + '@example.com')"
        " for n in ('Ada Lovelace'.split()[0], 'Bob'))"
    )
    environment = clean_environment(host_environment | {"SEED_PASSWORD": PASSWORD})
    subprocess.run([sys.executable, "-c", seed], cwd=ROOT, env=environment, check=True, timeout=60)
    host = stack.enter_context(
        Server([*run, "host_demo", "run", "--port", "{port}"], log=folder / "host.log", env=host_environment, port=port)
    )
    outputs = (lambda: kaltalk.output, lambda: host.output)
    return RoundTrip(host.origin, kaltalk.origin, kaltalk_environment, application, "org_shop", outputs)


@pytest.fixture(scope="module", params=["in one process", "on two origins"])
def round_trip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoundTrip]:
    """Both parties running, with ada and bob at the shop and grace at KalTalk."""
    os.chdir(ROOT)
    folder = tmp_path_factory.mktemp("round-trip")
    with ExitStack() as stack:
        start = _in_one_process if request.param == "in one process" else _apart
        yield start(folder, stack)


@pytest.fixture
def new_customer(new_context: Callable[..., Any], round_trip: RoundTrip) -> Callable[[], Customer]:
    """Return a function that brings somebody with a browser of their own to the shop."""
    return lambda: Customer(new_context().new_page(), round_trip.shop)


@pytest.fixture
def agent(new_context: Callable[..., Any], round_trip: RoundTrip) -> Agent:
    """Grace, logged in to KalTalk, in a browser of her own."""
    grace = Agent(new_context().new_page(), round_trip.kaltalk)
    grace.log_in()
    return grace
