"""Counted identifies"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
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


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_kaltalk_iv_identify_counts_hour", table_name="kaltalk_iv_identify_counts")
    op.drop_table("kaltalk_iv_identify_counts")
