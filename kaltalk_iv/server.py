"""KalTalk on its own: an application with its own database and its own login. ``flask --app kaltalk_iv.server run``."""

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import click
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import ArgumentError

from .config import LIFETIME_BOUNDS
from .dashboard.login import create_login, session_confirm, session_guard
from .extension import KalTalkIV
from .lane import Application
from .observing import configure_logs
from .rates import DEFAULT_RATES, STORAGE_SETTING, SWITCH_SETTING
from .standalone import MOST_HOPS, Sessions, finish_every_answer, refuse_debug, trust_proxies
from .store.database import CONNECTIONS, TIMEOUT_SECONDS, engine_options, normalise_url, prepare_engine
from .watching import watch

_MAKE_A_SECRET_KEY = "python -c 'import secrets; print(secrets.token_urlsafe(32))'"  # noqa: S105 - a command
_LIFETIMES = ("KALTALK_IV_SESSION_LIFETIME", "KALTALK_IV_MAX_TOKEN_LIFETIME")
_FROM_ENVIRONMENT = {
    "SQLALCHEMY_DATABASE_URI": "KALTALK_DATABASE_URL",
    "SECRET_KEY": "KALTALK_SECRET_KEY",
    "KALTALK_IV_ENCRYPTION_KEYS": "KALTALK_IV_ENCRYPTION_KEYS",
    "KALTALK_IV_LOGIN_HINT": "KALTALK_IV_LOGIN_HINT",
    "KALTALK_DATABASE_TIMEOUT": "KALTALK_DATABASE_TIMEOUT",
    "KALTALK_DATABASE_CONNECTIONS": "KALTALK_DATABASE_CONNECTIONS",
    "KALTALK_PROXY_HOPS": "KALTALK_PROXY_HOPS",
    "KALTALK_METRICS_TOKEN": "KALTALK_METRICS_TOKEN",
    **{name: name for name in (*_LIFETIMES, STORAGE_SETTING, SWITCH_SETTING, *DEFAULT_RATES)},
}


def create_app(config: Mapping[str, Any] | None = None, *, clock: Callable[[], float] = time.time) -> Flask:
    """Return the KalTalk application. ``config`` wins over the environment; ``clock`` returns Unix seconds.

    Raises RuntimeError with the mend when something it needs is missing: nothing has a default secret.
    """
    if config is None:
        _log_as_json()
    app = Application("kaltalk_iv", static_folder=None)
    app.session_interface = Sessions()
    app.config.update(
        {name: os.environ[variable] for name, variable in _FROM_ENVIRONMENT.items() if os.environ.get(variable)},
        SESSION_COOKIE_NAME="kaltalk_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_SAMESITE="Lax",
        KALTALK_IV_DIRECT_SQL=True,  # the database is ours alone
    )
    app.config.update(config or {})
    if not app.config.get("SECRET_KEY"):
        raise RuntimeError(f"KALTALK_SECRET_KEY is not set. Make one with: {_MAKE_A_SECRET_KEY}")
    refuse_debug(app)
    if not app.config.get("SQLALCHEMY_DATABASE_URI"):
        raise RuntimeError(
            "KALTALK_DATABASE_URL is not set. Try sqlite:////srv/kaltalk.sqlite3 or a postgresql:// address."
        )
    for name in _LIFETIMES:
        if isinstance(app.config.get(name), str):
            app.config[name] = _whole_number(app.config, name, 0, LIFETIME_BOUNDS)
    url = app.config["SQLALCHEMY_DATABASE_URI"] = _database_url(app.config["SQLALCHEMY_DATABASE_URI"])
    timeout = _whole_number(app.config, "KALTALK_DATABASE_TIMEOUT", TIMEOUT_SECONDS, (1, 60))
    connections = _whole_number(app.config, "KALTALK_DATABASE_CONNECTIONS", CONNECTIONS, (1, 1000))
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", engine_options(url, timeout, connections))
    db = SQLAlchemy(app)
    with app.app_context():
        prepare_engine(db.engine)
    watch(app)
    KalTalkIV(app, db=db, guard=session_guard, confirm=session_confirm, url_prefix="", clock=clock)
    app.register_blueprint(create_login())
    hops = _whole_number(app.config, "KALTALK_PROXY_HOPS", 0, (0, MOST_HOPS))
    trust_proxies(app, hops)
    finish_every_answer(app)
    app.open_lane(is_behind_proxy=hops > 0)
    return app


def _log_as_json() -> None:
    """Write JSON lines where the process is ours to serve with: made from the environment, and no other command.

    Granian's own command is there too while a worker makes the application; only those of ``flask`` are others.
    """
    command = click.get_current_context(silent=True)
    if command is None or command.info_name == "run" or os.environ.get("FLASK_RUN_FROM_CLI") != "true":
        level = os.environ.get("KALTALK_LOG_LEVEL") or "INFO"
        if level not in logging.getLevelNamesMapping():
            raise RuntimeError("KALTALK_LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL.")
        configure_logs(None, level=level)


def _database_url(given: str) -> str:
    """Return the address for SQLAlchemy. Raises RuntimeError with the mend.

    What SQLAlchemy says of one that it cannot read quotes from its middle: of an unquoted password, a part.
    """
    try:
        return normalise_url(given)
    except (ArgumentError, ValueError):
        raise RuntimeError(
            "KALTALK_DATABASE_URL is no address of a database. Write sqlite:///kaltalk.sqlite3 or "
            "postgresql://user:password@host:5432/name, with what is neither letter nor digit in the password "
            "percent-encoded: %40 for @."
        ) from None


def _whole_number(config: Mapping[str, Any], name: str, default: int, bounds: tuple[int, int]) -> int:
    """Return a setting that is a whole number, or text that says one. Raises RuntimeError with the mend."""
    given = str(config.get(name, default)).strip()
    lowest, highest = bounds
    if not re.fullmatch(r"[0-9]{1,6}", given) or not lowest <= int(given) <= highest:
        raise RuntimeError(f"{name} must be a whole number from {lowest} to {highest}.")
    return int(given)
