"""The documents say what is true: links lead somewhere, and what can be set, called or go wrong stands in them."""

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

import kaltalk_iv.cli
from kaltalk_iv.core.errors import Reason
from tests.support.needs import require
from tests.support.servers import clean_environment

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGES.md", ROOT / "tests/vectors/README.md", *(ROOT / "docs").glob("*.md")]
)
SOURCES = [path for room in ("kaltalk_iv", "host_demo") for path in sorted((ROOT / room).rglob("*.py"))]


def text_of(*names: str) -> str:
    """Return the pages of these names as one text."""
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_picture_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert "://" not in target, f"{target}: the project speaks of itself alone"
        assert (page.parent / target).exists(), target


def test_every_file_that_a_page_names_is_there() -> None:
    for page in PAGES:
        named = re.findall(
            r"`((?:kaltalk_iv|host_demo|templates|tests|docs)/[\w/.-]+)`", page.read_text(encoding="utf-8")
        )
        for name in named:
            assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_every_setting_is_documented() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    settings = set(re.findall(r"\"((?:KALTALK|HOST)_[A-Z_]+)\"", code)) - {"HOST_CLOCK", "HOST_DEMO_ACCOUNTS"}
    documents = text_of("README.md", "docs/integrate.md", "docs/embed.md")

    assert len(settings) >= 10
    assert {name for name in settings if name not in documents} == set()


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[str]:
    """Return every command below ``group`` as it is typed."""
    found = []
    for name, command in group.commands.items():
        here = (*path, name)
        found += commands(command, here) if isinstance(command, click.Group) else [" ".join(here)]
    return found


def test_every_command_is_documented() -> None:
    embedding = text_of("docs/embed.md")

    assert {name for name in commands(kaltalk_iv.cli.commands) if name not in embedding} == set()


def test_every_reason_is_explained_to_integrators() -> None:
    explained = text_of("docs/integrate.md")

    assert {reason.value for reason in Reason if f"`{reason.value}`" not in explained} == set()


def test_the_snippet_in_the_guide_is_the_one_that_the_host_renders() -> None:
    template = text_of("templates/_kaltalk.html")
    [stub] = re.findall(r"^  window\.KalTalk = .*$", template, re.MULTILINE)

    assert stub in text_of("docs/integrate.md")


def test_make_help_names_every_target_that_the_readme_names() -> None:
    make = require("make", shutil.which("make"), "install it (Debian: apt install make)")
    done = subprocess.run(
        [make, "--no-print-directory", "help"],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        check=True,
    )
    named = set(re.findall(r"^make (\w+)", text_of("README.md"), re.MULTILINE))

    assert named >= {"demo", "test"}
    assert named <= set(re.findall(r"^make (\w+)", done.stdout, re.MULTILINE))
