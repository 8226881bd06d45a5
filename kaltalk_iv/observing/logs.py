"""Log lines as JSON, one object a line, with nothing in them that a log must not keep.

Nothing here touches a logger of an embedding application unless that application calls ``configure_logs``.
"""

import json
import logging
import math
from datetime import UTC, datetime
from typing import Any, TextIO

from .redaction import redact
from .requests import current_trace

LOGGER = "kaltalk_iv"

_MAX_TRACEBACK = 12_000
# What every record has. Whatever else is on one was given as ``extra``.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON: time in UTC, level, logger, message, what the request is, and the extras."""

    def __init__(self, *_format: Any, **_options: Any) -> None:
        """Take and ignore a format, which a ``dictConfig`` for text may still carry."""
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Control characters and line ends are escaped, so nobody can forge a second one."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname,
            "logger": record.name,
            "message": redact(_message(record)),
        }
        trace = current_trace()
        if trace is not None:
            line["request_id"] = trace.id
            if trace.organization_id is not None:
                line["organization"] = trace.organization_id
        line |= {name: _plain(value) for name, value in vars(record).items() if name not in _STANDARD}
        traceback = _traceback(record)
        if traceback:
            line["exception"] = traceback
        return json.dumps(line)


class RedactingFilter(logging.Filter):
    """Takes secrets out of every record that passes, for handlers with a format of their own. It lets all pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place: its message, its extras and its traceback."""
        record.msg, record.args = redact(_message(record)), None
        record.exc_text, record.exc_info, record.stack_info = _traceback(record) or None, None, None
        for name, value in list(vars(record).items()):
            if name not in _STANDARD:
                setattr(record, name, _plain(value))
        return True


def configure_logs(
    logger: str | None = LOGGER, *, level: int | str = logging.INFO, stream: TextIO | None = None
) -> None:
    """Write what ``logger`` says as JSON lines to ``stream`` (the standard error output by default).

    ``None`` is the root logger: everything of this process, for a process that is ours alone; ``level`` then is that
    of our lines, and others keep theirs. A logger that has handlers already keeps them and gets no other: whoever set
    it up knows better.
    """
    chosen = logging.getLogger(logger)
    if chosen.handlers:
        return
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    chosen.addHandler(handler)
    logging.getLogger(logger or LOGGER).setLevel(level)
    if logger is not None:
        chosen.propagate = False  # else the application's own handlers would write each line again


def gunicorn_logging(level: str = "INFO") -> dict[str, Any]:
    """Return ``logconfig_dict`` for gunicorn's configuration file: its own lines and ours, all as JSON.

    Gunicorn's access log stays off: ours has the request id and no query.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"generic": {"()": JsonFormatter}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "generic"}},
        # At INFO the root logger would have SQLAlchemy log every statement.
        "root": {"level": "WARNING", "handlers": ["console"]},
        "loggers": {
            LOGGER: {"level": level},
            "gunicorn.error": {"level": level, "handlers": [], "propagate": True},
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
        },
    }


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a wrong format must not lose the line, nor raise in a visitor's request
        return f"{record.msg} (this line could not be formatted: {type(error).__name__})"


def _traceback(record: logging.LogRecord) -> str:
    """Return the traceback without secrets; of a long one the beginning and the end."""
    text = record.exc_text or ""
    if not text and record.exc_info and record.exc_info[0] is not None:
        text = logging.Formatter().formatException(record.exc_info)
    if record.stack_info:
        text = f"{text}\n{record.stack_info}".lstrip("\n")
    if len(text) > _MAX_TRACEBACK:
        # Cut at the end of a line: half a token is harder to recognise than a whole one.
        head, tail = text[: _MAX_TRACEBACK // 3], text[-2 * _MAX_TRACEBACK // 3 :].partition("\n")[2]
        return f"{redact(head)}\n…\n{redact(tail)}"
    return redact(text)


def _plain(value: Any) -> Any:
    """Return an extra as JSON can hold it; all that is no number is text without secrets."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return redact(str(value))
