"""Visits of Chromium to a page, each with an empty cache: when it was painted, when it could be used, its weight."""

import gzip
import shutil
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bench import load

# As Lighthouse has it: a long task blocks by what it takes over this; a page can be used after the last of them.
LONG_TASK_MS = 50
QUIET_SECONDS = 2  # that are watched for one more

# Slowed processor; round trip in ms and bits a second of the network.
CONDITIONS: dict[str, tuple[float, float | None, float]] = {
    "processor 4 × slower": (4, None, 0),
    "processor 4 × slower, slow 4G (150 ms, 1.6 Mbit/s)": (4, 150, 1.6e6),
}

_WATCH = """
window.seen = { tasks: [], paint: 0 };
new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) seen.tasks.push([startTime, duration]);
}).observe({ type: "longtask", buffered: true });
new PerformanceObserver((list) => {
  for (const { name, startTime } of list.getEntries()) if (name === "first-contentful-paint") seen.paint = startTime;
}).observe({ type: "paint", buffered: true });
"""
_READ = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const resources = performance.getEntriesByType("resource");
  const size = ({ transferSize }) => transferSize;
  const widget = resources.find(({ name }) => name.endsWith("/widget/kaltalk.js"));
  return {
    ...seen, byte: page.responseStart, interactive: page.domInteractive, load: page.loadEventEnd,
    page: page.encodedBodySize, widget: widget?.encodedBodySize ?? 0, unpacked: widget?.decodedBodySize ?? 0,
    all: size(page) + resources.map(size).reduce((sum, one) => sum + one, 0), requests: 1 + resources.length,
    heap: performance.memory.usedJSHeapSize,
    isReady: document.querySelector("#kaltalk-widget") !== null,
  };
}"""


@dataclass(frozen=True, slots=True)
class Visit:
    """One load of the page: times in milliseconds since it was asked for, sizes in bytes."""

    first_byte: float
    first_paint: float
    interactive: float
    load: float
    usable: float
    blocked: float
    longest_task: float
    page_bytes: int
    page_gzip: int
    widget_bytes: int
    widget_unpacked: int
    all_bytes: int
    requests: int
    heap: int


def visits(origins: dict[str, str], password: str, count: int) -> dict[tuple[str, str], list[Visit]]:
    """Return ``count`` visits of somebody who is logged in to each page under each condition, interleaved."""
    found: dict[tuple[str, str], list[Visit]] = {(page, condition): [] for page in origins for condition in CONDITIONS}
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("There is no Chromium here (Debian: apt install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]
        )
        cookies = {page: _log_in(browser, origin, password) for page, origin in origins.items()}
        for _ in range(count):
            for (page, condition), seen in found.items():
                seen.append(
                    _visit(browser, origins[page], cookies[page], condition, has_widget=page == "with the widget")
                )
        browser.close()
    return found


def _log_in(browser: Browser, origin: str, password: str) -> list[Any]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{origin}/login")
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_selector("#log-out")
    cookies = context.cookies()
    context.close()
    return cookies


def _visit(browser: Browser, origin: str, cookies: list[Any], condition: str, *, has_widget: bool) -> Visit:
    context = browser.new_context(viewport={"width": 412, "height": 823})
    context.add_cookies(cookies)
    context.add_init_script(_WATCH)
    page = context.new_page()
    _slow_down(context, page, condition)
    response = page.goto(f"{origin}/", wait_until="load")
    if has_widget:
        page.wait_for_selector("#kaltalk-widget", state="attached")
    page.wait_for_timeout(QUIET_SECONDS * 1000)
    read = page.evaluate(_READ)
    if response is None or "Good to see you" not in response.text() or read["isReady"] != has_widget:
        raise load.WrongAnswer("Chromium was shown another page")
    document = response.body()
    context.close()
    tasks = [(start, length) for start, length in read["tasks"] if start + length > read["paint"]]
    return Visit(
        first_byte=read["byte"],
        first_paint=read["paint"],
        interactive=read["interactive"],
        load=read["load"],
        usable=max([read["paint"], read["interactive"], *(start + length for start, length in tasks)]),
        blocked=sum(max(0, length - LONG_TASK_MS) for _start, length in tasks),
        longest_task=max([0, *(length for _start, length in read["tasks"])]),
        page_bytes=read["page"],
        page_gzip=len(gzip.compress(document, 6)),
        widget_bytes=read["widget"],
        widget_unpacked=read["unpacked"],
        all_bytes=read["all"],
        requests=read["requests"],
        heap=read["heap"],
    )


def _slow_down(context: BrowserContext, page: Page, condition: str) -> None:
    times, latency, bits = CONDITIONS[condition]
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.send("Emulation.setCPUThrottlingRate", {"rate": times})
    if latency is not None:
        speed = {"latency": latency, "downloadThroughput": bits / 8, "uploadThroughput": bits / 16, "offline": False}
        session.send("Network.emulateNetworkConditions", speed)
