"""No error, no check and no ``repr`` gives away a piece of a token or of a secret."""

import traceback
from dataclasses import replace
from typing import Any

import pytest

from kaltalk_iv.core import tokens
from kaltalk_iv.core.claims import Claims
from kaltalk_iv.core.errors import Reason, SessionInvalid, TokenError
from kaltalk_iv.core.keyring import SigningSecret
from kaltalk_iv.core.policy import State, Verdict
from kaltalk_iv.core.sessions import WidgetSession
from kaltalk_iv.core.tokens import inspect, verify
from kaltalk_iv.core.user_token import UserToken
from kaltalk_iv.session_seal import seal, unseal
from tests.core.signing import NOW, SECRETS, sign
from tests.core.test_vectors import TOKENS, given, named

PIECE = 12


def leaks(text: str, *kept: str) -> bool:
    """True when any 12 characters in a row of ``text`` stand in one of ``kept``."""
    pieces = {text[start : start + PIECE] for start in range(max(len(text) - PIECE + 1, 0))}
    return any(piece in whole for piece in pieces if piece.strip() for whole in kept)


def everything_said_by(error: TokenError) -> str:
    """Return all that a log, a tracker or a debugger would show of ``error`` without its local variables."""
    return "\n".join([str(error), repr(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error)])


@pytest.mark.parametrize("case", named([case for case in TOKENS["cases"] if "reason" in case["expect"]]))
def test_an_error_holds_no_piece_of_its_token(case: dict[str, Any]) -> None:
    token, secrets, now = given(case)
    whole = token[:20_000] if isinstance(token, str) else ""
    with pytest.raises(TokenError) as caught:
        verify(token, secrets, now)
    assert not leaks(everything_said_by(caught.value), whole, *SECRETS.values())
    checks, _verdict = inspect(token, secrets, now)
    assert not leaks(repr(checks), whole, *SECRETS.values())


def test_a_proof_holds_no_signature_and_no_key(current: SigningSecret) -> None:
    token = sign({"sub": "u_1", "exp": NOW + 3600}, current.key)
    assert not leaks(repr(verify(token, (current,), NOW)), token, SECRETS["current"])
    assert not leaks(repr(inspect(token, (current,), NOW)), token, SECRETS["current"])


def test_the_notes_taken_while_reading_hide_the_token(current: SigningSecret) -> None:
    token = sign({"sub": "u_1", "name": "Ada Lovelace King", "exp": NOW + 3600}, current.key)
    reading = tokens._Reading(UserToken(token), (current,), NOW, 3600)
    for _name, check in tokens._CHECKS:
        check(reading)
    assert reading.payload["name"] == "Ada Lovelace King"
    assert not leaks(repr(reading), token, SECRETS["current"], *reading.token.segments, "Ada Lovelace King")


def test_a_secret_hides_its_key_however_it_is_shown(current: SigningSecret) -> None:
    for shown in (repr(current), str(current), f"{current}", repr([current]), repr(replace(current, id="other"))):
        assert not leaks(shown, SECRETS["current"])


def test_a_refused_session_is_not_repeated() -> None:
    session = WidgetSession("ses_1", "org_1", None, Verdict(State.ANONYMOUS, None), Claims(), None, None, NOW + 60)
    text = seal(session, b"k" * 32)
    with pytest.raises(SessionInvalid) as caught:
        unseal(text, [b"x" * 32], NOW)
    assert not leaks(repr(caught.value) + str(caught.value) + repr(vars(caught.value)), text)


def test_the_search_for_leaks_finds_one() -> None:
    assert leaks(f"no good: {SECRETS['current'][5:17]}", *SECRETS.values())
    assert not leaks(f"reason: {Reason.MALFORMED}", *SECRETS.values())
