"""KalTalk for a server with workers, with the id of the worker on every answer: a test sees which one spoke."""

import logging
import os
from collections.abc import Callable, Iterable
from typing import Any

from kaltalk_iv import server

WORKER_HEADER = "X-Worker"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def create_app() -> Application:
    """Return KalTalk as the environment configures it."""
    return told_apart(server.create_app())


def told_apart(app: Application) -> Application:
    """Return ``app`` with the worker's id on every answer."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [*headers, (WORKER_HEADER, str(os.getpid()))], exc_info)

        return app(environ, start)

    return answer


def create_talkative_app() -> Application:
    """Return the same with every logger at its most talkative; the database's then shows statements and rows."""
    logging.basicConfig(level=logging.DEBUG)
    logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)  # it has a level of its own
    return create_app()
