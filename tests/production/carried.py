"""KalTalk as deploy/granian.sh starts it, with what a request carries: names below ``/carried``, and never values."""

from collections.abc import Callable, Iterable
from typing import Any

from deploy.granian_app import create_app as create_kaltalk
from tests.production.told_apart import Application, told_apart


def create_app() -> Application:
    """Return KalTalk as the environment configures it."""
    app = create_kaltalk()

    def carried(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/carried":
            return app(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return ["\n".join(sorted(environ)).encode()]

    return told_apart(carried)
