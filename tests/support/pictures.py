"""Take the pictures of README and docs anew, from a running demo: ``python -m tests.support.pictures``, by hand.

The demo lives in a temporary folder and ends with the run: what its tokens in the pictures prove ends with it.
"""

import logging
import tempfile
from base64 import b64encode
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.contract.all_day import Day
from tests.contract.crowd import Visitor
from tests.contract.people import Agent, Customer
from tests.support.browser import DEFAULTS, running_browser

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"


def take(page: Page, name: str, show: str = "#result") -> None:
    """Save what the window shows, with the element `show` near its upper edge."""
    page.locator(show).evaluate("element => scrollTo(0, element.getBoundingClientRect().top + scrollY - 24)")
    page.mouse.move(0, 0)
    page.screenshot(path=IMAGES / f"tutorial-{name}.png", scale="css")


def press(page: Page, name: str) -> None:
    """Press a button of the lab and wait until all is done."""
    page.locator(f"[data-experiment={name}]").click()
    page.locator(f"#result[data-done={name}]").wait_for()


def compose(browser: Browser, *pictures: bytes) -> None:
    """Save the pictures side by side, as the README shows them."""
    page = browser.new_context(viewport={"width": 1504, "height": 480}).new_page()
    images = "".join(f"<img src='data:image/png;base64,{b64encode(picture).decode()}'>" for picture in pictures)
    look = "img { height: 440px; border-radius: 10px; box-shadow: 0 2px 12px #0003 }"
    body = "display: flex; gap: 20px; justify-content: center; margin: 0; padding: 20px; background: #e8edf5"
    page.set_content(f"<style>{look}</style><body style='{body}'>{images}")
    page.screenshot(path=IMAGES / "round-trip.png", scale="css")


def tutorial(browser: Browser, day: Day) -> None:
    """The pictures of docs/tutorial.md, in the order of its words."""
    ada = Customer(new_page(browser), day.shop)
    ada.log_in("ada")
    ada.visit("/lab")
    press(ada.page, "good")
    take(ada.page, "good")
    grace = Agent(new_page(browser), day.kaltalk)
    grace.log_in()
    grace.page.goto(day.shop + (ada.page.locator("#step-inbox a").get_attribute("href") or ""))
    take(grace.page, "inbox", "body")
    press(ada.page, "tampered")
    take(ada.page, "tampered")
    ada.page.locator("button[value=required]").click()
    ada.page.get_by_text("The mode is Required now.").wait_for()
    press(ada.page, "good")
    press(ada.page, "tampered")
    take(ada.page, "required", ".step:nth-child(6)")


def round_trip(browser: Browser, day: Day) -> None:
    """A customer and an agent talking, and somebody who only claims to be that customer."""
    ada = Customer(new_page(browser, 920, 640), day.shop)
    ada.log_in("ada")
    ada.write("Where is my Assam? It was to come on Friday.")
    claimed = Visitor(ada.page, day).identify(email="ada@example.com", name="Ada ✔ Verified")
    address = claimed.write("Hi, it's Ada. What address do you have for me?")
    grace = Agent(new_page(browser, 1180, 640), day.kaltalk)
    grace.log_in()
    grace.open_conversation("Where is my Assam?")
    grace.reply("It left this morning, and will be with you on Tuesday.")
    ada.lines.nth(1).wait_for()
    grace.page.mouse.move(0, 0)
    ada.page.mouse.move(0, 0)
    compose(browser, ada.page.screenshot(), grace.page.screenshot())
    grace.page.goto(day.kaltalk + address)
    grace.page.screenshot(path=IMAGES / "unverified.png")


def new_page(browser: Browser, width: int = 1280, height: int = 860) -> Page:
    """A page in a browser profile of its own."""
    return browser.new_context(**(DEFAULTS | {"viewport": {"width": width, "height": height}})).new_page()


def main() -> None:
    """Take them all, with a demo of its own for each story."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with running_browser() as browser:
        for tell in (tutorial, round_trip):
            with tempfile.TemporaryDirectory() as folder:
                day = Day(Path(folder))
                day.start()
                tell(browser, day)
                day.stop()


if __name__ == "__main__":
    main()
