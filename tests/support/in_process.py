"""Applications served in this very process, for tests that share clock and database with what they ask."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_ANSWER = "tests.answer"


class _Answer:
    """An answer that is closed once, by whoever is first."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        """Close what was opened for the answer: a file, say."""
        if not self._is_closed and hasattr(self._parts, "close"):
            self._parts.close()
        self._is_closed = True


class _Handler(WSGIRequestHandler):
    """Closes an answer that its browser does not wait for. Werkzeug's own may leave that to the garbage collector."""

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:
        """Close the answer."""
        answer: _Answer | None = (environ or {}).get(_ANSWER)
        if answer is not None:
            answer.close()
        super().connection_dropped(error, environ)


def server_of(app: "WSGIApplication", port: int = 0) -> BaseWSGIServer:
    """Return a server of ``app`` on a loopback port, any free one by default, that nobody has started yet."""

    def kept(environ: Any, start_response: Any) -> _Answer:
        answer = environ[_ANSWER] = _Answer(app(environ, start_response))
        return answer

    return make_server("127.0.0.1", port, kept, threaded=True, request_handler=_Handler)


@contextmanager
def serving(app: "WSGIApplication") -> Iterator[str]:
    """Serve ``app`` and yield its origin."""
    server = server_of(app)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
