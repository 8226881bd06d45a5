"""The tables. Times are Unix seconds; every tenant table is keyed, constrained and indexed by organization first,
so that PostgreSQL can partition it and Citus can distribute it as it stands.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PREFIX = "kaltalk_iv_"

_NAMES = {
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


# What is searched by its beginning: ordered by code point, as SQLite does anyway, so that a beginning is a range.
BY_CODE_POINT = Text().with_variant(Text(collation="C"), "postgresql")


class Base(DeclarativeBase):
    """Our own base and metadata: nothing of the embedding application's is touched."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {float: Double, int: BigInteger, str: Text, bool: Boolean}  # noqa: RUF012 - SQLAlchemy's


class Organization(Base):
    """A KalTalk tenant."""

    __tablename__ = PREFIX + "organizations"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str]
    plan: Mapped[str] = mapped_column(String(16))
    mode: Mapped[str] = mapped_column(String(16))
    origins: Mapped[str]  # JSON list of normalised origins
    created_at: Mapped[float]


def _belongs_to_organization() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["organization_id"], [Organization.id])


class Secret(Base):
    """A signing secret, sealed. Current while ``expires_at`` is null; dead once ``revoked_at`` is set."""

    __tablename__ = PREFIX + "secrets"
    __table_args__ = (
        _belongs_to_organization(),
        # At most one current secret: two admins who rotate at once cannot both win.
        Index(
            "uq_kaltalk_iv_secrets_current",
            "organization_id",
            unique=True,
            sqlite_where=text("expires_at IS NULL AND revoked_at IS NULL"),
            postgresql_where=text("expires_at IS NULL AND revoked_at IS NULL"),
        ),
    )

    organization_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    sealed: Mapped[str]
    fingerprint: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[float]
    expires_at: Mapped[float | None]
    revoked_at: Mapped[float | None]
    last_verified_at: Mapped[float | None]


class Customer(Base):
    """A customer's record. ``external_id`` is the ``sub``; each value says whether a token proved it."""

    __tablename__ = PREFIX + "customers"
    __table_args__ = (
        _belongs_to_organization(),
        UniqueConstraint("organization_id", "external_id", name="uq_kaltalk_iv_customers_external_id"),
        Index("ix_kaltalk_iv_customers_email", "organization_id", "email_key", "last_seen_at"),
        # A search meets the proven ones first: anybody may make any number of records with the same name and e-mail.
        # Names are asked for by search alone, so each stands in one of two indexes: a write costs one entry less.
        Index(
            "ix_kaltalk_iv_customers_claimed_name",
            "organization_id",
            "name_key",
            sqlite_where=text("NOT name_proven"),
            postgresql_where=text("NOT name_proven"),
        ),
        Index(
            "ix_kaltalk_iv_customers_proven_email",
            "organization_id",
            "email_key",
            sqlite_where=text("email_proven"),
            postgresql_where=text("email_proven"),
        ),
        Index(
            "ix_kaltalk_iv_customers_proven_name",
            "organization_id",
            "name_key",
            sqlite_where=text("name_proven"),
            postgresql_where=text("name_proven"),
        ),
        # After a leak: who still carries the mark that a revoked secret gave.
        Index(
            "ix_kaltalk_iv_customers_verified_by",
            "organization_id",
            "verified_secret_id",
            "id",
            sqlite_where=text("verified"),
            postgresql_where=text("verified"),
        ),
        # Records without an id are told apart by e-mail: two first claims at once make one row.
        Index(
            "uq_kaltalk_iv_customers_email_only",
            "organization_id",
            "email_key",
            unique=True,
            sqlite_where=text("external_id IS NULL"),
            postgresql_where=text("external_id IS NULL"),
        ),
    )

    organization_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    external_id: Mapped[str | None] = mapped_column(BY_CODE_POINT)
    external_id_proven: Mapped[bool]
    email: Mapped[str | None]
    email_key: Mapped[str | None] = mapped_column(BY_CODE_POINT)
    email_proven: Mapped[bool]
    name: Mapped[str | None]
    name_key: Mapped[str | None] = mapped_column(BY_CODE_POINT)
    name_proven: Mapped[bool]
    verified: Mapped[bool]
    verified_secret_id: Mapped[str | None] = mapped_column(String(64))
    first_verified_at: Mapped[float | None]
    last_verified_at: Mapped[float | None]
    proven_iat: Mapped[float | None]  # of the token that the proven values come from
    downgraded_at: Mapped[float | None]
    downgraded_reason: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[float]
    last_seen_at: Mapped[float]


class CustomerProof(Base):
    """A secret that has verified a customer. Later proofs do not wipe it out: a leak is answered from here."""

    __tablename__ = PREFIX + "customer_proofs"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id", "customer_id"], [Customer.organization_id, Customer.id]),
        Index("ix_kaltalk_iv_customer_proofs_secret", "organization_id", "secret_id", "first_at", "customer_id"),
    )

    organization_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    customer_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    secret_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_at: Mapped[float]


