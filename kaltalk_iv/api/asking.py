"""A request as the API reads it: method, address, origin, bearer token and JSON body, strictly, before any is believed.

``request.get_json`` takes other encodings, duplicates and NaN, and answers ten thousand brackets with a 500.
"""

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.wrappers import Request
from werkzeug.wsgi import get_input_stream

from ..core.errors import SessionInvalid
from ..core.strict_json import parse_object

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_BEARER = "bearer "
_DRAINED_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_PLAIN_LENGTH = re.compile(r"[0-9]{1,6}")


class Asked:
    """One request. ``request`` is Werkzeug's of it, where there is one: whoever has it may have read the body."""

    __slots__ = ("_is_read", "_request", "address", "environ", "method", "origin")

    @classmethod
    def of(cls, request: Request) -> "Asked":
        """Return what Flask calls ``request``."""
        return cls(request.environ, request)

    def __init__(self, environ: "WSGIEnvironment", request: Request | None = None) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"] if request is None else request.method
        self.address: str | None = environ.get("REMOTE_ADDR") if request is None else request.remote_addr
        self.origin: str | None = environ.get("HTTP_ORIGIN")
        """The origin of the page that calls, as its browser wrote it, or None."""
        self._request = request
        self._is_read = False

    @property
    def request(self) -> Request:
        """Werkzeug's request, for what is asked of it seldom."""
        if self._request is None:
            self._request = Request(self.environ)
        return self._request

    def bearer(self) -> str:
        """Return the widget session in the Authorization header (RFC 6750, section 2.1). Raises SessionInvalid."""
        header: str = self.environ.get("HTTP_AUTHORIZATION", "")
        if not header.lower().startswith(_BEARER):
            raise SessionInvalid("Send the widget session as Authorization: Bearer <session token>.")
        return header[len(_BEARER) :].strip()

    def json_object(self, max_bytes: int) -> dict[str, Any]:
        """Return the body, a JSON object of at most ``max_bytes``.

        Raises UnsupportedMediaType, RequestEntityTooLarge, or Unreadable with the cause.
        """
        if self.environ.get("CONTENT_TYPE") != "application/json":  # what widgets send; all else is parsed
            charset = self.request.mimetype_params.get("charset", "utf-8").lower()
            if self.request.mimetype != "application/json" or charset != "utf-8":
                raise UnsupportedMediaType("Send the body as application/json in UTF-8.")
        raw = self._body(max_bytes)
        if len(raw) > max_bytes:
            raise RequestEntityTooLarge(f"The body may have at most {max_bytes} bytes.")
        return parse_object(raw)

    def drain(self) -> None:
        """Read what is left of the body, up to 16 MiB, and throw it away.

        A server that closes a connection with unread data on it resets it, and the client never sees the answer that
        said what was wrong.
        """
        if self._is_read:
            return
        if "wsgi.input_terminated" in self.environ:
            stream = self.environ["wsgi.input"]
        elif self._request is not None and "stream" in vars(self._request):
            return  # read already, and nobody would end the wait for more
        else:
            stream = get_input_stream(self.environ)
        left = _DRAINED_BYTES
        with suppress(OSError, ClientDisconnected):
            while left > 0 and (chunk := stream.read(min(_CHUNK_BYTES, left))):
                left -= len(chunk)

    def _body(self, max_bytes: int) -> bytes:
        """Return the body, or a little more than ``max_bytes`` of it.

        Raises RequestEntityTooLarge, or ClientDisconnected when less came than was announced.
        """
        length = self.environ.get("CONTENT_LENGTH", "")
        is_plain = self._request is None and "HTTP_TRANSFER_ENCODING" not in self.environ
        if is_plain and _PLAIN_LENGTH.fullmatch(length) and int(length) <= max_bytes:
            return self._plain_body(int(length))
        # One byte more: Werkzeug cuts a body that does not announce its length at the limit, and says nothing.
        self.request.max_content_length = max_bytes + 1
        return self.request.get_data(cache=False)

    def _plain_body(self, length: int) -> bytes:
        """Return a body of the announced ``length``, without the care that bodies of other kinds need."""
        self._is_read = True
        parts: list[bytes] = []
        while length > 0:
            try:
                part: bytes = self.environ["wsgi.input"].read(length)
            except (OSError, ValueError):
                raise ClientDisconnected from None
            if not part:
                raise ClientDisconnected
            parts.append(part)
            length -= len(part)
        return b"".join(parts)
