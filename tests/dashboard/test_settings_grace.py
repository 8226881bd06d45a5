"""The end of the grace window, to the second, seen through the widget's API, whatever the server's clock is set to."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.dashboard.admin import Admin

DAY = 24 * 3600
# Noon UTC before New York's clocks go forward and back, and before a day like any other.
FORWARD = datetime(2026, 3, 7, 12, tzinfo=UTC).timestamp()
BACK = datetime(2026, 10, 31, 12, tzinfo=UTC).timestamp()
ORDINARY = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()


@pytest.fixture(params=["America/New_York", "Asia/Kathmandu", "UTC"])
def server_time_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Put this process into a time zone, as TZ puts a server."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("rotated_at", [FORWARD, BACK, ORDINARY, ORDINARY + 0.25])
def test_the_previous_secret_verifies_to_the_last_second_and_not_at_the_end(
    admin: Admin, server_time_zone: str, rotated_at: float
) -> None:
    admin.clock.now = rotated_at
    admin.log_in()
    assert admin.press("/rotate").status_code == 303

    admin.clock.now = rotated_at + DAY - 1
    assert admin.verify()["state"] == "verified"
    admin.clock.now = rotated_at + DAY
    assert admin.verify()["reason"] == "bad_signature"


def test_new_york_does_change_its_clocks_in_both_windows(
    server_time_zone: str,
) -> None:
    if server_time_zone != "America/New_York":
        return
    for rotated_at in (FORWARD, BACK):
        before, after = time.localtime(rotated_at), time.localtime(rotated_at + DAY)
        assert before.tm_isdst != after.tm_isdst
