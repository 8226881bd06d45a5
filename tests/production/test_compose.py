"""deploy/: what compose.yaml says is started here, without containers, on a PostgreSQL and a Redis of this machine."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from kaltalk_iv import generate_encryption_key
from tests.production.deployment import ROOT
from tests.support.needs import require
from tests.support.redis_server import HOW_TO_GET_REDIS
from tests.support.servers import Server, clean_environment, free_port

TEXT = (ROOT / "deploy/compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:[?-])([^}]*))?\})")


def interpolate(text: str, given: Mapping[str, str]) -> str:
    """Return ``text`` as compose reads it. Raises KeyError for a variable that must be there and is not."""

    def value(found: re.Match[str]) -> str:
        escaped, name, rule, words = found.groups()
        if escaped:
            return "$"
        if given.get(name):
            return given[name]
        if rule == ":-":
            return words
        raise KeyError(name)

    return _VARIABLE.sub(value, text)


@pytest.fixture(scope="session")
def prepare_database() -> Callable[[str], None]:
    """Leave the database empty: the service `migrate` makes the tables."""
    return leave_empty


def leave_empty(url: str) -> None:
    """Make no tables."""


@pytest.fixture
def filled_in() -> dict[str, str]:
    """Give deploy/.env.example, filled in."""
    given = {
        "KALTALK_DATABASE_PASSWORD": secrets.token_urlsafe(32),
        "KALTALK_REDIS_PASSWORD": secrets.token_urlsafe(32),
        "KALTALK_SECRET_KEY": secrets.token_urlsafe(32),
        "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key(),
        "KALTALK_PROXY_HOPS": "1",
        "KALTALK_METRICS_TOKEN": secrets.token_urlsafe(32),
    }
    example = (ROOT / "deploy/.env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^(\w+)=", example, re.MULTILINE)) == set(given)
    assert re.findall(r"^\w+=(.+)", example, re.MULTILINE) == [], "an example with a value gets used as it is"
    return given


def test_every_secret_must_be_given_and_none_has_a_default(filled_in: dict[str, str]) -> None:
    needed = {name for name in filled_in if name != "KALTALK_METRICS_TOKEN"}
    assert {name for _, name, rule, _ in _VARIABLE.findall(TEXT) if rule == ":?"} == needed
    for name in needed:
        with pytest.raises(KeyError, match=name):
            interpolate(TEXT, filled_in | {name: ""})
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            is_secret = re.search(r"PASSWORD|SECRET|KEY|TOKEN|AUTH|URL", name)
            assert not is_secret or "${" in value, f"{name} is written down"


def test_only_the_proxy_of_this_machine_reaches_anything() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "kaltalk": ["127.0.0.1:${PORT:-8000}:8000"]
    }
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["database"]["networks"] == SERVICES["redis"]["networks"] == ["inside"]
    for name in ("kaltalk", "migrate"):
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def test_nothing_starts_before_what_it_needs_is_well() -> None:
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"migrate"}
    # On its first start the image has a server on the socket, before the one that others reach: `migrate` would fail.
    assert "--host=127.0.0.1" in SERVICES["database"]["healthcheck"]["test"]
    assert SERVICES["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert SERVICES["kaltalk"]["depends_on"] == {
        "database": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }


def test_the_image_holds_what_the_file_copies() -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    allowed = (ROOT / "deploy/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert allowed[0] == "*", "what is not named stays out: .env above all"
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in allowed, source
    assert re.search(r"^USER kaltalk$", dockerfile, re.MULTILINE)
    assert json.loads(dockerfile.split("\nCMD ")[1]) == SERVICES["kaltalk"]["command"]


@contextmanager
def redis_of_the_file(folder: Path, given: Mapping[str, str]) -> Iterator[str]:
    """Start Redis by the command of the file, and yield its host and port."""
    require("Redis", shutil.which("redis-server"), HOW_TO_GET_REDIS)
    port = free_port()
    shell, option, script = (interpolate(part, given) for part in SERVICES["redis"]["command"])
    here = script.replace("redis-server -", f"redis-server - --port {port} --bind 127.0.0.1 --dir {folder}")
    assert here != script
    environment = {name: interpolate(value, given) for name, value in SERVICES["redis"]["environment"].items()}
    with subprocess.Popen([shell, option, here], env=clean_environment(environment), start_new_session=True,
                          stdout=subprocess.DEVNULL) as process:  # fmt: skip
        try:
            with closing(redis.Redis(port=port, password=given["KALTALK_REDIS_PASSWORD"])) as client:
                wait_until(client)
            yield f"127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def wait_until(client: redis.Redis) -> None:
    """Return when Redis answers."""
    deadline = time.monotonic() + 15
    while True:
        try:
            client.ping()
        except redis.ConnectionError:
            assert time.monotonic() < deadline, "Redis does not answer"
            time.sleep(0.05)
        else:
            return


def ask(server: Server, path: str, body: Any = None, **headers: str) -> tuple[int, HTTPMessage, str]:
    """Return status, headers and body of an answer."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=15)) as connection:
        sent = {name.replace("_", "-") if name != "SCRIPT_NAME" else name: value for name, value in headers.items()}
        if body is not None:
            sent["Content-Type"] = "application/json"
        connection.request("GET" if body is None else "POST", path, json.dumps(body) if body else None, sent)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


