"""How everything looks and is reached: axe-core on every page in both colour schemes, narrow screens, the keyboard."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.contract.all_day import Day
from tests.contract.every_page import WALKS
from tests.conftest import NewContext
from tests.support.axe import violations
from tests.support.browser import Complaints
from tests.support.node import NodeSigner

pytestmark = [pytest.mark.browser, pytest.mark.node]

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
ZOOMED = {"width": 640, "height": 400}  # the desk at 200 %
NARROWEST = {"width": 320, "height": 256}  # the desk at 400 %: WCAG 2.2, 1.4.10


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    """The demo, running."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    day = Day(tmp_path)
    day.start()
    yield day
    day.stop()


@pytest.mark.parametrize("name", WALKS)
def test_axe_finds_nothing_on_any_page_and_nothing_runs_out_of_the_screen(
    day: Day, new_context: NewContext, page_complaints: Complaints, node_sign: NodeSigner, name: str
) -> None:
    page_complaints.expect("responded with a status of 4")
    page = new_context(bypass_csp=True, viewport=DESK).new_page()
    found = {state: problems(page) for state in WALKS[name](page, day)}
    assert {state: broken for state, broken in found.items() if broken} == {}
    assert len(found) > 5, "the walk was cut short"


def problems(page: Page) -> list[str]:
    """What is wrong with the page as it stands: on a desk in daylight, on a phone in the dark, and zoomed."""
    page.wait_for_load_state()
    found = [f"on a desk, light: {line}" for line in violations(page)]
    page.emulate_media(color_scheme="dark")
    for size in (ZOOMED, NARROWEST, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if too_wide > 0:
            found.append(f"{too_wide} pixels too wide at {size['width']}")
    found += [f"on a phone, dark: {line}" for line in violations(page)]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    return found
