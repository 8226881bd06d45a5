"""Tables by organization: made whole, or on PostgreSQL in hash partitions when the first upgrade asks for them."""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

MAX_PARTITIONS = 1024
_ASKED, _DECIDED = "partitions asked for", "partitions"
_TELLTALE = "kaltalk_iv_secrets"  # one table by organization, to see how the others were made


def ask_for_partitions(attributes: dict[str, object], partitions: int | None) -> None:
    """Note that tables by organization shall be in ``partitions`` parts; None leaves them as they are, or whole."""
    attributes[_ASKED] = partitions


def decide_partitions(connection: sa.Connection, attributes: dict[str, object]) -> None:
    """Settle how many parts new tables get: as many as those that are there. To be called under the migration lock.

    Raises CommandError when the tables were made otherwise: rows do not move by themselves.
    """
    asked = attributes.get(_ASKED)
    if connection.dialect.name != "postgresql":
        if asked is not None:
            raise CommandError("Only PostgreSQL keeps tables in partitions")
        attributes[_DECIDED] = 0
        return
    there = connection.execute(
        sa.text(
            "SELECT CAST(to_regclass(:name) IS NOT NULL AS integer),"
            " (SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass(:name))"
        ),
        {"name": _TELLTALE},
    ).one()
    is_there, parts = there
    if is_there and asked not in {None, parts}:
        made = f"in {parts} partitions" if parts else "whole"
        raise CommandError(f"The tables are there already, {made}: docs/production.md says how rows move to other ones")
    attributes[_DECIDED] = parts if is_there else asked or 0


def create_tenant_table(name: str, *items: sa.schema.SchemaItem) -> None:
    """Create a table that has ``organization_id`` in each of its keys; in partitions where that was chosen."""
    migration_config = op.get_context().config
    parts = 0 if migration_config is None else migration_config.attributes.get(_DECIDED, 0)
    if not parts:
        op.create_table(name, *items)
        return
    op.create_table(name, *items, postgresql_partition_by="HASH (organization_id)")
    for number in range(parts):
        values = f"WITH (MODULUS {parts}, REMAINDER {number})"
        op.execute(f"CREATE TABLE {name}_p{number} PARTITION OF {name} FOR VALUES {values}")
