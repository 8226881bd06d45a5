"""An admin in front of the settings, and the website whose tokens the settings are about."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from kaltalk_iv import testing
from kaltalk_iv.dashboard.settings import PATH
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.state import current_state
from kaltalk_iv.store.audit import AuditRecord, list_audit_events
from kaltalk_iv.store.organizations import OrganizationRecord, get_organization
from kaltalk_iv.store.signing_secrets import SecretRecord
from kaltalk_iv.testing import OrganizationForTests
from tests.dashboard.desk import Clock
from tests.dashboard.page import Element, read_page
from tests.dashboard.staff import PASSWORD, Staff

ORGANIZATION = "org_shop"


class Admin:
    """Grace, who is logged in. Paths are below the page of the settings."""

    def __init__(self, staff: Staff, clock: Clock) -> None:
        self.staff = staff
        self.app = staff.app
        self.clock = clock
        self.organization = staff.organization
        self.website = staff.app.test_client()
        self.clock.now += 1  # the organization was made before; lines of one moment have no order
        self.log_in()

    def log_in(self) -> None:
        """Log in, again where twelve hours have ended the login before."""
        assert self.staff.log_in("grace").status_code == 303

    def get(self, path: str = "") -> TestResponse:
        """Look at a page of the settings."""
        return self.staff.get(PATH + path)

    def page(self, path: str = "") -> Element:
        """Return a page of the settings that answers 200."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.status
        return read_page(answer.text)

    def send(self, path: str, *, on: str = "", **fields: str) -> TestResponse:
        """Send a form with these fields and the CSRF token of the page ``on``; a second passes."""
        answer = self.staff.submit(PATH + path, fields, form_on=PATH + on)
        self.clock.now += 1
        return answer

    def press(self, path: str, *, on: str = "", **fields: str) -> TestResponse:
        """Send the form of the page ``on`` that goes to ``path``, with what is hidden in it. A second passes."""
        form = self.form(path, on=on)
        hidden = {box["name"]: box["value"] for box in form.all("input", type="hidden")}
        answer = self.staff.http.post(PATH + path, data=hidden | fields, buffered=True)
        self.clock.now += 1
        return answer

    def form(self, path: str, *, on: str = "") -> Element:
        """Return the form of the page ``on`` that goes to ``path``."""
        forms = self.page(on).all("form", method="post")
        [found] = [form for form in forms if form["action"].partition("#")[0] == PATH + path]
        return found

    def reveal(self) -> OrganizationForTests:
        """Reveal the current secret on the page and return what signs with it."""
        answer = self.press("/reveal", on="/reveal", password=PASSWORD)
        assert answer.status_code == 200, answer.status
        return OrganizationForTests(ORGANIZATION, read_page(answer.text).one(id="secret").text)

    def identify(self, **body: Any) -> TestResponse:
        """Identify as the website's widget does."""
        return testing.identify(self.website, ORGANIZATION, **body)

    def verify(self, signer: OrganizationForTests | None = None, sub: str = "u_ada", **claims: Any) -> dict[str, Any]:
        """Identify with a token and return the identity that comes back. ``signer`` defaults to the first secret."""
        token = (signer or self.organization).sign(sub, now=self.clock.now, **claims)
        identity: dict[str, Any] = self.identify(userJwt=token).get_json()["identity"]
        return identity

    def audit(self) -> list[AuditRecord]:
        """Return the audit trail, newest first."""
        with self.app.app_context():
            return list_audit_events(current_state().session, ORGANIZATION, limit=1000)

    def actions(self) -> list[str]:
        """Return what was done since the organization was made, oldest first."""
        return [line.action for line in reversed(self.audit()) if line.actor != "test"]

    def stored(self) -> OrganizationRecord:
        """Return the organization as stored."""
        with self.app.app_context():
            found = get_organization(current_state().session, ORGANIZATION)
        assert found is not None
        return found

    def secrets(self) -> list[SecretRecord]:
        """Return the stored secrets, newest first."""
        with self.app.app_context():
            return use_cases.list_secrets(current_state().session, ORGANIZATION)

    def in_database(self, change: Any) -> None:
        """Run ``change(session)`` and commit."""

        def run(session: Session, _now: float) -> None:
            change(session)

        with self.app.app_context():
            current_state().commit(run)


def another_browser(admin: Admin, login: str) -> FlaskClient:
    """Return a browser in which somebody else is logged in."""
    before, admin.staff.http = admin.staff.http, admin.app.test_client()
    try:
        assert admin.staff.log_in(login).status_code == 303
        return admin.staff.http
    finally:
        admin.staff.http = before
