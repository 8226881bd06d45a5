"""What a machine lacks is said, and is a failure in CI."""

import pytest

from tests.support.needs import require


def test_what_is_there_is_handed_over() -> None:
    assert require("a tool", "/usr/bin/tool", "install it") == "/usr/bin/tool"


def test_a_test_that_lacks_something_is_skipped_and_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Chromium is missing: install it"):
        require("Chromium", None, "install it")


def test_a_skip_is_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"Chromium is missing: install it .*a skip is a failure"):
        require("Chromium", None, "install it")
