"""The search through all that a test run wrote finds what is planted, or its silence would mean nothing."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.leaks import found_in
from tests.support.servers import clean_environment

ROOT = Path(__file__).parents[2]

LEAKS = {
    "a log line of shop": 'logging.getLogger("shop").warning("got %s", SECRET)',
    "a log line of traceback": """
        try:
            raise ValueError(TOKEN)
        except ValueError:
            logging.getLogger("traceback").exception("it broke")
    """,
    "a log line of extra": 'logging.getLogger("extra").warning("x", extra={"it": SESSION})',
    "Captured stdout": "print(KEY)",
    "Captured stderr": 'print("a password of Ada\'s", file=sys.stderr)',
    "server.log": '(tmp_path / "server.log").write_text(TOKEN)',
    "database.sqlite3": '(tmp_path / "database.sqlite3").write_bytes(b"\\0" * 5000 + SECRET.encode() + b"\\0")',
}

TEST = """
import logging, sys
from tests.support.leaks import keep

SECRET = "ktiv_" + "aB3_" * 10 + "xyz"
KEY = "ktek_" + "aB3_" * 10 + "xyz"
SESSION = "kts1." + "aB3_" * 20
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1XzEifQ." + "aB3_" * 10 + "xyz"
keep("Ada's password", "a password of Ada's")

def test_something(tmp_path):
    logging.getLogger("shop").warning("nothing secret")
    {leak}
"""


def run(folder: Path, leak: str, *options: str) -> tuple[int, str]:
    """Run a test that does ``leak`` in a pytest of its own with the plugin; return its exit code and output."""
    written = TEST.replace("{leak}", textwrap.indent(textwrap.dedent(leak).strip(), "    ").strip())
    (folder / "test_planted.py").write_text(written, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.leaks", "-p", "no:cacheprovider", *options]
    done = subprocess.run(
        [*command, "--rootdir", str(folder), f"--basetemp={folder / 'temporary'}", str(folder / "test_planted.py")],
        cwd=ROOT,
        env=clean_environment({"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    shutil.rmtree(folder / "temporary")  # else the search through this run finds what was planted in that one
    return done.returncode, done.stdout + done.stderr


def test_a_run_that_wrote_nothing_secret_passes(tmp_path: Path) -> None:
    code, output = run(tmp_path, "pass")

    assert code == 0, output


def test_every_planted_leak_fails_the_run_and_is_named_but_not_shown(tmp_path: Path) -> None:
    code, output = run(tmp_path, "\n".join(textwrap.dedent(leak) for leak in LEAKS.values()))
    report = output[output.index("this run wrote down") :]

    assert code == 1
    assert [where for where in LEAKS if where not in report] == []
    assert "aB3_aB3_" not in output


def test_a_worker_of_several_fails_the_run_too(tmp_path: Path) -> None:
    code, output = run(tmp_path, LEAKS["a log line of shop"], "-p", "xdist", "-n", "1")

    assert code == 1
    assert "a signing secret in a log line of shop" in output


@pytest.mark.parametrize(
    "text", ["ktiv_…", "eyJ", "kts1.short", "con_6f1c2ab0d9e8f7a6b5c4d3e2", "ktiv_secret_of_nobody"]
)
def test_what_only_begins_like_a_secret_is_none(text: str) -> None:
    assert found_in(text.encode()) == []
