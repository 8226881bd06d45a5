"""The five promises hold after every step of every order of steps up to a length, and a fault would be noticed.

The length is 4, or what ``KALTALK_TEST_MODEL_LENGTH`` says. docs/testing.md says what the model leaves out.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pytest

from tests.model import faults
from tests.model.alphabet import ADA, IN_BROWSERS, ON_RECORDS, Identify, Organize, Speak, Step, Token, Wait
from tests.model.search import BrokenPromise, Walk, walk, ways_on
from tests.model.world import World

LENGTH: Final = int(os.environ.get("KALTALK_TEST_MODEL_LENGTH", "4"))

_GOOD, _EXPIRED = Token(ADA), Token(ADA, "expired")
# The whole alphabets find these faults as well, and take longer for three steps.
_IN_A_BROWSER: Final = (Identify(_GOOD, browser=0), Identify(_EXPIRED, browser=0), Speak(0), Wait(1))
_WITH_REQUIRED: Final = (Identify(_GOOD), Identify(_EXPIRED), Organize("mode", "required"))


@pytest.fixture
def world() -> Iterator[World]:
    """Give an organization in a database in memory."""
    made = World()
    yield made
    made.close()


def test_no_order_of_requests_breaks_a_promise_on_a_record(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    walked = walk(world, ON_RECORDS, LENGTH)
    with capsys.disabled():
        print(f"\n{len(ON_RECORDS)} kinds of step on records: {walked}")  # noqa: T201
    assert min(walked.verified, walked.refused) > 10
    _check_the_merges(world, ON_RECORDS, walked)


def test_no_order_of_requests_breaks_a_promise_to_two_browsers(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    walked = walk(world, IN_BROWSERS, LENGTH, browsers=2)
    with capsys.disabled():
        print(f"\n{len(IN_BROWSERS)} kinds of step in two browsers: {walked}")  # noqa: T201
    assert min(walked.verified, walked.refused, walked.lines_read) > 10
    _check_the_merges(world, IN_BROWSERS, walked)


def _check_the_merges(world: World, alphabet: Sequence[Step], walked: Walk) -> None:
    """What was taken for the same leads to the same: else something that matters is left out of the shapes."""
    assert walked.merged
    for one, other in walked.merged:
        assert ways_on(world, alphabet, one) == ways_on(world, alphabet, other), (*one.path, "and", *other.path)


@pytest.mark.parametrize(
    ("fault", "alphabet", "broken", "steps"),
    [
        (faults.signatures_are_not_checked, ON_RECORDS, "promise 1", 1),
        (faults.sessions_outlive_their_proof, _IN_A_BROWSER, "promise 1", 2),
        (faults.claims_overwrite_what_is_proven, ON_RECORDS, "promise 2", 2),
        (faults.a_thread_is_read_whole, _IN_A_BROWSER, "promise 3", 3),
        (faults.an_answer_is_filled_up_from_the_record, ON_RECORDS, "promise 4", 2),
        (faults.an_answer_says_who_is_known, ON_RECORDS, "promise 4", 2),
        (faults.an_email_takes_over_a_record, ON_RECORDS, "promise 5", 2),
        (faults.a_claimed_id_is_written_on_a_record, ON_RECORDS, "promise 5", 2),
        (faults.a_refused_request_is_seen, _WITH_REQUIRED, "the refusal", 3),
    ],
)
def test_a_fault_is_found_with_the_fewest_steps(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[pytest.MonkeyPatch], None],
    alphabet: Sequence[Step],
    broken: str,
    steps: int,
) -> None:
    fault(monkeypatch)
    with pytest.raises(BrokenPromise, match=f"{broken} is broken") as found:
        walk(world, alphabet, 3, browsers=1 if alphabet is _IN_A_BROWSER else 0)
    assert f"\n{steps}. " in str(found.value)
    assert f"\n{steps + 1}. " not in str(found.value)
