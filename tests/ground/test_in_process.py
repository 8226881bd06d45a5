"""The servers in the tests' own process close what they have opened, whatever a browser does."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing

from flask import Flask, Response
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tests.support.in_process import serving

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, as a browser does that has gone elsewhere


def test_an_answer_that_a_browser_drops_is_closed() -> None:
    app, opened, closed = Flask(__name__), [0], [0]

    @app.get("/")
    def page() -> Response:
        opened[0] += 1
        response = Response(_text(), content_type="text/plain")

        @response.call_on_close
        def close() -> None:
            closed[0] += 1

        return response

    with serving(DispatcherMiddleware(app)) as origin:
        for _ in range(20):
            with closing(socket.create_connection(("127.0.0.1", int(origin.rpartition(":")[2])))) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                connection.recv(100)
        until = time.monotonic() + 10
        while closed[0] < opened[0] and time.monotonic() < until:
            time.sleep(0.01)
    assert opened[0] == closed[0] == 20


def _text() -> Iterator[str]:
    yield "x" * 2000