class Conversation(Base):
    """A thread. Its state is that of the session that spoke last; ``claimed_*`` is what that session said of itself.

    ``standing`` is what its shield hangs on: the id of the secret that proved it, or else its state. The list of an
    identity state is a few ranges of the index on it, also when a secret was revoked since.
    """

    __tablename__ = PREFIX + "conversations"
    __table_args__ = (
        _belongs_to_organization(),
        ForeignKeyConstraint(["organization_id", "customer_id"], [Customer.organization_id, Customer.id]),
        CheckConstraint(
            "standing = CASE WHEN state = 'verified' THEN secret_id ELSE state END",
            name="ck_kaltalk_iv_conversations_standing",
        ),
        Index("ix_kaltalk_iv_conversations_status", "organization_id", "status", "last_message_at", "id"),
        Index("ix_kaltalk_iv_conversations_standing", "organization_id", "status", "standing", "last_message_at", "id"),
        # Few are unread at a time, so they are counted without a look at the others. SQLite takes it for its columns.
        Index(
            "ix_kaltalk_iv_conversations_unread",
            "organization_id",
            "status",
            "unread_count",
            sqlite_where=text("unread_count > 0 AND status = 'open'"),
            postgresql_where=text("unread_count > 0 AND status = 'open'"),
        ),
        Index("ix_kaltalk_iv_conversations_claimed_id", "organization_id", "claimed_external_id"),
        Index("ix_kaltalk_iv_conversations_claimed_email", "organization_id", "claimed_email_key"),
        Index("ix_kaltalk_iv_conversations_claimed_name", "organization_id", "claimed_name_key"),
        Index("ix_kaltalk_iv_conversations_customer", "organization_id", "customer_id", "last_message_at"),
    )

    organization_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    customer_id: Mapped[str | None] = mapped_column(String(64))
    session_id: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(32))
    secret_id: Mapped[str | None] = mapped_column(String(64))
    standing: Mapped[str] = mapped_column(String(64))
    state_since: Mapped[float]
    proven_until: Mapped[float | None]
    first_proven_at: Mapped[float | None]
    claimed_external_id: Mapped[str | None] = mapped_column(BY_CODE_POINT)
    claimed_email: Mapped[str | None]
    claimed_email_key: Mapped[str | None] = mapped_column(BY_CODE_POINT)
    claimed_name: Mapped[str | None]
    claimed_name_key: Mapped[str | None] = mapped_column(BY_CODE_POINT)
    message_count: Mapped[int]
    unread_count: Mapped[int]
    last_message_at: Mapped[float]
    last_message: Mapped[str]
    last_author: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[float]


class Message(Base):
    """A line of a thread, by the visitor, by an agent, or an event such as "identity lost here".

    ``session_id`` is the session that wrote it or, of a reply, the one it answers. ``state`` is how proven the
    conversation was at that moment; docs/architecture.md says who may read what.
    """

    __tablename__ = PREFIX + "messages"
    __table_args__ = (
        _belongs_to_organization(),
        ForeignKeyConstraint(["organization_id", "conversation_id"], [Conversation.organization_id, Conversation.id]),
        # Also how the lines of a session are found; one more index would cost each message.
        UniqueConstraint(
            "organization_id", "session_id", "client_message_id", name="uq_kaltalk_iv_messages_client_message_id"
        ),
        # The few lines that say how a thread changed, found without a walk through all of it.
        Index(
            "ix_kaltalk_iv_messages_events",
            "organization_id",
            "conversation_id",
            "position",
            sqlite_where=text("author = 'event'"),
            postgresql_where=text("author = 'event'"),
        ),
    )

    organization_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(64))
    author: Mapped[str] = mapped_column(String(16))  # visitor, agent or event
    author_name: Mapped[str | None]
    session_id: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(32))
    secret_id: Mapped[str | None] = mapped_column(String(64))  # what proved it, where the state is verified
    text: Mapped[str]
    client_message_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[float]


class IdentifyCount(Base):
    """How many identifies of one kind an organization had in one hour. ``reason`` is empty where there is none."""

    __tablename__ = PREFIX + "identify_counts"
    __table_args__ = (_belongs_to_organization(), Index("ix_kaltalk_iv_identify_counts_hour", "hour"))

    organization_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True)  # Unix seconds of its beginning
    outcome: Mapped[str] = mapped_column(String(16), primary_key=True)
    reason: Mapped[str] = mapped_column(String(32), primary_key=True)
    count: Mapped[int]
    first_at: Mapped[float]
    last_at: Mapped[float]
    seconds_off: Mapped[float | None]


class EndedSession(Base):
    """A widget session that its holder ended before its time."""

    __tablename__ = PREFIX + "ended_sessions"
    __table_args__ = (Index("ix_kaltalk_iv_ended_sessions_expiry", "organization_id", "expires_at"),)

    organization_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[float]


class AuditEvent(Base):
    """Who changed what, when and from where. Never a value."""

    __tablename__ = PREFIX + "audit_events"
    __table_args__ = (
        _belongs_to_organization(),
        Index("ix_kaltalk_iv_audit_events_newest", "organization_id", "created_at", "id"),
    )

    organization_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    actor: Mapped[str]
    address: Mapped[str]
    action: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str]
    created_at: Mapped[float]


class Agent(Base):
    """Somebody who logs in to KalTalk's own face. Not a tenant table: the login is known before the tenant is."""

    __tablename__ = PREFIX + "agents"
    __table_args__ = (_belongs_to_organization(), UniqueConstraint("login", name="uq_kaltalk_iv_agents_login"))

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    organization_id: Mapped[str] = mapped_column(String(64))
    login: Mapped[str] = mapped_column(String(64))
    name: Mapped[str]
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str]
    created_at: Mapped[float]


class AgentSession(Base):
    """An open login of an agent. The cookie holds the id; the table holds its SHA-256, so a dump opens nothing."""

    __tablename__ = PREFIX + "agent_sessions"
    __table_args__ = (
        ForeignKeyConstraint(["agent_id"], [Agent.id], ondelete="CASCADE"),
        Index("ix_kaltalk_iv_agent_sessions_agent", "agent_id"),
    )

    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[float]
    expires_at: Mapped[float]
