"""A busy day of one deployment, and a list of all that must stay secret of it."""

import base64
import json
import time
from typing import Any, Final

import sqlalchemy as sa
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy.orm import Session

from kaltalk_iv.config import Settings
from kaltalk_iv.dashboard.settings import PATH as SETTINGS
from kaltalk_iv.models import Agent as Agents
from kaltalk_iv.models import CustomerProof, Message, Secret
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization, bearer
from tests.dashboard.page import read_page
from tests.production.agent import Agent
from tests.production.deployment import ORGANIZATION, Answer, Deployment
from tests.support.leaks import keep

PASSWORD: Final = keep("an admin's password", "a cälm & quiet password/with+marks")
MISTYPED: Final = keep("a mistyped password", "a cälm & quiet passwort/with+marks")
WORDS: Final = "My card ends in 4242"


class Day:
    """``secrets`` are the values to look for, by name; ``seen`` is what pages and commands have shown."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.grace = Agent(deployment, PASSWORD)
        self.secrets = {"password": PASSWORD.encode(), "mistyped password": MISTYPED.encode()}
        self.seen: dict[str, bytes] = {}
        self._keep("encryption key", deployment.environment["KALTALK_IV_ENCRYPTION_KEYS"], prefix="ktek_")
        self._keep("secret key", deployment.environment["KALTALK_SECRET_KEY"])
        with deployment.app.app_context():
            self.secrets["session key"] = current_state().settings.session_keys[0]
        self.signer = self._learn(deployment.organization)

    def visitors_come(self) -> str:
        """Identify, write and fail in every way; return the id of the conversation that Ada has begun."""
        shop, token = self.deployment, self._token()
        ada = self._session(userJwt=token)
        conversation_id: str = shop.send(ada, WORDS, "m-1").json["cursor"].partition(".")[0]
        signed, _, signature = token.rpartition(".")
        for bad in (f"{signed}.{signature[::-1]}", self._token(lifetime=-60), f"{token}!", f"{token}.{token}"):
            assert self._identify(userJwt=bad, session=ada).identity[0] == "unverified"
        assert shop.identify("org_unknown", userJwt=token, session=ada).status == 404
        path, cut_off = f"/v1/organizations/{ORGANIZATION}/identify", f'{{"userJwt": "{token}", "session": "{ada}"'
        for method, content_type, status in (
            ("POST", "application/json", 400),
            ("POST", "text/plain", 415),
            ("PUT", "application/json", 405),
        ):
            assert shop.ask(method, path, cut_off.encode(), Content_Type=content_type).status == status
        too_long = json.dumps({"userJwt": token, "name": "x" * 20_000}).encode()
        assert shop.ask("POST", path, too_long, Content_Type="application/json").status == 413
        assert shop.read(f"{ada[:-2]}AA").status == 401
        bob = self._session(userJwt=self._token("u_bob"))
        assert shop.ask("DELETE", "/v1/session", b"", **bearer(bob)).status == 204
        assert shop.send(bob, "Am I still here?", "m-2").status == 401
        return conversation_id

    def the_agent_works(self, conversation_id: str) -> None:
        """Log in, with a slip of the finger first, look at the conversation and reply."""
        thread = f"/inbox/{conversation_id}"
        assert self.grace.log_in(MISTYPED) == 401
        assert self.grace.log_in() == 303
        assert self.grace.press(f"{thread}/reply", on=thread, text="Thank you").status == 303
        self._look("/inbox", thread)

    def the_secret_changes_hands(self) -> None:
        """Test a token, reveal, rotate, end the window, replace, take back; rotate once more by command."""
        for token in (self._token(), self._token(lifetime=-60), f"Bearer {self._token()}"):
            answer = self.grace.set("/test-it", token=token)
            self.seen[f"the report on token {len(self.seen)}"] = answer.body
            assert answer.status == 200
        assert self.grace.set("/reveal", on="/reveal", password=MISTYPED).status == 403
        for change, page, fields in (
            ("/rotate", "", {}),
            ("/end-window", "/end-window", {}),
            ("/replace", "/replace", {"confirmation": ORGANIZATION}),
            ("/revoked/take-back", "/revoked", {}),
        ):
            assert self.grace.set(change, on=page, **fields).status == 303
            revealed = self.grace.set("/reveal", on="/reveal", password=PASSWORD)
            value = read_page(revealed.body.decode()).one(id="secret").text
            self.signer = self._learn(OrganizationForTests(ORGANIZATION, value))
            self._session(userJwt=self._token())
        self._look(*(SETTINGS + page for page in ("", "/reveal", "/revoked", "/audit", "/audit.csv")))
        self.seen["the command rotate"] = self.deployment.command("secret", "rotate", ORGANIZATION).encode()
        self.signer = self._learn(self.deployment.reveal())
        tested = self.deployment.command("test-token", ORGANIZATION, "--json", stdin=self._token())
        self.seen["the command test-token"] = tested.encode()

    def things_break(self) -> None:
        """Spoil a stored secret, then take tables away under requests that hold secrets."""
        shop, token = self.deployment, self._token()
        session = self._session(userJwt=token)
        self._learn(add_organization(shop.app, "org_spoilt"))
        spoilt = sa.update(Secret).where(Secret.organization_id == "org_spoilt").values(sealed="v1.AAAA")
        self._execute(spoilt)
        assert shop.identify("org_spoilt", userJwt=token, session=session).status == 503
        form = self.grace.form(f"{SETTINGS}/reveal", on=f"{SETTINGS}/reveal")
        for table in (CustomerProof, Message, Agents):
            name = table.__tablename__
            self._execute(sa.text(f"ALTER TABLE {name} RENAME TO {name}_away"))
        assert shop.identify(userJwt=self._token("u_new"), session=session).status == 503
        assert shop.send(session, "Is anybody there?", "m-3").status == 503
        assert self.grace.submit(f"{SETTINGS}/reveal", password=PASSWORD, **form).status == 503
        assert self.grace.submit("/login", login="grace", password=PASSWORD, **form).status == 503

    def end(self) -> None:
        """Keep the cookies that the agent's browser was given, and stop the servers."""
        sessions = SecureCookieSessionInterface().get_signing_serializer(self.deployment.app)
        assert sessions is not None
        for number, cookie in enumerate(filter(None, self.grace.cookies)):
            self.secrets[f"cookie {number}"] = cookie.encode()
            login: str | None = sessions.loads(cookie).get("kaltalk_iv_login")
            if login is not None:
                self._keep(f"login {number}", login)
        self.deployment.server.stop()
        self.seen["the output of the servers"] = self.deployment.server.log.read_bytes()

    def _identify(self, **body: Any) -> Answer:
        answer = self.deployment.identify(**body)
        self._keep(f"widget session {len(self.secrets)}", answer.session, prefix="kts1.")
        return answer

    def _session(self, **body: Any) -> str:
        answer = self._identify(**body)
        assert answer.identity == ("verified", None)
        return answer.session

    def _token(self, sub: str = "u_ada", *, lifetime: float = 3600) -> str:
        token = self.signer.sign(sub, now=time.time(), lifetime=lifetime, name="Ada", email="ada@shop.example")
        _header, payload, signature = token.split(".")
        self._keep(f"payload of token {len(self.secrets)}", payload)
        self._keep(f"signature of token {len(self.secrets)}", signature)
        return token

    def _learn(self, signer: OrganizationForTests) -> OrganizationForTests:
        self._keep(f"signing secret {len(self.secrets)}", signer.secret, prefix="ktiv_")
        return signer

    def _look(self, *paths: str) -> None:
        for path in paths:
            answer = self.grace.get(path)
            assert answer.status == 200, path
            self.seen[f"the page {path}"] = answer.body

    def _execute(self, statement: sa.Executable) -> None:
        def execute(db: Session, _settings: Settings, _now: float) -> None:
            db.execute(statement)

        self.deployment.change(execute)

    def _keep(self, name: str, text: str, prefix: str = "") -> None:
        assert text.startswith(prefix)
        body = text.removeprefix(prefix)
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        self.secrets |= {name: text.encode(), f"{name} without prefix": body.encode(), f"the bytes of {name}": raw}
