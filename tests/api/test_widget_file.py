"""The widget's script on its way to a browser: lean, compressed where that is taken, and asked for again cheaply."""

import gzip
import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from flask import Flask

from kaltalk_iv.api import widget_file
from tests.support.needs import require


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
    assert kept[:2] == ["(() => {", '"use strict";']
    assert kept[-1] == "})();"
    written = [line.strip() for line in _written().splitlines()]
    code = [line for line in written if line and not line.startswith(("//", "/*", "*"))]
    assert len(code) == len(kept[3:-1]) < len(written)
    shortened = [(full, lean) for full, lean in zip(code, kept[3:-1], strict=True) if full != lean]
    assert shortened
    for full, lean in shortened:
        assert full.startswith(f"{lean} // "), full
        assert all(lean.count(quote) % 2 == 0 for quote in "'\""), f"inside a text: {full}"
    assert [line for line in code if line.count("`") % 2] == [], "a text of several lines would lose its indentation"


def test_the_style_sheet_is_the_text_of_a_constant_but_for_its_indentation() -> None:
    declared = widget_file.script().decode().splitlines()[2]
    style = json.loads(declared.removeprefix("const CSS = ").removesuffix(";"))
    written = [line.strip() for line in (widget_file.FOLDER / "face.css").read_text(encoding="utf-8").splitlines()]
    assert style.splitlines() == [line for line in written if line and not line.startswith("/*")]
    assert all(line.endswith("*/") for line in written if line.startswith("/*")), "comments of one line alone"


def test_every_file_of_the_widget_is_a_part_of_it() -> None:
    scripts = {f"{name}.js" for name in widget_file.PARTS}
    assert {path.name for path in widget_file.FOLDER.iterdir()} == scripts | {"face.css"}


def test_no_two_files_declare_the_same_name() -> None:
    source = f"const CSS;\n{_written()}"  # widget_file declares that one
    declared = re.findall(r"^(?:async function|function|class|const|let) (\w+)", source, re.MULTILINE)
    assert len(declared) > 80
    assert [name for name, times in Counter(declared).items() if times > 1] == []


@pytest.mark.node
def test_the_file_that_begins_finds_all_that_it_needs(tmp_path: Path) -> None:
    node = require("Node.js", shutil.which("node"), "install it (Debian: apt install nodejs)")
    page = """
      const quiet = { addEventListener() {} };
      globalThis.window = quiet; globalThis.document = { ...quiet, currentScript: null };
      globalThis.HTMLScriptElement = class {};
    """
    asked = "console.log(Object.keys(window.KalTalk).join())"
    script = tmp_path / "kaltalk.js"
    script.write_text(f"{page}{widget_file.script().decode()}{asked}", encoding="utf-8")
    done = subprocess.run([node, str(script)], capture_output=True, text=True, check=False, timeout=30)
    assert (done.stdout, done.stderr) == ("init,shutdown,open,close,on\n", "")


def _written() -> str:
    return "".join((widget_file.FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in widget_file.PARTS)
