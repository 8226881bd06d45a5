"""A pytest plugin: the run fails at its end when anything that it wrote holds a secret (abuse case 32).

Signing secrets, encryption keys, widget sessions and user tokens are known by their shape, whoever made them: this
process, a server, a command. Passwords have no shape, so whoever makes one names it: ``keep``. Searched are log
records, what tests printed, and every file below pytest's temporary folder: logs of servers, databases, what commands
wrote.
With pytest-xdist each worker searches what it wrote itself.
"""

import logging
import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

_SHAPES = {
    "a signing secret": (b"ktiv_", re.compile(rb"ktiv_[A-Za-z0-9_-]{43}")),
    "an encryption key": (b"ktek_", re.compile(rb"ktek_[A-Za-z0-9_-]{43}")),
    "a widget session": (b"kts1.", re.compile(rb"kts1\.[A-Za-z0-9_-]{60}")),
    "a user token": (b"eyJ", re.compile(rb"eyJ[A-Za-z0-9_-]{8,8000}\.eyJ[A-Za-z0-9_-]{2,8000}\.[A-Za-z0-9_-]{43}")),
}
# The demo keeps its own keys here, readable for its user alone.
_KEEPERS = frozenset({"demo.json"})
_MOST_BYTES = 64 * 1024 * 1024

_kept: dict[str, bytes] = {}
_found: list[str] = []


def keep(name: str, value: str) -> str:
    """Return ``value``, a password say, and have everything searched for it."""
    _kept[name] = value.encode()
    return value


def found_in(content: bytes) -> list[str]:
    """Return what ``content`` holds, by name and never by value."""
    shapes = [name for name, (begins, shape) in _SHAPES.items() if begins in content and shape.search(content)]
    return shapes + [name for name, value in _kept.items() if value in content]


def _search(where: str, content: bytes) -> None:
    _found.extend(f"{name} in {where}" for name in found_in(content))


class _Records(logging.Handler):
    """Searches each record as a log shows it, with its traceback and its extras."""

    def emit(self, record: logging.LogRecord) -> None:
        """Search ``record``."""
        text = f"{self.format(record)} {vars(record)}"
        _search(f"a log line of {record.name}", text.encode("utf-8", "backslashreplace"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Search what a test has printed, and keep a secret in it out of the report."""
    report = yield
    sections = []
    for name, text in report.sections:
        leaks = found_in(text.encode("utf-8", "backslashreplace"))
        _found.extend(f"{leak} in {name} of {item.nodeid}" for leak in leaks)
        sections.append((name, f"[not shown: it holds {' and '.join(leaks)}]" if leaks else text))
    report.sections = sections
    return report


@pytest.fixture(scope="session", autouse=True)
def _nothing_secret_was_written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail at the end of the run: the first fixture of the session is the last to end."""
    handler = _Records()
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)
    folder = tmp_path_factory.getbasetemp()
    for path in sorted(folder.rglob("*")):
        if _is_searched(path):
            _search(str(path.relative_to(folder)), path.read_bytes())
    if _found:
        listed = "\n".join(f"  {leak}" for leak in dict.fromkeys(_found))
        pytest.fail(f"this run wrote down what must stay secret:\n{listed}", pytrace=False)


def _is_searched(path: Path) -> bool:
    if path.is_symlink() or not path.is_file() or path.name in _KEEPERS:
        return False
    return path.stat().st_size <= _MOST_BYTES
