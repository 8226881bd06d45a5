"""KalTalk for gunicorn as the next release would be: it writes a column that this one does not know."""

from flask import Flask

from kaltalk_iv import server
from tests.migrations.next_release import use_new_column


def create_app() -> Flask:
    """Return the application as the environment configures it."""
    use_new_column()
    return server.create_app()
