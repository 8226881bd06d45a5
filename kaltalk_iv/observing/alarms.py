"""Log lines for operators, one a minute for each kind of failure: junk from strangers cannot flood a log.

The next line of a kind says how many were left out since the one before.
"""

import logging
import threading

QUIET_SECONDS = 60.0


class Alarms:
    """What this process has said lately. ``kind`` is one of a fixed few: never a text from a request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, int]] = {}

    def say(self, logger: logging.Logger, level: int, kind: str, now: float, message: str) -> None:
        """Log ``message`` unless a line of this ``kind`` was logged within the last minute. ``now`` is Unix seconds."""
        with self._lock:
            said_at, left_out = self._said.get(kind, (None, 0))
            if said_at is not None and 0 <= now - said_at < QUIET_SECONDS:
                self._said[kind] = (said_at, left_out + 1)
                return
            self._said[kind] = (now, 0)
        if left_out:
            logger.log(level, "%s (%d more like this since the last line)", message, left_out, extra={"kind": kind})
        else:
            logger.log(level, "%s", message, extra={"kind": kind})
