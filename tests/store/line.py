"""A queue of writers on SQLite, and what another process would read of them."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from kaltalk_iv.store.connections import Connections
from kaltalk_iv.store.writing import Transaction
from tests.store.notes import ADD_NOW, Sent, note


class Line:
    """Writers in a queue behind one who has the turn, in the order in which they came."""

    def __init__(self, connections: Connections, pool: ThreadPoolExecutor) -> None:
        self.first = Transaction(connections)
        self.first.rows(ADD_NOW, note(1))
        self._connections, self._pool = connections, pool

    def join(self, what: Callable[..., Any], *given: Any) -> Future[Any]:
        """Return what comes of ``what``, which waits for its turn now."""
        turns = self._connections._turns
        assert turns is not None
        before, asked = len(turns._queue), self._pool.submit(what, self._connections, *given)
        until = time.monotonic() + 5
        while len(turns._queue) == before and time.monotonic() < until:
            time.sleep(0.001)
        assert len(turns._queue) == before + 1
        return asked


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Give what SQLite is told from now on."""
    return Sent(monkeypatch)


def ids(connections: Connections) -> list[int]:
    """Return the numbers of what another process would read."""
    other = sa.create_engine(connections.engine.url)
    with other.connect() as connection:
        found = connection.exec_driver_sql("SELECT id FROM notes ORDER BY id").scalars().all()
    other.dispose()
    return list(found)
