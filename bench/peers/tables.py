"""The tables and statements of the peers that use SQLAlchemy Core."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

_metadata = sa.MetaData()
organizations = sa.Table(
    "organizations",
    _metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("origins", sa.Text),
)
signing_secrets = sa.Table(
    "signing_secrets",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("organization_id", sa.String),
    sa.Column("secret", sa.Text),
    sa.Column("created_at", sa.Double),
    sa.Column("expires_at", sa.Double),
    sa.Column("revoked_at", sa.Double),
)
customers = sa.Table(
    "customers",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("organization_id", sa.String),
    sa.Column("external_id", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("verified", sa.Boolean),
    sa.Column("verified_at", sa.Double),
    sa.Column("last_seen_at", sa.Double),
)
messages = sa.Table(
    "messages",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("organization_id", sa.String),
    sa.Column("customer_id", sa.BigInteger),
    sa.Column("session_id", sa.String),
    sa.Column("client_message_id", sa.String),
    sa.Column("text", sa.Text),
    sa.Column("created_at", sa.Double),
)


def find(organization_id, external_id, now):
    """Return the SELECT for organization, active secrets and customer, a row for each secret, the newest first."""
    return (
        sa.select(
            organizations.c.origins,
            signing_secrets.c.secret,
            customers.c.id,
            customers.c.email,
            customers.c.name,
            customers.c.verified,
            customers.c.last_seen_at,
        )
        .select_from(organizations)
        .outerjoin(
            signing_secrets,
            sa.and_(
                signing_secrets.c.organization_id == organizations.c.id,
                signing_secrets.c.revoked_at.is_(None),
                sa.or_(signing_secrets.c.expires_at.is_(None), signing_secrets.c.expires_at > now),
            ),
        )
        .outerjoin(
            customers,
            sa.and_(customers.c.organization_id == organizations.c.id, customers.c.external_id == external_id),
        )
        .where(organizations.c.id == organization_id)
        .order_by(signing_secrets.c.created_at.desc())
    )


class Prepared:
    """That SELECT for those who have measured: built and compiled once, and given to the driver as it is."""

    def __init__(self, dialect):
        names = ("organization_id", "external_id", "now")
        compiled = find(*(sa.bindparam(name) for name in names)).compile(dialect=dialect)
        self.sql = str(compiled)
        self._order = compiled.positiontup if compiled.positional else None

    def values(self, **asked):
        """Return the values as the driver takes them."""
        return asked if self._order is None else tuple(asked[name] for name in self._order)


FIND_ID = sa.select(customers.c.id).where(
    customers.c.organization_id == sa.bindparam("organization_id"),
    customers.c.external_id == sa.bindparam("external_id"),
)
UPDATE = sa.update(customers).where(customers.c.id == sa.bindparam("customer_id"))


def insert_once(dialect, table):
    """Return the statement that inserts a row unless it is there."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(table).on_conflict_do_nothing()
