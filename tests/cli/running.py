"""Runs commands in this process, as ``flask kaltalk-iv …`` does."""

import json
import re
from typing import Any

from click.testing import Result
from flask import Flask


def run(app: Flask, *arguments: str, stdin: str = "") -> Result:
    """Return how ``flask kaltalk-iv …`` ended."""
    return app.test_cli_runner().invoke(args=["kaltalk-iv", *arguments], input=stdin)


def answer(app: Flask, *arguments: str) -> Any:
    """Return the JSON that a command prints when it succeeds."""
    done = run(app, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def refused(app: Flask, *arguments: str) -> str:
    """Return the one sentence with which a command ends, the same with and without ``--json``."""
    sentences = set()
    for more in ((), ("--json",)):
        done = run(app, *arguments, *more)
        assert done.exit_code == 1, done.output
        assert done.stdout == ""
        assert isinstance(done.exception, SystemExit)  # and no traceback
        sentences.add(done.stderr)
    (sentence,) = sentences
    assert re.fullmatch(r"Error: [^\n]+[.…a-z]\n", sentence), sentence
    return sentence.removeprefix("Error: ").strip()
