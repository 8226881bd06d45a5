"""What operators and embedding applications see of us: logs without secrets, metrics without people, signals."""

from .logs import JsonFormatter, RedactingFilter, configure_logs, gunicorn_logging
from .redaction import redact
from .signals import identity_downgraded, identity_failed, identity_verified, secret_replaced, secret_rotated

__all__ = [
    "JsonFormatter",
    "RedactingFilter",
    "configure_logs",
    "gunicorn_logging",
    "identity_downgraded",
    "identity_failed",
    "identity_verified",
    "redact",
    "secret_replaced",
    "secret_rotated",
]
