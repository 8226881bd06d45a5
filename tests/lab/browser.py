"""The lab of a demo that runs in a process of its own, and the hands of somebody in front of it."""

import json
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.contract.people import PASSWORD
from tests.support.servers import clean_environment

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Lab:
    """A running demo."""

    origin: str
    folder: Path

    def stored(self, question: str, *values: str) -> list[tuple[Any, ...]]:
        """Read KalTalk's database."""
        database = sqlite3.connect(self.folder / "kaltalk.sqlite3")
        try:
            return database.execute(question, values).fetchall()
        finally:
            database.close()

    def command(self, *arguments: str) -> Any:
        """Run KalTalk's command line and return its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", "kaltalk-iv", *arguments, "--json"],
            cwd=ROOT,
            env=clean_environment({"KALTALK_DEMO_DIR": str(self.folder), "KALTALK_DEMO_PASSWORD": PASSWORD}),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return json.loads(done.stdout)


def log_in(page: Page, lab: Lab, username: str = "ada") -> Page:
    """Go to the lab, by way of the login."""
    page.goto(f"{lab.origin}/lab")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    page.wait_for_url("**/lab")
    return page


def press(page: Page, name: str) -> dict[str, str]:
    """Press a button, wait until all is done, and return what the result says."""
    page.locator(f"[data-experiment={name}]").click()
    page.locator(f"#result[data-done={name}]").wait_for()
    found: dict[str, str] = page.locator("#result").evaluate("element => ({...element.dataset})")
    del found["done"]
    return found


def choose_mode(page: Page, mode: str) -> None:
    """Use the lab's own switch."""
    page.locator(f"button[name=mode][value={mode}]").click()
    expect(page.get_by_text(f"The mode is {mode.capitalize()} now.")).to_be_visible()
    expect(page.locator(f"button[name=mode][value={mode}]")).to_have_attribute("aria-pressed", "true")


def outlook(page: Page) -> dict[str, dict[str, str]]:
    """What the table says of each mode."""
    rows = page.locator("#outlook tbody tr").evaluate_all("rows => rows.map(row => ({...row.dataset}))")
    return {row.pop("mode"): row for row in rows}


def sub_of(page: Page) -> str:
    """The id of whoever is logged in."""
    return page.locator("#step-known dd").first.inner_text()
