"""Take the tutorial's pictures anew, from a running demo: ``python -m tests.support.pictures``, by hand.

The demo lives in a temporary folder and ends with the run: what its tokens in the pictures prove ends with it.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from tests.contract.people import PASSWORD, Agent, Customer
from tests.support.browser import DEFAULTS, running_browser
from tests.support.servers import Server

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1280, "height": 860}


def take(page: Page, name: str, show: str = "#result") -> None:
    """Save what the window shows, with the element `show` near its upper edge."""
    page.locator(show).evaluate("element => scrollTo(0, element.getBoundingClientRect().top + scrollY - 24)")
    page.mouse.move(0, 0)
    page.screenshot(path=IMAGES / f"tutorial-{name}.png", scale="css")


def press(page: Page, name: str) -> None:
    """Press a button of the lab and wait until all is done."""
    page.locator(f"[data-experiment={name}]").click()
    page.locator(f"#result[data-done={name}]").wait_for()


def main() -> None:
    """Take them all."""
    with tempfile.TemporaryDirectory() as folder, running_browser() as browser:
        environment = {"KALTALK_DEMO_DIR": folder, "KALTALK_DEMO_PASSWORD": PASSWORD}
        with Server([sys.executable, str(ROOT / "app.py")], log=Path(folder) / "log", env=environment) as server:
            ada = Customer(browser.new_context(**(DEFAULTS | {"viewport": SIZE})).new_page(), server.origin)
            ada.log_in("ada")
            ada.visit("/lab")
            press(ada.page, "good")
            take(ada.page, "good")
            grace = Agent(browser.new_context(**(DEFAULTS | {"viewport": SIZE})).new_page(), f"{server.origin}/kaltalk")
            grace.log_in()
            grace.page.goto(server.origin + (ada.page.locator("#step-inbox a").get_attribute("href") or ""))
            take(grace.page, "inbox", "body")
            press(ada.page, "tampered")
            take(ada.page, "tampered")
            ada.page.locator("button[value=required]").click()
            ada.page.get_by_text("The mode is Required now.").wait_for()
            press(ada.page, "good")
            press(ada.page, "tampered")
            take(ada.page, "required", ".step:nth-child(6)")


if __name__ == "__main__":
    main()
