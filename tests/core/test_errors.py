"""The errors: stable codes, one cause each, and a sentence in every one."""

from collections.abc import Callable, Iterator

import pytest

from kaltalk_iv.core import errors
from kaltalk_iv.core.errors import KalTalkError, Reason, TokenError

# What the API answers, the inbox shows and integrators write into their alarms. A change here breaks them.
REASONS = {
    *("malformed", "unsupported_algorithm", "bad_signature", "expired", "not_yet_valid", "missing_claim"),
    *("invalid_claim", "lifetime_too_long", "no_token", "verification_off", "secret_revoked"),
}


def leaves(root: type[KalTalkError] = KalTalkError) -> Iterator[type[KalTalkError]]:
    for error in root.__subclasses__():
        if error.__subclasses__():
            yield from leaves(error)
        else:
            yield error


def test_the_reasons_are_the_published_ones() -> None:
    assert {reason.value for reason in Reason} == REASONS


def test_every_reason_of_a_token_has_one_error_and_its_code() -> None:
    of_sessions = {Reason.NO_TOKEN, Reason.VERIFICATION_OFF, Reason.SECRET_REVOKED}
    token_errors = TokenError.__subclasses__()
    assert sorted(error.reason for error in token_errors) == sorted(set(Reason) - of_sessions)
    assert all(error.code == error.reason.value for error in token_errors)


def test_no_two_causes_share_a_code() -> None:
    codes = [error.code for error in leaves() if hasattr(error, "code")]
    assert len(codes) == len(set(codes))
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_carries_the_reason_as_its_code(reason: Reason) -> None:
    refusal = errors.IdentityRefused(reason, 60.5)
    assert refusal.seconds_off == 60.5
    assert refusal.reason is reason
    assert refusal.code == reason.value
    assert reason.value in refusal.detail


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (errors.UnknownOrganization, "There is no organization with this id."),
        (lambda: errors.NotFound("conversation"), "There is no such conversation."),
        (errors.OriginNotAllowed, "This page's origin is not on the organization's list"),
        (lambda: errors.SecretUnavailable("sec_1"), "The stored signing secret sec_1 does not open"),
        (lambda: errors.MissingClaim("exp"), "The claim exp is missing."),
    ],
)
def test_an_error_says_in_a_sentence_what_is_wrong(make: Callable[[], KalTalkError], sentence: str) -> None:
    error = make()
    assert error.detail.startswith(sentence)
    assert str(error) == error.detail
    assert error.detail.endswith(".")


def test_an_unavailable_secret_is_named_by_its_id() -> None:
    assert errors.SecretUnavailable("sec_1").secret_id == "sec_1"
