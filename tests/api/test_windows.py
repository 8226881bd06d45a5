"""What a worker has counted for the limits, in its memory: bounded, and let go of once its time is over."""

from kaltalk_iv.windows import MOST_KEYS, Windows
from tests.api.world import HOUR, Clock


def test_memory_is_bounded_and_drops_the_oldest() -> None:
    clock = Clock()
    windows = Windows(clock)
    for number in range(3 * MOST_KEYS):
        windows.incr(str(number), 60)

    assert len(windows) == MOST_KEYS
    assert windows.incr(str(3 * MOST_KEYS - 1), 60) == 2
    assert windows.incr("0", 60) == 1


def test_memory_lets_go_of_windows_that_are_over() -> None:
    clock = Clock()
    windows = Windows(clock)
    for number in range(1000):
        windows.incr(str(number), 60)
    clock.move(61)
    for number in range(500):
        windows.incr(f"later {number}", 60)

    assert len(windows) == 500
    assert [windows.incr(f"later {number}", 60) for number in range(500)] == [2] * 500


def test_a_window_that_began_anew_is_none_of_the_oldest() -> None:
    clock = Clock()
    windows = Windows(clock)
    for key in ("a", "b", "comes back"):
        windows.incr(key, 60)
    clock.move(30)
    windows.incr("oldest", 60)
    clock.move(31)
    windows.incr("comes back", 60)
    for number in range(MOST_KEYS - 1):
        windows.incr(str(number), 60)

    assert windows.incr("comes back", 60) == 2
    assert windows.incr("oldest", 60) == 1


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    clock = Clock()
    windows = Windows(clock)
    assert [windows.incr("a", 60) for _ in range(2)] == [1, 2]
    clock.move(-HOUR)

    assert windows.incr("a", 60) == 1
    assert windows.get_expiry("a") == clock.now + 60
