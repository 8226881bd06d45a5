"""An answer of the API as a value: what it is, whoever carries it to the browser, Flask or the lane beside it."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Response
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Header = tuple[str, str]

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Answer(NamedTuple):
    """Status, headers and body. A whole one has all the headers that it goes out with."""

    status: int
    headers: Sequence[Header] = ()
    body: bytes = b""

    def with_headers(self, more: Sequence[Header]) -> "Answer":
        """Return the same answer with ``more`` headers behind its own."""
        return Answer(self.status, [*self.headers, *more], self.body)

    def response(self) -> "WholeResponse":
        """Return it as Flask takes it."""
        # Of an empty body Werkzeug would tell the length, which a 204 must not (RFC 9110, section 8.6).
        return WholeResponse(self.body or None, self.status, Headers(self.headers))


class WholeResponse(Response):
    """An answer that is complete as it is made: Werkzeug need not work its headers out and copy them."""

    default_mimetype = None

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:  # noqa: ARG002 - the name is Werkzeug's
        """Return the headers."""
        return self.headers


def json_answer(
    body: Mapping[str, Any],
    status: int = HTTPStatus.OK,
    headers: Sequence[Header] = (),
    content_type: str = "application/json",
) -> Answer:
    """Return ``body`` as JSON."""
    text = f"{_encode(body)}\n".encode()
    own = ("Content-Type", content_type), ("Content-Length", str(len(text)))
    return Answer(status, [*own, *headers], text)