def test_what_the_file_starts_serves_visitors(
    filled_in: dict[str, str], postgresql_url: str, tmp_path: Path, start_server: Callable[..., Server]
) -> None:
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    with redis_of_the_file(tmp_path, filled_in) as redis_address:
        environment = {
            name: interpolate(value, filled_in) for name, value in COMPOSE["x-kaltalk"]["environment"].items()
        }
        assert "@database:5432/kaltalk" in environment["KALTALK_DATABASE_URL"]
        environment |= {  # where things are on this machine
            "KALTALK_DATABASE_URL": postgresql_url,
            "KALTALK_BIND": environment["KALTALK_BIND"].replace("0.0.0.0:8000", "127.0.0.1:{port}"),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            "WEB_CONCURRENCY": "2",
        }
        url = environment["KALTALK_RATELIMIT_STORAGE_URL"]
        environment["KALTALK_RATELIMIT_STORAGE_URL"] = url.replace("redis:6379", redis_address)
        run([*SERVICES["migrate"]["command"]], environment)
        command = SERVICES["kaltalk"]["command"]
        assert command[0] == "gunicorn"
        server = start_server(
            [sys.executable, "-m", *command, "--chdir", str(ROOT)], env=environment, ready_path="/healthz"
        )
        [_cmd, python, option, script] = SERVICES["kaltalk"]["healthcheck"]["test"]
        assert python == "python"
        run([python, option, script.replace(":8000", f":{server.port}")], environment)
        organization = ["organization", "create", "Shop", "--id", "org_shop", "--plan", "pro", "--mode", "optional"]
        run(["flask", "--app", "kaltalk_iv.server", "kaltalk-iv", *organization], environment)

        path = "/v1/organizations/org_shop/identify"
        status, _headers, _body = ask(server, path, {"email": "ada@shop.example"}, X_Forwarded_For="203.0.113.9")
        assert status == 200
        with closing(redis.Redis.from_url(environment["KALTALK_RATELIMIT_STORAGE_URL"])) as client:
            assert client.dbsize(), "the limits are not counted in Redis"
        token = filled_in["KALTALK_METRICS_TOKEN"]
        for _ in range(4):  # whichever worker is asked
            status, _headers, body = ask(server, "/metrics", Authorization=f"Bearer {token}")
            assert status == 200
            assert re.search(r"^kaltalk_identifies_total\{.*\} 1\.0$", body, re.MULTILINE)
        check_headers(server)
    server.stop()
    assert "not-for-the-log" not in server.output
    assert [line for line in server.output.splitlines() if not line.startswith("{")] == [], "a line is no JSON"


def check_headers(server: Server) -> None:
    """Fail unless gunicorn takes nothing from headers that only a proxy may set, and the proxy's hop counts."""
    status, headers, _body = ask(server, "/login?code=not-for-the-log")
    assert status == 200
    assert "Strict-Transport-Security" not in headers
    _status, headers, _body = ask(server, "/login", X_Forwarded_Proto="https")
    assert "Strict-Transport-Security" in headers  # from the one hop that is trusted
    for name, value in {"SCRIPT_NAME": "/elsewhere", "X_Forwarded_Ssl": "on", "X_Forwarded_Protocol": "ssl"}.items():
        status, headers, body = ask(server, "/login", **{name: value})
        assert status == 200
        assert "/elsewhere" not in body
        assert "Strict-Transport-Security" not in headers


def run(command: list[str], environment: Mapping[str, str]) -> None:
    """Run one command of the file with the environment of the file."""
    program = {"flask": [sys.executable, "-m", "flask"], "python": [sys.executable]}[command[0]]
    done = subprocess.run(
        [*program, *command[1:]],
        cwd=ROOT,
        env=clean_environment(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
