"""For the tests of an application that embeds the extension, and for ours: an organization, and tokens for it."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from .core.policy import Mode, Plan
from .service import settings as use_cases
from .service.settings import Actor
from .state import current_state
from .store.organizations import OrganizationRecord

_ACTOR = Actor("test", "local")
_message_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class OrganizationForTests:
    """An organization with its current signing secret in plain text."""

    id: str
    secret: str = field(repr=False)

    def sign(self, sub: object, *, now: float, lifetime: float = 3600, **claims: Any) -> str:
        """Return a user token as a host signs it; ``claims`` are added or, given again, win."""
        payload: Mapping[str, Any] = {"sub": sub, "iat": int(now), "exp": int(now + lifetime)} | claims
        # PyJWT itself refuses to sign a sub that is no text; real Node hosts sign numbers.
        return jwt.encode(dict(payload), self.secret, algorithm="HS256")


def add_organization(
    app: Flask, organization_id: str = "org_test", *, mode: str = "optional", plan: str = "pro", origins: str = ""
) -> OrganizationForTests:
    """Create an organization in ``app``'s database and return it. ``origins`` is comma-separated."""
    with app.app_context():
        state = current_state()
        new = OrganizationRecord(organization_id, organization_id, Plan(plan), Mode(mode), ())
        state.commit(lambda session, now: use_cases.create_organization(session, state.settings, _ACTOR, new, now))
        if origins:
            set_organization(app, organization_id, origins=origins)
        secret = state.commit(
            lambda session, now: use_cases.reveal_current_secret(session, state.settings, _ACTOR, organization_id, now)
        )
        return OrganizationForTests(organization_id, secret)


def set_organization(
    app: Flask, organization_id: str, *, mode: str | None = None, plan: str | None = None, origins: str | None = None
) -> None:
    """Change what is given."""
    with app.app_context():
        current_state().commit(
            lambda session, now: use_cases.change_organization(
                session,
                _ACTOR,
                organization_id,
                now,
                plan=None if plan is None else Plan(plan),
                mode=None if mode is None else Mode(mode),
                allowed_origins=None if origins is None else origins.split(","),
            )
        )


def identify(client: FlaskClient, organization_id: str, **body: Any) -> TestResponse:
    """Send an identify as the widget does."""
    return client.post(_path(client, "identify_visitor", organization_id=organization_id), json=body)


def send_message(
    client: FlaskClient, session_token: str, text: str, client_message_id: str | None = None
) -> TestResponse:
    """Send a message as the widget does; each call is a new message unless it names its id."""
    body = {"text": text, "clientMessageId": client_message_id or f"test-{next(_message_numbers)}"}
    return client.post(_path(client, "messages"), json=body, headers=bearer(session_token))


def read_messages(client: FlaskClient, session_token: str, after: str | None = None) -> TestResponse:
    """Read the thread as the widget does."""
    query = {} if after is None else {"after": after}
    return client.get(_path(client, "messages"), query_string=query, headers=bearer(session_token))


def bearer(session_token: str) -> dict[str, str]:
    """Return the header that carries a widget session."""
    return {"Authorization": f"Bearer {session_token}"}


def _path(client: FlaskClient, view: str, **values: str) -> str:
    """Return where the application has mounted a view of ours."""
    return client.application.url_map.bind("localhost").build(f"kaltalk_iv_api.{view}", values)
