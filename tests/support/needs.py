"""What a test needs from the machine: found, or the test says why it did not run."""

import os
from typing import TypeVar

import pytest

Found = TypeVar("Found")


def require(name: str, found: Found | None, how_to_get: str) -> Found:
    """Return `found`; where that is None, skip the test with a sentence, or fail it when CI is "true".

    A skip that nobody reads is a hole in the tests, so the machine that decides what lands may not skip.
    """
    if found is not None:
        return found
    sentence = f"{name} is missing: {how_to_get}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{sentence} (in CI a skip is a failure)", pytrace=False)
    pytest.skip(sentence)
