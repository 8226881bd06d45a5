"""What these tests share: KalTalk on SQLite, since a signature is one for every database."""

from tests.api.world import clock, org, prepare_database
from tests.api.world import sqlite_app as app

__all__ = ["app", "clock", "org", "prepare_database"]
