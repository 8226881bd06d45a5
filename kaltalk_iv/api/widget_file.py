"""The widget's script as browsers get it: without most comments and the indentation that its readers need, compressed.

``static/kaltalk.js`` is what to read and to change. No build step: they are taken out when it is first asked for.
"""

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path

from flask import Response, request

_SOURCE = Path(__file__).parent.parent / "static" / "kaltalk.js"
# Whole lines, and the end of a line after a statement, a block or an entry. What looks like one elsewhere may be text.
_COMMENT_LINES = re.compile(r"^[ \t]*(?://.*|/\*(?:(?!\*/)[\s\S])*\*/[ \t]*)\n", re.MULTILINE)
_COMMENT_ENDS = re.compile(r"(?<=[;{},]) // .*$", re.MULTILINE)
_INDENTATION = re.compile(r"^[ \t]+|^\n", re.MULTILINE)


@cache
def script() -> bytes:
    """Return the script, UTF-8."""
    lean = _SOURCE.read_text(encoding="utf-8")
    for left_out in (_COMMENT_LINES, _COMMENT_ENDS, _INDENTATION):
        lean = left_out.sub("", lean)
    return lean.encode()


@cache
def _compressed() -> bytes:
    return gzip.compress(script(), 9, mtime=0)


@cache
def _tag() -> str:
    return hashlib.sha256(script()).hexdigest()[:32]


def answer() -> Response:
    """Return the script, compressed where the browser takes that; revalidated each time, and then mostly a 304."""
    takes_gzip = request.accept_encodings["gzip"] > 0
    response = Response(_compressed() if takes_gzip else script(), mimetype="text/javascript")
    if takes_gzip:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = "no-cache"
    response.vary.add("Accept-Encoding")
    response.set_etag(f"{_tag()}-gzip" if takes_gzip else _tag())  # two bodies, two tags (RFC 9110, section 8.8.3)
    response.make_conditional(request)
    return response
