"""Bodies over the limit, sent to a real server: the client gets the answer, and not a connection that was reset."""

import http.client
import json
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from kaltalk_iv.testing import add_organization
from tests.api.world import ENCRYPTION_KEY, Clock, build_app, dispose
from tests.support.servers import Server

COMMANDS = {
    "flask run": ["flask", "--app", "kaltalk_iv.server", "run", "--port", "{port}"],
    "gunicorn": [
        "gunicorn",
        "--no-control-socket",
        "--bind",
        "127.0.0.1:{port}",
        "--threads",
        "4",
        "kaltalk_iv.server:create_app()",
    ],
    "granian": [
        "granian",
        "--interface",
        "wsgi",
        "--factory",
        "--port",
        "{port}",
        "--blocking-threads",
        "4",
        "kaltalk_iv.server:create_app",
    ],
}
IDENTIFY = "/v1/organizations/org_test/identify"
MESSAGES = "/v1/messages"
BIG = 3 * 1024 * 1024  # more than the buffers of two sockets hold


@pytest.fixture(params=COMMANDS)
def server(request: pytest.FixtureRequest, start_server: Callable[..., Server], sqlite_url: str) -> Server:
    """Give KalTalk in a process of its own, under the server of the demo and those that production runs."""
    app = build_app(sqlite_url, Clock())
    add_organization(app)
    dispose(app)
    environment = {
        "KALTALK_DATABASE_URL": sqlite_url,
        "KALTALK_SECRET_KEY": "a secret key for tests alone, long enough",
        "KALTALK_IV_ENCRYPTION_KEYS": ENCRYPTION_KEY,
    }
    return start_server([sys.executable, "-m", *COMMANDS[request.param]], env=environment)


def chunks(size: int) -> Iterator[bytes]:
    """Yield ``size`` bytes in pieces, as a client does that does not know its own length."""
    for _piece in range(size // 65_536):
        yield b" " * 65_536


def answer_of(server: Server, method: str, path: str, body: bytes | Iterator[bytes], **headers: str) -> tuple[int, str]:
    """Return status and code that the server answers."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        is_whole = isinstance(body, bytes)
        sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request(method, path, body=body, headers=sent, encode_chunked=not is_whole)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["code"]


def test_a_body_over_the_limit_gets_its_413(server: Server) -> None:
    too_large = (413, "body_too_large")
    for size in (16 * 1024 + 1, 65_536, BIG):
        assert answer_of(server, "POST", IDENTIFY, b" " * size) == too_large
    assert answer_of(server, "POST", IDENTIFY, chunks(BIG), Transfer_Encoding="chunked") == too_large


def test_a_body_of_unknown_length_is_not_cut_at_the_limit(server: Server) -> None:
    body = iter([b"{}".ljust(16 * 1024), b" "])
    assert answer_of(server, "POST", IDENTIFY, body, Transfer_Encoding="chunked") == (413, "body_too_large")


def test_other_refusals_of_a_large_body_arrive_too(server: Server) -> None:
    body = b" " * BIG
    assert answer_of(server, "POST", IDENTIFY, body, Content_Type="text/plain") == (415, "unsupported_media_type")
    assert answer_of(server, "PUT", IDENTIFY, body) == (405, "method_not_allowed")
    assert answer_of(server, "POST", MESSAGES, body) == (401, "session_invalid")
    chunked = {"Transfer_Encoding": "chunked", "Content_Type": "text/plain"}
    assert answer_of(server, "POST", IDENTIFY, chunks(BIG), **chunked) == (415, "unsupported_media_type")


def test_a_small_body_of_unknown_length_is_read(server: Server) -> None:
    small = iter([b'{"externalId":', b"7", b"}"])
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        connection.request("POST", IDENTIFY, body=small, headers=headers, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["identity"]["externalId"]) == (200, "7")


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "99999999999999999999", "5, 5"])
def test_a_length_that_is_none_breaks_nothing(server: Server, length: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        head = (
            f"POST {IDENTIFY} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        first = connection.makefile("rb").readline()
    assert first.split()[1] in {b"400", b"413"}
    assert "Traceback" not in server.output


def test_a_client_that_hangs_up_in_the_middle_breaks_nothing(server: Server) -> None:
    for path in (IDENTIFY, MESSAGES):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            head = (
                f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{{"
            )
            connection.sendall(head.encode())
    assert answer_of(server, "GET", IDENTIFY, b"") == (405, "method_not_allowed")
    assert "Traceback" not in server.output
