"""Turns to write, for SQLite, which has one writer: threads queue up, and those who queue share one commit.

SQLite itself has others look every few milliseconds whether the writer is done: some wait for a second while others
pass. And a commit waits for the disk. So whoever is done while another waits leaves the transaction to that one, and
the last in the queue commits for all of them. Nobody is told that something is stored before it is on the disk.
"""

from collections import deque
from threading import Event, Lock

from sqlalchemy.engine.interfaces import DBAPIModule

from .compiled import Open


class Shared:
    """A transaction that several writers add to, one after the other.

    ``error``, the driver's, is why nothing of it stands, once it has ended so.
    """

    def __init__(self, opened: Open) -> None:
        """``opened`` is the connection on which it has begun."""
        self.opened = opened
        self.error: DBAPIModule.Error | None = None
        self._has_ended = Event()

    def end(self, error: DBAPIModule.Error | None) -> None:
        """Tell all who wait that it is committed or, with an ``error``, that nothing of it stands."""
        self.error = error
        self._has_ended.set()

    def wait(self, timeout: float) -> bool:
        """True when it has ended; False when it has not within ``timeout`` seconds."""
        return self._has_ended.wait(timeout)


class Place:
    """A place in the queue. ``shared`` is the transaction that was left to it with its turn, if one was."""

    def __init__(self) -> None:
        self.shared: Shared | None = None
        self._bolt = Lock()
        self._bolt.acquire()

    def call(self, shared: Shared | None) -> None:
        """Say that its turn has come."""
        self.shared = shared
        self._bolt.release()

    def wait(self, timeout: float) -> bool:
        """True when its turn has come; False when it has not within ``timeout`` seconds."""
        return self._bolt.acquire(timeout=timeout)


class Turns:
    """The queue of one process. A turn goes from the one who ends it to the one who waits longest, and past nobody."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._is_taken = False
        self._queue: deque[Place] = deque()

    @property
    def is_awaited(self) -> bool:
        """True when somebody is in the queue."""
        return bool(self._queue)

    def take(self) -> Place | None:
        """Take the turn where nobody has it and return None, or return a place in the queue."""
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return None
            place = Place()
            self._queue.append(place)
            return place

    def give_up(self, place: Place) -> bool:
        """Leave the queue; False when the turn has come meanwhile, which somebody has to end then."""
        with self._guard:
            if place not in self._queue:
                return False
            self._queue.remove(place)
            return True

    def end(self) -> None:
        """Let the next one write."""
        with self._guard:
            self._is_taken = bool(self._queue)
            if self._queue:
                self._queue.popleft().call(None)

    def leave(self, opened: Open, shared: Shared | None) -> Shared | None:
        """Leave turn and transaction to the next one and return it; None, and nothing is done, when nobody waits.

        ``shared`` is what it is already if somebody left it before.
        """
        with self._guard:
            if not self._queue:
                return None
            shared = shared or Shared(opened)
            self._queue.popleft().call(shared)  # here: whoever gives its place up must find it there, or its turn come
            return shared
