"""What an identify counts as, for the organization's coverage: how many visitors are proven, and why others are not."""

from enum import StrEnum
from typing import NamedTuple

from .errors import Reason
from .policy import State, Verdict


class Outcome(StrEnum):
    """The four kinds of identify."""

    VERIFIED = "verified"
    FAILED = "failed"
    UNSIGNED = "unsigned"
    ANONYMOUS = "anonymous"


class Sighting(NamedTuple):
    """One identify, as it is counted. ``seconds_off`` is by how much a token missed its time, where that was why."""

    organization_id: str
    outcome: Outcome
    reason: Reason | None
    seconds_off: float | None = None


_UNSIGNED = {Reason.NO_TOKEN, Reason.VERIFICATION_OFF}


def sighting_of(organization_id: str, verdict: Verdict, seconds_off: float | None = None) -> Sighting:
    """Return what an identify that ended in ``verdict`` counts as.

    A token that nobody looked at, because the mode is ``off``, is no signature.
    """
    if verdict.state is State.VERIFIED:
        return Sighting(organization_id, Outcome.VERIFIED, None)
    if verdict.state is State.ANONYMOUS:
        return Sighting(organization_id, Outcome.ANONYMOUS, None)
    if verdict.reason in _UNSIGNED:
        return Sighting(organization_id, Outcome.UNSIGNED, verdict.reason)
    return Sighting(organization_id, Outcome.FAILED, verdict.reason, seconds_off)
