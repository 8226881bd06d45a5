"""KalTalk with ``/frozen``: how many objects its worker leaves out of collections of garbage, and how many not."""

import gc
from collections.abc import Callable, Iterable
from typing import Any

from deploy.granian_app import create_app as create_granian_app
from kaltalk_iv.server import create_app as create_kaltalk
from tests.production.told_apart import Application


def create_app() -> Application:
    """Return what gunicorn runs."""
    return _counting(create_kaltalk())


def create_app_for_granian() -> Application:
    """Return what deploy/granian.sh runs."""
    return _counting(create_granian_app())


def _counting(app: Application) -> Application:
    def count(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/frozen":
            return app(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{gc.get_freeze_count()} {len(gc.get_objects())}".encode()]

    return count
