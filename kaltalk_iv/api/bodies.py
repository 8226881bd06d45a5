"""Reading a request: its JSON body and its bearer token, strictly, before anything is believed.

``request.get_json`` takes other encodings, duplicates and NaN, and answers ten thousand brackets with a 500.
"""

from contextlib import suppress
from typing import Any

from flask import Request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.wsgi import get_input_stream

from ..core.errors import SessionInvalid
from ..core.strict_json import parse_object

_BEARER = "bearer "
_DRAINED_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024


def read_json_object(asked: Request, max_bytes: int) -> dict[str, Any]:
    """Return the body of ``asked``, a JSON object of at most ``max_bytes``.

    Raises UnsupportedMediaType, RequestEntityTooLarge, or Unreadable with the cause.
    """
    if asked.content_type != "application/json":  # what widgets send; whatever else it may be is parsed
        charset = asked.mimetype_params.get("charset", "utf-8").lower()
        if asked.mimetype != "application/json" or charset != "utf-8":
            raise UnsupportedMediaType("Send the body as application/json in UTF-8.")
    # One byte more: Werkzeug cuts a body that does not announce its length at the limit, and says nothing.
    asked.max_content_length = max_bytes + 1
    raw = asked.get_data(cache=False)
    if len(raw) > max_bytes:
        raise RequestEntityTooLarge(f"The body may have at most {max_bytes} bytes.")
    return parse_object(raw)


def drain(asked: Request) -> None:
    """Read what is left of its body, up to 16 MiB, and throw it away.

    A server that closes a connection with unread data on it resets it, and the client never sees the answer that said
    what was wrong.
    """
    if "wsgi.input_terminated" in asked.environ:
        stream = asked.environ["wsgi.input"]
    elif "stream" in vars(asked):  # read already, and nobody would end the wait for more
        return
    else:
        stream = get_input_stream(asked.environ)
    left = _DRAINED_BYTES
    with suppress(OSError, ClientDisconnected):
        while left > 0 and (chunk := stream.read(min(_CHUNK_BYTES, left))):
            left -= len(chunk)


def read_bearer(asked: Request) -> str:
    """Return the widget session in the Authorization header (RFC 6750, section 2.1). Raises SessionInvalid."""
    header = asked.headers.get("Authorization", "")
    if not header.lower().startswith(_BEARER):
        raise SessionInvalid("Send the widget session as Authorization: Bearer <session token>.")
    return header[len(_BEARER) :].strip()
