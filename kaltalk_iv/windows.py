"""Counts in the memory of one worker: bounded, without a thread, on the application's clock.

The memory store that comes with ``limits`` has no bound, and a thread of it walks all that it holds many times a
second: after a flood from 100,000 addresses that costs a third of a core.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from itertools import islice

MOST_KEYS = 20_000


class Windows:
    """At most 20,000 windows, all of one length. Those that are over go as new ones come, and then the oldest."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` returns Unix seconds."""
        self._clock = clock
        # The count, when the window began, its seconds; in the order in which they began. Of a plain dict the first key
        # is found past all that were deleted before it.
        self._counts: OrderedDict[str, tuple[int, float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many windows are held, those too that are over and not gone yet."""
        return len(self._counts)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Return the count of the window that runs, with ``amount`` added; never below nothing."""
        now = self._clock()
        with self._lock:
            running = self._running(key, now)
            if running is None:
                self._counts.pop(key, None)
                self._make_room(now)
            count, began, _ = running or (0, now, expiry)
            count = max(count + amount, 0)
            self._counts[key] = (count, began, expiry)
            return count

    def get_expiry(self, key: str) -> float:
        """Return when the window that runs ends, in Unix seconds; now when none does."""
        now = self._clock()
        found = self._running(key, now)
        return now if found is None else found[1] + found[2]

    def _running(self, key: str, now: float) -> tuple[int, float, int] | None:
        """Return the window of ``key`` unless it is over; one that lies ahead is: the clock was set back."""
        found = self._counts.get(key)
        return found if found is not None and 0 <= now - found[1] < found[2] else None

    def _make_room(self, now: float) -> None:
        """Drop the oldest two if they are over, so that more can go than come; with no room left, the oldest one."""
        for oldest in list(islice(self._counts, 2)):
            if self._running(oldest, now) is None or len(self._counts) >= MOST_KEYS:
                del self._counts[oldest]
