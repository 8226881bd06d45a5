"""The sample host: a small shop with a login that signs a user token for KalTalk on every page it renders.

Copy this package and `templates/`, then run `flask --app host_demo init-db` and `flask --app host_demo run`.
The part that matters for KalTalk is `identity.py`; `snippet.py` hands its token to the page.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from flask_wtf import CSRFProtect

from host_demo import attempts, auth, commands, config, errors, fresh_token, identity, pages, security, snippet
from host_demo.accounts import DemoAccount, add_user, seed
from host_demo.models import create_tables, db

__all__ = ["DemoAccount", "add_user", "create_app", "create_tables", "db", "seed"]

TEMPLATES = Path(__file__).parent.parent / "templates"


def create_app(settings: Mapping[str, Any] | None = None) -> Flask:
    """The shop as a Flask application; `settings` win over the environment.

    Raises `ConfigurationError` with one sentence when it cannot run safely.
    """
    app = Flask(__name__, template_folder=TEMPLATES)
    config.load(app, settings or {})
    db.init_app(app)
    CSRFProtect(app)
    security.init_app(app)
    errors.init_app(app)
    attempts.init_app(app)
    auth.init_app(app)
    snippet.init_app(app)
    app.register_blueprint(auth.blueprint)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(fresh_token.blueprint)
    commands.init_app(app)
    identity.usable_key(app.config["KALTALK_IV_SECRET"])  # says so at the start, not at the first login
    return app
