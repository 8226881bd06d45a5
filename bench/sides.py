"""The sides of the comparison: how each is started, the best that its users would do."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.data import Data
from bench.ground import program, serving
from kaltalk_iv.rates import DEFAULT_RATES
from tests.support.servers import Server

# The same work as the peers do: no limits, no access log.
_LEAN = {"KALTALK_IV_LIMITS": "off", "KALTALK_LOG_LEVEL": "WARNING"}
# All that production has; the rates are so high that this load is not refused.
_FULL = {
    "KALTALK_LOG_LEVEL": "INFO",
    "KALTALK_METRICS_TOKEN": "measured-with-metrics-on",
    **{limit.value: "100000000 per 10 seconds" for limit in DEFAULT_RATES},
}


@dataclass(frozen=True, slots=True)
class Side:
    """A program that does the job. Of those with one ``title``, the better counts.

    ``server``: granian, gunicorn, uvicorn or node. ``threads``: how many are tried; the best number is measured.
    """

    name: str
    title: str
    server: str
    target: str
    threads: tuple[int, ...] = (0,)
    env: Mapping[str, str] | None = None
    is_ours: bool = False
    is_constant: bool = False
    is_floor: bool = False

    @property
    def is_python_peer(self) -> bool:
        """Whether it is what a team could have picked instead, in Python."""
        return not (self.is_ours or self.is_constant or self.is_floor) and self.server != "node"

    def command(self, threads: int) -> list[str]:
        """Return how it is started. One worker."""
        address = ["--host", "127.0.0.1", "--port", "{port}"]
        match self.server:
            case "granian":
                serve = [program("granian"), "--interface", "wsgi", "--workers", "1", "--log-level", "warning"]
                factory = ["--factory"] if self.is_ours else []
                return [*serve, "--blocking-threads", str(threads), *address, *factory, self.target]
            case "gunicorn":
                serve = [program("gunicorn"), "--worker-class", "gthread", "--workers", "1", "--log-level", "warning"]
                called = f"{self.target}()" if self.is_ours else self.target
                return [*serve, "--threads", str(threads), "--bind", "127.0.0.1:{port}", called]
            case "uvicorn":
                return [program("uvicorn"), *address, "--no-access-log", "--log-level", "warning", self.target]
            case _:
                return ["node", self.target]


_OURS = "kaltalk_iv.server:create_app"
_FEW = (1, 2, 8)
_FLOOR = "Floor: bare WSGI, HMAC by hand, raw driver"
_FLASK_TUNED = "Flask, PyJWT, SQLAlchemy Core, the SELECT built once"
_FASTAPI = "FastAPI, PyJWT, SQLAlchemy"
_FASTAPI_TUNED = "FastAPI, PyJWT, SQLAlchemy, the SELECT built once, no session"
_TUNED = {"BENCH_TUNED": "yes"}

SIDES = (
    Side("floor", _FLOOR, "granian", "bench.peers.floor:app", _FEW, is_floor=True),
    Side(
        "flask_floor", "The floor's work in a Flask view", "granian", "bench.peers.flask_floor:app", _FEW, is_floor=True
    ),
    Side("constant", "Flask that answers a constant", "granian", "bench.peers.constant:app", _FEW, is_constant=True),
    Side("ours", "KalTalk, the peers' work", "granian", _OURS, _FEW, _LEAN, is_ours=True),
    Side("full", "KalTalk, everything on", "granian", _OURS, _FEW, _FULL, is_ours=True),
    Side("gunicorn", "KalTalk on gunicorn, the peers' work", "gunicorn", _OURS, _FEW, _LEAN, is_ours=True),
    Side("gunicorn_full", "KalTalk on gunicorn, everything on", "gunicorn", _OURS, _FEW, _FULL, is_ours=True),
    Side("express", "Express, jsonwebtoken, prepared key", "node", "bench/peers/express_prepared.js"),
    Side("flask_core", "Flask, PyJWT, SQLAlchemy Core, one SELECT", "granian", "bench.peers.flask_core:app", _FEW),
    Side(
        "flask_tuned",
        _FLASK_TUNED,
        "granian",
        "bench.peers.flask_core:app",
        _FEW,
        _TUNED,
    ),
    Side("fastapi_sync", _FASTAPI, "uvicorn", "bench.peers.fastapi_sync:app"),
    Side("fastapi_async", _FASTAPI, "uvicorn", "bench.peers.fastapi_async:app"),
    Side("fastapi_sync_tuned", _FASTAPI_TUNED, "uvicorn", "bench.peers.fastapi_sync:app", env=_TUNED),
    Side("fastapi_async_tuned", _FASTAPI_TUNED, "uvicorn", "bench.peers.fastapi_async:app", env=_TUNED),
    Side("express_plain", "Express, jsonwebtoken, as everybody writes it", "node", "bench/peers/express_plain.js"),
    Side("django_granian", "Django, its ORM, PyJWT", "granian", "bench.peers.django_orm:app", _FEW),
    Side("django_gunicorn", "Django, its ORM, PyJWT", "gunicorn", "bench.peers.django_orm:app", _FEW),
    Side("flask_orm", "Flask, PyJWT, ORM, as everybody writes it", "gunicorn", "bench.peers.flask_orm:app", _FEW),
    Side("jwt_extended", "Flask-JWT-Extended, ORM", "gunicorn", "bench.peers.jwt_extended:app", _FEW),
)


@contextmanager
def running(side: Side, data: Data, folder: Path, threads: int) -> Iterator[Server]:
    """Yield the server of ``side`` on ``data``, with so many threads where it can be told how many."""
    env = data.environment if side.is_ours else data.peers_environment
    node = {"NODE_ENV": "production"} if side.server == "node" else {}
    with serving(side.command(threads), folder=folder, env={**env, **(side.env or {}), **node}) as server:
        yield server
