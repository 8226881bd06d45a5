"""Agents of KalTalk's own face: make one, log in, say who an open login belongs to, log out."""

import hashlib
import re
import secrets
from typing import TypeGuard

from sqlalchemy.orm import Session

from ..core.claims import parse_name
from ..core.errors import Conflict, InvalidClaim, NotFound, UnknownOrganization, Unreadable
from ..store import agents, organizations
from ..store.agents import AgentRecord
from . import passwords

LOGIN_LIFETIME_SECONDS = 12 * 60 * 60
ROLES = ("agent", "admin")

_LOGIN = re.compile(r"[a-z0-9._@+-]{1,64}")
_TOKEN_BYTES = 32
_MAX_TOKEN = 64


def create_agent(
    session: Session, organization_id: str, login: str, name: str, role: str, password: str, now: float
) -> AgentRecord:
    """Return a new agent of the organization. Logins do not tell upper from lower case.

    Raises UnknownOrganization, Conflict when the login is taken, or Unreadable with what to mend.
    """
    login = login.strip().lower()
    if _LOGIN.fullmatch(login) is None:
        raise Unreadable("A login is 1 to 64 letters, digits or . _ @ + - characters.")
    if role not in ROLES:
        raise Unreadable(f"A role is one of: {', '.join(ROLES)}.")
    try:
        name = parse_name(name)
    except InvalidClaim as error:
        raise Unreadable(error.detail) from None
    _check_length(password)
    if organizations.get_organization(session, organization_id) is None:
        raise UnknownOrganization
    if agents.find_agent(session, login) is not None:
        raise Conflict(f"There is an agent {login} already.")
    stored = passwords.hash_password(password)
    return agents.add_agent(session, organization_id, login=login, name=name, role=role, password_hash=stored, now=now)


def list_agents(session: Session, organization_id: str) -> list[AgentRecord]:
    """Return who works for the organization, by login. Raises UnknownOrganization."""
    if organizations.get_organization(session, organization_id) is None:
        raise UnknownOrganization
    return agents.list_agents(session, organization_id)


def remove_agent(session: Session, organization_id: str, login: str) -> None:
    """Remove an agent: every open login of theirs ends with the commit.

    Raises UnknownOrganization or NotFound.
    """
    agents.remove_agent(session, _of_organization(session, organization_id, login).id)


def change_password(session: Session, organization_id: str, login: str, password: str) -> None:
    """Give an agent another password and end their open logins. The password that they have already changes nothing.

    Raises UnknownOrganization, NotFound, or Unreadable for a password that is too short or too long.
    """
    agent = _of_organization(session, organization_id, login)
    _check_length(password)
    if not passwords.is_password(agent.password_hash, password):
        agents.change_password_hash(session, agent.id, passwords.hash_password(password))


def log_in(session: Session, login: str, password: str, now: float) -> str | None:
    """Return the token of a new open login, which lasts 12 hours; None when login and password do not fit.

    They must still do so when it is stored: to check a password takes long enough for somebody to change it. An unknown
    login costs as much time as a wrong password: neither tells who has an account.
    """
    login = login.strip().lower()
    agent = agents.find_agent(session, login) if _LOGIN.fullmatch(login) else None
    stored = passwords.NOBODY if agent is None else agent.password_hash
    matches = passwords.is_password(stored, password[: passwords.MAX_LENGTH + 1])
    if agent is None or not matches:
        return None
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    is_open = agents.add_login(session, _hash(token), agent, now, now + LOGIN_LIFETIME_SECONDS)
    return token if is_open else None


def agent_for(session: Session, token: object, now: float) -> AgentRecord | None:
    """Return the agent whose open login ``token`` is, or None: unknown, over, logged out, or the agent removed."""
    return agents.find_logged_in(session, _hash(token), now) if _is_token(token) else None


def is_password_of(session: Session, token: object, password: str, now: float) -> bool:
    """True when ``password`` is that of the agent whose open login ``token`` is."""
    agent = agent_for(session, token, now)
    return agent is not None and passwords.is_password(agent.password_hash, password[: passwords.MAX_LENGTH + 1])


def log_out(session: Session, token: object) -> None:
    """End an open login on the server, so that a kept copy of its cookie opens nothing."""
    if _is_token(token):
        agents.end_login(session, _hash(token))


def _of_organization(session: Session, organization_id: str, login: str) -> AgentRecord:
    theirs = list_agents(session, organization_id)
    agent = next((one for one in theirs if one.login == login.strip().lower()), None)
    if agent is None:
        raise NotFound("agent in this organization")
    return agent


def _is_token(token: object) -> TypeGuard[str]:
    return isinstance(token, str) and 0 < len(token) <= _MAX_TOKEN and token.isascii()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _check_length(password: str) -> None:
    if not passwords.MIN_LENGTH <= len(password) <= passwords.MAX_LENGTH:
        raise Unreadable(f"A password has {passwords.MIN_LENGTH} to {passwords.MAX_LENGTH} characters.")
