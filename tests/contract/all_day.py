"""The demo in this very process, on one port and with one clock in the test's hand: it can be stopped and come back."""

import dataclasses
import threading
import time
from pathlib import Path
from typing import Any

from flask import Flask
from playwright.sync_api import Page, Request
from werkzeug.serving import BaseWSGIServer

import app as demo
from kaltalk_iv.service import settings
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from tests.contract.people import PASSWORD, Customer
from tests.support.in_process import server_of
from tests.support.servers import free_port

HOUR = 3600
# A jump of the clock would break off what is under way: the widget gives a request twenty seconds.
NO_LIMIT = "AbortController.prototype.abort = () => {};"


class Day:
    """Both parties, and the time that they and the pages see."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.shop = f"http://127.0.0.1:{self.port}"
        self.kaltalk = f"{self.shop}{demo.MOUNT}"
        self._folder = folder
        self._passed = 0.0
        self._server: BaseWSGIServer | None = None
        self._thread = threading.Thread()

    def start(self) -> None:
        """Open, with what an earlier run has stored."""
        parties = demo.make_demo({"KALTALK_DEMO_DIR": str(self._folder), "KALTALK_DEMO_PASSWORD": PASSWORD})
        parties.host.config["HOST_CLOCK"] = self.now
        state: Any = parties.kaltalk.extensions["kaltalk_iv"]
        parties.kaltalk.extensions["kaltalk_iv"] = dataclasses.replace(state, clock=self.now)
        self._apps: tuple[Flask, ...] = (parties.host, parties.kaltalk)
        self._server = server_of(demo.mount(parties), self.port)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether anything answers."""
        return self._server is not None

    def stop(self) -> None:
        """Close; nothing answers at the address any more. Does nothing when it is closed."""
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        self._thread.join()
        server.server_close()
        for flask in self._apps:
            with flask.app_context():
                database = flask.extensions["sqlalchemy"]
                database.session.remove()
                database.engine.dispose()

    def now(self) -> float:
        """The time in Unix seconds."""
        return time.time() + self._passed

    def sleep(self, seconds: float) -> None:
        """Let time pass for the servers alone."""
        self._passed += seconds

    def change_organization(self, **changes: Any) -> None:
        """Change the plan or the mode, as an operator does on the command line."""
        with self._apps[1].app_context():
            current_state().commit(
                lambda db, now: settings.change_organization(
                    db, Actor("operator", "local"), demo.ORGANIZATION_ID, now, **changes
                )
            )


class Tab(Customer):
    """A customer whose page sees the day's clock, and who notes what it asks for."""

    def __init__(self, page: Page, day: Day) -> None:
        super().__init__(page, day.shop)
        page.add_init_script(NO_LIMIT)
        self.day = day
        self.asked: list[str] = []
        self.warnings: list[str] = []
        self._under_way: set[Request] = set()
        page.on("request", self._note)
        page.on("requestfinished", self._note_end)
        page.on("requestfailed", self._note_end)
        page.on("console", lambda line: self.warnings.append(line.text) if line.type == "warning" else None)

    def _note(self, request: Request) -> None:
        self._under_way.add(request)
        self.asked.append(request.url.removeprefix(self.day.shop))

    def _note_end(self, request: Request) -> None:
        self._under_way.discard(request)

    @property
    def renewals(self) -> int:
        """How often the page asked its shop for a fresh token."""
        return self.asked.count("/kaltalk-token")

    def wait(self, hours: float) -> None:
        """Let hours pass for everybody, ten minutes at a time, and never while a request is under way."""
        for _ in range(round(hours * 6)):
            self.rest()
            self.day.sleep(600)
            self.page.clock.fast_forward(600_000)
        self.rest()

    def rest(self) -> None:
        """Wait until nothing is under way."""
        quiet = 0
        while quiet < 4:
            self.page.wait_for_timeout(25)
            quiet = 0 if self._under_way else quiet + 1
