"""The application and the request that are served at the moment, themselves.

Flask's names for them, ``current_app`` and ``request``, look them up anew at each use, and that takes a while.
"""

from typing import cast

from flask import Flask, Request, current_app, request


def this_app() -> Flask:
    """Return the application. Raises RuntimeError outside of one, as Flask's name for it does."""
    return cast("Flask", current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 - Werkzeug's own way


def this_request() -> Request:
    """Return the request. Raises RuntimeError outside of one, as Flask's name for it does."""
    return cast("Request", request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 - Werkzeug's own way
