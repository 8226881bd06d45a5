"""A demo in this process, with Ada and Bob in its lab."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import Demo, make_demo
from tests.contract import people
from tests.lab.browser import ROOT, Lab
from tests.lab.reader import PASSWORD, Reader, dispose
from tests.support.servers import Server


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo in this process that the tests share."""
    yield from _demo(tmp_path_factory.mktemp("lab"))


@pytest.fixture
def fresh_demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo of this test's own, in which nothing has happened yet."""
    yield from _demo(tmp_path)


def _demo(folder: Path) -> Iterator[Demo]:
    made = make_demo({"KALTALK_DEMO_DIR": str(folder), "KALTALK_DEMO_PASSWORD": PASSWORD})
    yield made
    dispose(made)


@pytest.fixture(scope="module")
def ada(demo: Demo) -> Reader:
    """Ada in the lab."""
    return Reader(demo, "ada")


@pytest.fixture(scope="module")
def bob(demo: Demo) -> Reader:
    """Bob in the lab."""
    return Reader(demo, "bob")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A demo that runs in a process of its own."""
    folder = tmp_path_factory.mktemp("lab")
    environment = {"KALTALK_DEMO_DIR": str(folder), "KALTALK_DEMO_PASSWORD": people.PASSWORD}
    with Server([sys.executable, str(ROOT / "app.py")], log=folder / "log", env=environment) as server:
        yield Lab(server.origin, folder)
