"""What these tests share."""

from tests.api.world import app, client, clock, org, postgresql_app, prepare_database, sqlite_app
from tests.store.line import sent
from tests.store.many import filled
from tests.store.notes import connections, postgresql, sqlite

__all__ = [
    "app",
    "client",
    "clock",
    "connections",
    "filled",
    "org",
    "postgresql",
    "postgresql_app",
    "prepare_database",
    "sent",
    "sqlite",
    "sqlite_app",
]
