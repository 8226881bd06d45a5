"""The widget's script on its way to a browser: lean, compressed where that is taken, and asked for again cheaply."""

import gzip
from pathlib import Path

import pytest
from flask import Flask

from kaltalk_iv.api import widget_file

SOURCE = Path(widget_file.__file__).parents[1] / "static" / "kaltalk.js"


def test_a_browser_gets_it_compressed_and_a_304_the_next_time(sqlite_app: Flask) -> None:
    http = sqlite_app.test_client()
    first = http.get("/widget/kaltalk.js", headers={"Accept-Encoding": "gzip, br"})
    assert (first.status_code, first.mimetype) == (200, "text/javascript")
    assert gzip.decompress(first.data) == widget_file.script()
    assert (first.headers["Content-Encoding"], first.headers["Cache-Control"]) == ("gzip", "no-cache")
    assert len(first.data) < 12_000

    again = {"Accept-Encoding": "gzip, br", "If-None-Match": first.headers["ETag"]}
    second = http.get("/widget/kaltalk.js", headers=again)
    assert (second.status_code, second.data) == (304, b"")


@pytest.mark.parametrize("accepted", [None, "", "identity", "gzip;q=0, *;q=0.5", "br"])
def test_who_does_not_take_gzip_gets_it_plain_under_another_tag(sqlite_app: Flask, accepted: str | None) -> None:
    http = sqlite_app.test_client()
    plain = http.get("/widget/kaltalk.js", headers={} if accepted is None else {"Accept-Encoding": accepted})
    assert plain.data == widget_file.script()
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    compressed = http.get("/widget/kaltalk.js", headers={"Accept-Encoding": "gzip"})
    assert compressed.headers["ETag"] != plain.headers["ETag"]


def test_only_comments_and_indentation_are_taken_out() -> None:
    kept = widget_file.script().decode().splitlines()
    written = [line.strip() for line in SOURCE.read_text(encoding="utf-8").splitlines()]
    code = [line for line in written if line and not line.startswith(("//", "/*", "*"))]
    assert len(code) == len(kept) < len(written)
    shortened = [(full, lean) for full, lean in zip(code, kept, strict=True) if full != lean]
    assert shortened
    for full, lean in shortened:
        assert full.startswith(f"{lean} // "), full
        assert all(lean.count(quote) % 2 == 0 for quote in "`'\""), f"inside a text: {full}"
