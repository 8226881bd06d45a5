"""Agents and their open logins. An agent is found by login, an open login by the SHA-256 of what the cookie holds."""

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..models import Agent, AgentSession
from .database import new_id


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """An agent as stored. ``role`` is agent or admin."""

    id: str
    organization_id: str
    login: str
    name: str
    role: str
    password_hash: str = field(repr=False)


_AGENT = tuple(Agent.__table__.c[name] for name in AgentRecord.__slots__)


def find_agent(session: Session, login: str) -> AgentRecord | None:
    """Return the agent with this login, or None."""
    row = session.execute(sa.select(*_AGENT).where(Agent.login == login)).first()
    return None if row is None else AgentRecord(*row)


def list_agents(session: Session, organization_id: str) -> list[AgentRecord]:
    """Return the organization's agents by login."""
    found = sa.select(*_AGENT).where(Agent.organization_id == organization_id).order_by(Agent.login)
    return [AgentRecord(*row) for row in session.execute(found)]


def remove_agent(session: Session, agent_id: str) -> None:
    """Delete an agent and their open logins. What they wrote stays, with their name."""
    # As all that changes open logins: first the agent's row, so that no two wait for each other.
    session.execute(sa.select(Agent.id).where(Agent.id == agent_id).with_for_update())
    session.execute(sa.delete(AgentSession).where(AgentSession.agent_id == agent_id))
    session.execute(sa.delete(Agent).where(Agent.id == agent_id))


def add_agent(
    session: Session, organization_id: str, *, login: str, name: str, role: str, password_hash: str, now: float
) -> AgentRecord:
    """Insert an agent. The database refuses a login that is taken with an IntegrityError."""
    agent = AgentRecord(new_id("agt"), organization_id, login, name, role, password_hash)
    values = {name: getattr(agent, name) for name in AgentRecord.__slots__}
    session.add(Agent(created_at=now, **values))
    session.flush()
    return agent


def change_password_hash(session: Session, agent_id: str, password_hash: str) -> None:
    """Store another password hash and end the agent's open logins."""
    session.execute(sa.update(Agent).where(Agent.id == agent_id).values(password_hash=password_hash))
    session.execute(sa.delete(AgentSession).where(AgentSession.agent_id == agent_id))


def add_login(session: Session, id_hash: str, agent: AgentRecord, now: float, expires_at: float) -> bool:
    """Insert an open login, and forget those that are over; False when the agent's password is another one by now.

    The agent's row is locked until the transaction ends: whoever changes the password ends this login too.
    """
    it = sa.update(Agent).where(Agent.id == agent.id, Agent.password_hash == agent.password_hash)
    same = it.values(password_hash=Agent.password_hash).returning(Agent.id)
    if session.execute(same.execution_options(synchronize_session=False)).first() is None:
        return False
    session.execute(sa.delete(AgentSession).where(AgentSession.expires_at <= now))
    session.add(AgentSession(id_hash=id_hash, agent_id=agent.id, created_at=now, expires_at=expires_at))
    session.flush()
    return True


def find_logged_in(session: Session, id_hash: str, now: float) -> AgentRecord | None:
    """Return the agent of an open login, or None: a removed agent's is found no more."""
    found = (
        sa.select(*_AGENT)
        .join(AgentSession, AgentSession.agent_id == Agent.id)
        .where(AgentSession.id_hash == id_hash, AgentSession.expires_at > now)
    )
    row = session.execute(found).first()
    return None if row is None else AgentRecord(*row)


def end_login(session: Session, id_hash: str) -> None:
    """Forget an open login."""
    session.execute(sa.delete(AgentSession).where(AgentSession.id_hash == id_hash))
