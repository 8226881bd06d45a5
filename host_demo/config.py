"""The settings of the host, read and checked once at the start: what is unsafe is refused with a sentence."""

import logging
import os
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

SIGN_IN_LIFETIME = 12 * 3600  # seconds, however busy the visitor is
MINIMUM_SECRET_KEY = 32  # characters
FEWEST_CHARACTERS = 6  # different ones
PLACEHOLDER = re.compile(r"(?i)change.?(me|this)|replace.?(me|this)|your.?(own.?)?(secret|key)|insecure|example")

ENVIRONMENT = (
    "KALTALK_IV_SECRET",
    "KALTALK_ORGANIZATION_ID",
    "KALTALK_ORIGIN",
    "HOST_DATABASE_URL",
    "HOST_SECRET_KEY",
    "HOST_PROXY_HOPS",
)
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_log = logging.getLogger(__name__)


class ConfigurationError(RuntimeError):
    """A setting that the host refuses to start with; the message says which one and what to do."""


def load(app: Flask, settings: Mapping[str, Any]) -> None:
    """Fill `app.config` from the defaults, then the environment, then `settings`.

    Raises `ConfigurationError`.
    """
    app.config.update(
        SESSION_COOKIE_NAME="host_session",
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=True,  # see `security.Sessions`
        PERMANENT_SESSION_LIFETIME=SIGN_IN_LIFETIME,
        MAX_CONTENT_LENGTH=32 * 1024,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a form left open over lunch still works
        SQLALCHEMY_ENGINE_OPTIONS={
            "hide_parameters": True,  # else names and password hashes reach the log with a database error
            "pool_pre_ping": True,
        },
        HOST_CLOCK=time.time,
        HOST_SEND_MAIL=None,  # a function of address, subject and text
        HOST_DEMO_ACCOUNTS=(),
    )
    app.config.update({name: os.environ.get(name) or None for name in ENVIRONMENT})
    app.config.update(settings)
    _refuse_debug(app)
    app.config["HOST_PROXY_HOPS"] = _proxy_hops(app.config["HOST_PROXY_HOPS"])
    app.config["SECRET_KEY"] = _secret_key(app.config["HOST_SECRET_KEY"])
    app.config["SQLALCHEMY_DATABASE_URI"] = _database_url(app.config["HOST_DATABASE_URL"])
    app.config["KALTALK_ORIGIN"] = _kaltalk_origin(app.config["KALTALK_ORIGIN"])
    _report_missing(app)


def _secret_key(value: str | None) -> str:
    is_long = value is not None and len(value) >= MINIMUM_SECRET_KEY
    if value is None or not is_long or len(set(value)) < FEWEST_CHARACTERS or PLACEHOLDER.search(value):
        raise ConfigurationError(
            f"HOST_SECRET_KEY must be set to a random text of at least {MINIMUM_SECRET_KEY} characters; make one"
            " with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return value


def _refuse_debug(app: Flask) -> None:
    """Keep tracebacks from strangers; `flask run` says by a variable of its own that it is a developer's."""
    if app.debug and os.environ.get("FLASK_RUN_FROM_CLI") != "true":
        raise ConfigurationError("Debugging is on, and this is not `flask run`: unset FLASK_DEBUG")


def _proxy_hops(value: object) -> int:
    """How many proxies stand in front; none, and no X-Forwarded header is read."""
    given = str(value or 0)
    if not re.fullmatch(r"[0-9]|10", given):
        raise ConfigurationError("HOST_PROXY_HOPS must be the exact number of proxies in front, from 0 to 10")
    return int(given)


def _database_url(value: str | None) -> str:
    """The database address for SQLAlchemy; a relative SQLite path lies in Flask's instance folder."""
    if value is None:
        return "sqlite:///host.sqlite3"
    url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", value)
    try:
        make_url(url)
    except (ArgumentError, ValueError):  # their message quotes from the middle: of an unquoted password, a part
        raise ConfigurationError(
            "HOST_DATABASE_URL is no address of a database, such as postgresql://user:password@host/name, with what is"
            " neither letter nor digit in the password percent-encoded: %40 for @"
        ) from None
    return url


def _kaltalk_origin(value: str | None) -> str | None:
    """KalTalk's base address without a slash at its end: an https address, or a path on this very origin.

    A script from there runs in our pages, so plain http is for this machine alone. The pattern keeps out
    what would end a directive of the content security policy.
    """
    if not value:
        return None
    base = value.rstrip("/")
    if re.fullmatch(r"(/[\w.~-]+)+", base, re.ASCII):
        return base
    if re.fullmatch(r"https?://([\w.-]+|\[[0-9a-f:]+\])(:\d{1,5})?(/[\w.~-]+)*", base, re.ASCII):
        address = urlsplit(base)
        if address.scheme == "https" or address.hostname in LOOPBACK:
            return base
    raise ConfigurationError(
        "KALTALK_ORIGIN must be an https address such as https://chat.example.com/kaltalk, or a path such as"
        " /kaltalk; plain http is accepted for localhost alone"
    )


def _report_missing(app: Flask) -> None:
    missing = [name for name in ("KALTALK_ORGANIZATION_ID", "KALTALK_ORIGIN") if not app.config[name]]
    if missing:
        _log.warning("Pages carry no chat: set %s in the environment and restart.", " and ".join(missing))
