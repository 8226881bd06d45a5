"""A demo in this process, with Ada and Bob in its lab."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import Demo, make_demo
from tests.lab.reader import PASSWORD, Reader, dispose


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
