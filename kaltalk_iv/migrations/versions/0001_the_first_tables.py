"""The first tables"""

import sqlalchemy as sa
from alembic import op

from kaltalk_iv.migrations.partitions import create_tenant_table

# Ordered by code point on both databases, so that what begins with a text is a range of an index.
_BY_CODE_POINT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    create_tenant_table(
        "kaltalk_iv_ended_sessions",
        sa.Column("organization_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_kaltalk_iv_ended_sessions")),
    )
    op.create_index(
        "ix_kaltalk_iv_ended_sessions_expiry",
        "kaltalk_iv_ended_sessions",
        ["organization_id", "expires_at"],
        unique=False,
    )
    op.create_table(
        "kaltalk_iv_organizations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plan", sa.String(length=16), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("origins", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kaltalk_iv_organizations")),
    )
    op.create_table(
        "kaltalk_iv_agents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organization_id", sa.String(length=64), nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["kaltalk_iv_organizations.id"],
            name=op.f("fk_kaltalk_iv_agents_kaltalk_iv_organizations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kaltalk_iv_agents")),
        sa.UniqueConstraint("login", name="uq_kaltalk_iv_agents_login"),
    )
    create_tenant_table(
        "kaltalk_iv_audit_events",
        sa.Column("organization_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["kaltalk_iv_organizations.id"],
            name=op.f("fk_kaltalk_iv_audit_events_kaltalk_iv_organizations"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_kaltalk_iv_audit_events")),
    )
    op.create_index(
        "ix_kaltalk_iv_audit_events_newest",
        "kaltalk_iv_audit_events",
        ["organization_id", "created_at", "id"],
        unique=False,
    )
    create_tenant_table(
        "kaltalk_iv_customers",
        sa.Column("organization_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("external_id", _BY_CODE_POINT, nullable=True),
        sa.Column("external_id_proven", sa.Boolean(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_key", _BY_CODE_POINT, nullable=True),
        sa.Column("email_proven", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("name_key", _BY_CODE_POINT, nullable=True),
        sa.Column("name_proven", sa.Boolean(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("verified_secret_id", sa.String(length=64), nullable=True),
        sa.Column("first_verified_at", sa.Double(), nullable=True),
        sa.Column("last_verified_at", sa.Double(), nullable=True),
        sa.Column("proven_iat", sa.Double(), nullable=True),
        sa.Column("downgraded_at", sa.Double(), nullable=True),
        sa.Column("downgraded_reason", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("last_seen_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["kaltalk_iv_organizations.id"],
            name=op.f("fk_kaltalk_iv_customers_kaltalk_iv_organizations"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_kaltalk_iv_customers")),
        sa.UniqueConstraint("organization_id", "external_id", name="uq_kaltalk_iv_customers_external_id"),
    )
    op.create_index(
        "ix_kaltalk_iv_customers_email",
        "kaltalk_iv_customers",
        ["organization_id", "email_key", "last_seen_at"],
        unique=False,
    )
    op.create_index(
        "ix_kaltalk_iv_customers_claimed_name",
        "kaltalk_iv_customers",
        ["organization_id", "name_key"],
        unique=False,
        sqlite_where=sa.text("NOT name_proven"),
        postgresql_where=sa.text("NOT name_proven"),
    )
    op.create_index(
        "ix_kaltalk_iv_customers_verified_by",
        "kaltalk_iv_customers",
        ["organization_id", "verified_secret_id", "id"],
        unique=False,
        sqlite_where=sa.text("verified"),
        postgresql_where=sa.text("verified"),
    )
    op.create_index(
        "ix_kaltalk_iv_customers_proven_email",
        "kaltalk_iv_customers",
        ["organization_id", "email_key"],
        unique=False,
        sqlite_where=sa.text("email_proven"),
        postgresql_where=sa.text("email_proven"),
    )
    op.create_index(
        "ix_kaltalk_iv_customers_proven_name",
        "kaltalk_iv_customers",
        ["organization_id", "name_key"],
        unique=False,
        sqlite_where=sa.text("name_proven"),
        postgresql_where=sa.text("name_proven"),
    )
    op.create_index(
        "uq_kaltalk_iv_customers_email_only",
        "kaltalk_iv_customers",
        ["organization_id", "email_key"],
        unique=True,
        sqlite_where=sa.text("external_id IS NULL"),
        postgresql_where=sa.text("external_id IS NULL"),
    )
    create_tenant_table(
        "kaltalk_iv_identify_counts",
        sa.Column("organization_id", sa.String(length=64), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("seconds_off", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["kaltalk_iv_organizations.id"],
            name=op.f("fk_kaltalk_iv_identify_counts_kaltalk_iv_organizations"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "hour", "outcome", "reason", name=op.f("pk_kaltalk_iv_identify_counts")
        ),
    )
    op.create_index("ix_kaltalk_iv_identify_counts_hour", "kaltalk_iv_identify_counts", ["hour"], unique=False)
    create_tenant_table(
        "kaltalk_iv_secrets",
        sa.Column("organization_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.Column("last_verified_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["kaltalk_iv_organizations.id"],
            name=op.f("fk_kaltalk_iv_secrets_kaltalk_iv_organizations"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_kaltalk_iv_secrets")),
    )
    op.create_index(
        "uq_kaltalk_iv_secrets_current",
        "kaltalk_iv_secrets",
        ["organization_id"],
        unique=True,
        sqlite_where=sa.text("expires_at IS NULL AND revoked_at IS NULL"),
        postgresql_where=sa.text("expires_at IS NULL AND revoked_at IS NULL"),
    )
    op.create_table(
        "kaltalk_iv_agent_sessions",
        sa.Column("id_hash", sa.String(length=64), nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["kaltalk_iv_agents.id"],
            name=op.f("fk_kaltalk_iv_agent_sessions_kaltalk_iv_agents"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_kaltalk_iv_agent_sessions")),
    )
    op.create_index("ix_kaltalk_iv_agent_sessions_agent", "kaltalk_iv_agent_sessions", ["agent_id"], unique=False)
    create_tenant_table(
        "kaltalk_iv_conversations",
        sa.Column("organization_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=True),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("secret_id", sa.String(length=64), nullable=True),
        sa.Column("standing", sa.String(length=64), nullable=False),
        sa.Column("state_since", sa.Double(), nullable=False),
        sa.Column("proven_until", sa.Double(), nullable=True),
        sa.Column("first_proven_at", sa.Double(), nullable=True),
        sa.Column("claimed_external_id", _BY_CODE_POINT, nullable=True),
        sa.Column("claimed_email", sa.Text(), nullable=True),
        sa.Column("claimed_email_key", _BY_CODE_POINT, nullable=True),
        sa.Column("claimed_name", sa.Text(), nullable=True),
        sa.Column("claimed_name_key", _BY_CODE_POINT, nullable=True),
        sa.Column("message_count", sa.BigInteger(), nullable=False),
        sa.Column("unread_count", sa.BigInteger(), nullable=False),
        sa.Column("last_message_at", sa.Double(), nullable=False),
        sa.Column("last_message", sa.Text(), nullable=False),
        sa.Column("last_author", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "standing = CASE WHEN state = 'verified' THEN secret_id ELSE state END",
            name="ck_kaltalk_iv_conversations_standing",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["kaltalk_iv_customers.organization_id", "kaltalk_iv_customers.id"],
            name=op.f("fk_kaltalk_iv_conversations_kaltalk_iv_customers"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["kaltalk_iv_organizations.id"],
            name=op.f("fk_kaltalk_iv_conversations_kaltalk_iv_organizations"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_kaltalk_iv_conversations")),
    )
    op.create_index(
        "ix_kaltalk_iv_conversations_customer",
        "kaltalk_iv_conversations",
        ["organization_id", "customer_id", "last_message_at"],
        unique=False,
    )
    op.create_index(
        "ix_kaltalk_iv_conversations_claimed_email",
        "kaltalk_iv_conversations",
        ["organization_id", "claimed_email_key"],
        unique=False,
    )
    op.create_index(
        "ix_kaltalk_iv_conversations_claimed_id",
        "kaltalk_iv_conversations",
        ["organization_id", "claimed_external_id"],
        unique=False,
    )
    op.create_index(
        "ix_kaltalk_iv_conversations_claimed_name",
        "kaltalk_iv_conversations",
        ["organization_id", "claimed_name_key"],
        unique=False,
    )
    op.create_index(
        "ix_kaltalk_iv_conversations_standing",
        "kaltalk_iv_conversations",
        ["organization_id", "status", "standing", "last_message_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_kaltalk_iv_conversations_status",
        "kaltalk_iv_conversations",
        ["organization_id", "status", "last_message_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_kaltalk_iv_conversations_unread",
        "kaltalk_iv_conversations",
        ["organization_id", "status", "unread_count"],
        unique=False,
        sqlite_where=sa.text("unread_count > 0 AND status = 'open'"),
        postgresql_where=sa.text("unread_count > 0 AND status = 'open'"),
    )
    create_tenant_table(
        "kaltalk_iv_customer_proofs",
        sa.Column("organization_id", sa.String(length=64), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("secret_id", sa.String(length=64), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["kaltalk_iv_customers.organization_id", "kaltalk_iv_customers.id"],
            name=op.f("fk_kaltalk_iv_customer_proofs_kaltalk_iv_customers"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "customer_id", "secret_id", name=op.f("pk_kaltalk_iv_customer_proofs")
        ),
    )
    op.create_index(
        "ix_kaltalk_iv_customer_proofs_secret",
        "kaltalk_iv_customer_proofs",
        ["organization_id", "secret_id", "first_at", "customer_id"],
        unique=False,
    )
    create_tenant_table(
        "kaltalk_iv_messages",
        sa.Column("organization_id", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=16), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=True),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("secret_id", sa.String(length=64), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("client_message_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "conversation_id"],
            ["kaltalk_iv_conversations.organization_id", "kaltalk_iv_conversations.id"],
            name=op.f("fk_kaltalk_iv_messages_kaltalk_iv_conversations"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["kaltalk_iv_organizations.id"],
            name=op.f("fk_kaltalk_iv_messages_kaltalk_iv_organizations"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "conversation_id", "position", name=op.f("pk_kaltalk_iv_messages")),
        sa.UniqueConstraint(
            "organization_id", "session_id", "client_message_id", name="uq_kaltalk_iv_messages_client_message_id"
        ),
    )
    op.create_index(
        "ix_kaltalk_iv_messages_events",
        "kaltalk_iv_messages",
        ["organization_id", "conversation_id", "position"],
        unique=False,
        sqlite_where=sa.text("author = 'event'"),
        postgresql_where=sa.text("author = 'event'"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index(
        "ix_kaltalk_iv_messages_events",
        table_name="kaltalk_iv_messages",
        sqlite_where=sa.text("author = 'event'"),
        postgresql_where=sa.text("author = 'event'"),
    )
    op.drop_table("kaltalk_iv_messages")
    op.drop_index("ix_kaltalk_iv_customer_proofs_secret", table_name="kaltalk_iv_customer_proofs")
    op.drop_table("kaltalk_iv_customer_proofs")
    op.drop_index(
        "ix_kaltalk_iv_conversations_unread",
        table_name="kaltalk_iv_conversations",
        sqlite_where=sa.text("unread_count > 0 AND status = 'open'"),
        postgresql_where=sa.text("unread_count > 0 AND status = 'open'"),
    )
    op.drop_index("ix_kaltalk_iv_conversations_status", table_name="kaltalk_iv_conversations")
    op.drop_index("ix_kaltalk_iv_conversations_standing", table_name="kaltalk_iv_conversations")
    op.drop_index("ix_kaltalk_iv_conversations_claimed_name", table_name="kaltalk_iv_conversations")
    op.drop_index("ix_kaltalk_iv_conversations_claimed_id", table_name="kaltalk_iv_conversations")
    op.drop_index("ix_kaltalk_iv_conversations_claimed_email", table_name="kaltalk_iv_conversations")
    op.drop_index("ix_kaltalk_iv_conversations_customer", table_name="kaltalk_iv_conversations")
    op.drop_table("kaltalk_iv_conversations")
    op.drop_index("ix_kaltalk_iv_agent_sessions_agent", table_name="kaltalk_iv_agent_sessions")
    op.drop_table("kaltalk_iv_agent_sessions")
    op.drop_index(
        "uq_kaltalk_iv_secrets_current",
        table_name="kaltalk_iv_secrets",
        sqlite_where=sa.text("expires_at IS NULL AND revoked_at IS NULL"),
        postgresql_where=sa.text("expires_at IS NULL AND revoked_at IS NULL"),
    )
    op.drop_table("kaltalk_iv_secrets")
    op.drop_index("ix_kaltalk_iv_identify_counts_hour", table_name="kaltalk_iv_identify_counts")
    op.drop_table("kaltalk_iv_identify_counts")
    op.drop_index(
        "uq_kaltalk_iv_customers_email_only",
        table_name="kaltalk_iv_customers",
        sqlite_where=sa.text("external_id IS NULL"),
        postgresql_where=sa.text("external_id IS NULL"),
    )
    op.drop_index(
        "ix_kaltalk_iv_customers_proven_name",
        table_name="kaltalk_iv_customers",
        sqlite_where=sa.text("name_proven"),
        postgresql_where=sa.text("name_proven"),
    )
    op.drop_index(
        "ix_kaltalk_iv_customers_proven_email",
        table_name="kaltalk_iv_customers",
        sqlite_where=sa.text("email_proven"),
        postgresql_where=sa.text("email_proven"),
    )
    op.drop_index(
        "ix_kaltalk_iv_customers_verified_by",
        table_name="kaltalk_iv_customers",
        sqlite_where=sa.text("verified"),
        postgresql_where=sa.text("verified"),
    )
    op.drop_index(
        "ix_kaltalk_iv_customers_claimed_name",
        table_name="kaltalk_iv_customers",
        sqlite_where=sa.text("NOT name_proven"),
        postgresql_where=sa.text("NOT name_proven"),
    )
    op.drop_index("ix_kaltalk_iv_customers_email", table_name="kaltalk_iv_customers")
    op.drop_table("kaltalk_iv_customers")
    op.drop_index("ix_kaltalk_iv_audit_events_newest", table_name="kaltalk_iv_audit_events")
    op.drop_table("kaltalk_iv_audit_events")
    op.drop_table("kaltalk_iv_agents")
    op.drop_table("kaltalk_iv_organizations")
    op.drop_index("ix_kaltalk_iv_ended_sessions_expiry", table_name="kaltalk_iv_ended_sessions")
    op.drop_table("kaltalk_iv_ended_sessions")
