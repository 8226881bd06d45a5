"""Picture every page and state for somebody to look at: ``python -m tests.support.tour FOLDER``, by hand.

On a desk and on a phone, in daylight and in the dark, and zoomed to 200 %; whole pages, so that nothing hides below.
"""

import logging
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.contract.all_day import Day
from tests.contract.every_page import WALKS
from tests.support.browser import DEFAULTS, running_browser

VIEWS: dict[str, tuple[int, int, Any]] = {
    "desk": (1280, 800, "light"),
    "desk-dark": (1280, 800, "dark"),
    "phone": (390, 844, "light"),
    "phone-dark": (390, 844, "dark"),
    "zoomed": (640, 400, "light"),
}


def picture(page: Page, folder: Path, name: str) -> None:
    """Save the page as it stands in each view."""
    page.wait_for_load_state()
    for view, (width, height, scheme) in VIEWS.items():
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=folder / f"{name}--{view}.png", full_page=True, scale="css")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})


def main(folder: Path, *walks: str) -> None:
    """Take the walks, or all of them, each with a demo of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with running_browser() as browser:
        for name in walks or WALKS:
            with tempfile.TemporaryDirectory() as demo:
                day = Day(Path(demo))
                day.start()
                page = browser.new_context(**DEFAULTS).new_page()
                for number, state in enumerate(WALKS[name](page, day), 1):
                    picture(page, folder, f"{name}-{number:02}-{re.sub(r'[^a-z0-9]+', '-', state.lower())}")
                page.context.close()
                day.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
