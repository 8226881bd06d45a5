"""The tutorial, run block by block as a reader runs it: a demo, a shell, a Python, and the answers that it promises."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.redact import redact
from tests.support.servers import Server, clean_environment

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
DEMO, SHOP = "http://127.0.0.1:8000", "http://127.0.0.1:8010"
SERVED = "flask --app my-shop/shop run --port 8010"


@dataclass(frozen=True)
class Block:
    """A fenced block: the words behind the fence, its text, and the line it begins on."""

    language: str
    path: str
    text: str
    line: int


def blocks() -> list[Block]:
    """Return every block of the tutorial."""
    page = PAGE.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*) ?(\S*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [Block(match[1], match[2], match[3], page[: match.start()].count("\n") + 1) for match in found]


@dataclass
class Reader:
    """Somebody who types everything in. `folder` is the checkout as they see it, with nothing of ours written to."""

    folder: Path
    stack: ExitStack
    environment: dict[str, str]
    names: dict[str, Any] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    printed: str = ""
    demo: Server | None = None

    def run(self, block: Block) -> None:
        """Do what the block says. Raises LookupError for a block that nobody would know what to do with."""
        if block.language == "json":
            assert json.loads(self.printed) == json.loads(block.text)
        elif block.language == "python" and block.path:
            self.save(block)
        elif block.language == "python":
            self.paste(block)
        elif block.text == "make demo\n":
            self.make_demo()
        elif block.language == "sh":
            self.type(block.text)
        else:
            raise LookupError(f"line {block.line}: a block in {block.language or 'no language'}")

    def here(self, text: str) -> str:
        """The text with the addresses of this run."""
        for written, real in self.addresses.items():
            text = text.replace(written, real)
        return text

    def save(self, block: Block) -> None:
        """Write a file."""
        (self.folder / block.path).write_text(self.here(block.text), encoding="utf-8")

    def paste(self, block: Block) -> None:
        """Run the block where the earlier ones ran, and keep what it prints."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.chdir(self.folder):
            code = compile(self.here(block.text), f"{PAGE.name}:{block.line}", "exec")
            exec(code, self.names)  # noqa: S102 - that is the test
        self.printed = out.getvalue()

    def make_demo(self) -> None:
        """Start the demo as `make demo` does, or stop it and start it again."""
        if self.demo is None:
            command = [sys.executable, "app.py"]
            # `make demo` starts it in the checkout; the server has its own port here.
            self.demo = Server(["env", "-C", str(self.folder), *command], log=self.folder / "log", env=self.environment)
            self.stack.enter_context(self.demo)
        else:
            self.demo.stop()
            self.demo.start()
        self.addresses[DEMO] = self.demo.origin

    def type(self, text: str) -> None:
        """Run the lines in a shell; what they export stays, and the shop of the last chapter goes on running."""
        serves = SERVED in text
        script = f"set -eu\n{text.replace(SERVED, '')}\nenv -0 > environment"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=clean_environment(self.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, redact(done.stderr[-500:])
        self.printed = done.stdout
        left = self.folder / "environment"
        lines = left.read_bytes().decode().split("\0")
        left.unlink()  # the secret that the reader has exported is in it
        exported = dict(line.split("=", 1) for line in lines if line.startswith("KALTALK_"))
        self.environment |= exported
        os.environ |= exported
        if serves:
            command = [sys.executable, "-m", *SERVED.replace("8010", "{port}").split()]
            server = Server(["env", "-C", str(self.folder), *command], log=self.folder / "log2", env=self.environment)
            self.addresses[SHOP] = self.stack.enter_context(server).origin


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """A reader in a fresh checkout."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("app.py", "demo_lab.py", "host_demo", "kaltalk_iv", "templates"):
        (folder / name).symlink_to(ROOT / name)
    activate = folder / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()  # the tools of this very Python are on the path already
    with monkeypatch.context() as patch, ExitStack() as stack:
        patch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        demo = {"KALTALK_DEMO_DIR": str(folder / "demo"), "KALTALK_DEMO_PASSWORD": "a password for the tutorial"}
        for name, value in demo.items():
            patch.setenv(name, value)
        patch.setenv("KALTALK_IV_SECRET", "")
        yield Reader(folder, stack, demo)


def test_every_block_of_the_tutorial_does_what_it_promises(reader: Reader) -> None:
    promised = 0
    for block in blocks():
        reader.run(block)
        promised += block.language == "json"
        if block.text.startswith("print(identify(userJwt"):
            assert reader.printed == "verified\n"
        if block.text.startswith("print(identify()"):
            assert reader.printed == "anonymous\n"

    assert promised >= 9


def test_a_block_that_nothing_here_runs_is_refused(reader: Reader) -> None:
    for language in ("", "js", "console"):
        with pytest.raises(LookupError, match="line 7"):
            reader.run(Block(language, "", "whatever\n", 7))


def test_every_fence_of_the_tutorial_is_one_that_is_run() -> None:
    fences = PAGE.read_text(encoding="utf-8").count("```")

    assert fences == 2 * len(blocks())
    assert {block.language for block in blocks()} == {"sh", "python", "json"}


def test_make_demo_runs_what_is_run_here() -> None:
    assert "$(BIN)/python app.py" in (ROOT / "Makefile").read_text(encoding="utf-8")
