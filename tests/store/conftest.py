"""What these tests share."""

from tests.api.world import app, client, clock, org, postgresql_app, prepare_database, sqlite_app

__all__ = ["app", "client", "clock", "org", "postgresql_app", "prepare_database", "sqlite_app"]
