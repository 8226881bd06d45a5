"""An agent at a browser, in front of KalTalk in production. Cookies are Secure there, so no cookie jar keeps them."""

from http.cookies import SimpleCookie

from sqlalchemy.orm import Session

from kaltalk_iv.config import Settings
from kaltalk_iv.dashboard.live import LIVE_HEADER
from kaltalk_iv.dashboard.settings import PATH as SETTINGS
from kaltalk_iv.service.agents import create_agent
from tests.dashboard.page import Element, read_page
from tests.production.deployment import ORGANIZATION, Answer, Deployment

_COOKIE = "__Host-kaltalk_session"


class Agent:
    """Grace, an admin. ``cookies`` are all that her browser was ever given; the last one counts."""

    def __init__(self, deployment: Deployment, password: str) -> None:
        self._deployment = deployment
        self._password = password
        self.cookies: list[str] = []

        def hire(session: Session, _settings: Settings, now: float) -> None:
            create_agent(session, ORGANIZATION, "grace", "Grace Hopper", "admin", password, now)

        deployment.change(hire)

    def get(self, path: str, **headers: str) -> Answer:
        """Look at a page."""
        return self._keep_cookie(self._deployment.ask("GET", path, b"", Cookie=self._cookie(), **headers))

    def form(self, path: str, *, on: str) -> dict[str, str]:
        """Return what is hidden in the form of the page ``on`` that goes to ``path``."""
        page = read_page(self.get(on).body.decode())
        [form] = [form for form in page.all("form", method="post") if form["action"].partition("#")[0] == path]
        return {box["name"]: box["value"] for box in form.all("input", type="hidden")}

    def submit(self, path: str, **fields: str) -> Answer:
        """Send a form with these fields."""
        return self._keep_cookie(self._deployment.fill_in(path, fields, self._cookie()))

    def press(self, path: str, *, on: str, **fields: str) -> Answer:
        """Send the form of the page ``on`` that goes to ``path``, with what is hidden in it."""
        return self.submit(path, **self.form(path, on=on) | fields)

    def set(self, path: str, *, on: str = "", **fields: str) -> Answer:
        """Send a form of the settings; both paths are below theirs."""
        return self.press(SETTINGS + path, on=SETTINGS + on, **fields)

    def log_in(self, password: str | None = None) -> int:
        """Log in, and return the status of the answer."""
        return self.press("/login", on="/login", login="grace", password=password or self._password).status

    def poll(self, conversation_id: str) -> tuple[Answer, Element]:
        """Ask as the script of an open conversation does every few seconds; return the customer drawer too."""
        answer = self.get(f"/inbox/{conversation_id}", **{LIVE_HEADER: "1"})
        assert answer.status == 200, answer
        return answer, read_page(answer.body.decode()).one(id="customer-drawer")

    def _cookie(self) -> str:
        return f"{_COOKIE}={self.cookies[-1]}" if self.cookies else ""

    def _keep_cookie(self, answer: Answer) -> Answer:
        for header in answer.headers.get_all("Set-Cookie", []):
            self.cookies += [morsel.value for name, morsel in SimpleCookie(header).items() if name == _COOKIE]
        return answer
