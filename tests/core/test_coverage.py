"""What an identify counts as, for every verdict that there is."""

import pytest

from kaltalk_iv.core.coverage import Outcome, Sighting, sighting_of
from kaltalk_iv.core.errors import Reason
from kaltalk_iv.core.policy import State, Verdict

UNSIGNED = {Reason.NO_TOKEN, Reason.VERIFICATION_OFF}


@pytest.mark.parametrize("reason", list(Reason))
def test_an_unproven_identify_failed_unless_there_was_nothing_to_verify(reason: Reason) -> None:
    outcome = Outcome.UNSIGNED if reason in UNSIGNED else Outcome.FAILED
    seconds_off = None if reason in UNSIGNED else 90.0

    assert sighting_of("org_1", Verdict(State.UNVERIFIED, reason), 90.0) == Sighting(
        "org_1", outcome, reason, seconds_off
    )


@pytest.mark.parametrize(
    ("state", "outcome"), [(State.VERIFIED, Outcome.VERIFIED), (State.ANONYMOUS, Outcome.ANONYMOUS)]
)
def test_a_proven_and_an_anonymous_identify_have_no_reason(state: State, outcome: Outcome) -> None:
    assert sighting_of("org_1", Verdict(state, None)) == Sighting("org_1", outcome, None, None)
