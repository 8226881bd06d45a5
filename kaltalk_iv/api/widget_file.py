"""The widget's script as browsers get it: one file, compressed, without what only its readers need.

``widget/`` is what to read and to change. No build step: its files are joined, and most comments and the indentation
left out, when the script is first asked for.
"""

import gzip
import hashlib
import json
import re
from functools import cache
from pathlib import Path

from flask import Response, request

FOLDER = Path(__file__).parent.parent / "widget"
# A constant stands above what is made of it; the last file begins.
PARTS = (
    "shared",
    "telling",
    "options",
    "people",
    "storage",
    "requests",
    "engine",
    "identify",
    "thread",
    "face",
    "tabs",
    "page",
)
# Whole lines, and the end of a line after a statement, a block or an entry. What looks like one elsewhere may be text.
_BLOCK_COMMENTS = re.compile(r"^[ \t]*/\*(?:(?!\*/)[\s\S])*\*/[ \t]*\n", re.MULTILINE)
_COMMENT_LINES = re.compile(r"^[ \t]*//.*\n", re.MULTILINE)
_COMMENT_ENDS = re.compile(r"(?<=[;{},]) // .*$", re.MULTILINE)
_INDENTATION = re.compile(r"^[ \t]+|^\n", re.MULTILINE)


@cache
def script() -> bytes:
    """Return the script, UTF-8: the files in one function, so that a page sees none of their names."""
    style = json.dumps(_lean("face.css"), ensure_ascii=False)
    parts = "".join(_lean(f"{name}.js", _COMMENT_LINES, _COMMENT_ENDS) for name in PARTS)
    return f'(() => {{\n"use strict";\nconst CSS = {style};\n{parts}}})();\n'.encode()


def _lean(name: str, *line_comments: re.Pattern[str]) -> str:
    text = (FOLDER / name).read_text(encoding="utf-8")
    for left_out in (_BLOCK_COMMENTS, *line_comments, _INDENTATION):
        text = left_out.sub("", text)
    return text


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
