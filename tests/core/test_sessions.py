"""Widget sessions: who continues one."""

import pytest

from kaltalk_iv.core.claims import Claims
from kaltalk_iv.core.policy import State, Verdict
from kaltalk_iv.core.sessions import WidgetSession
from tests.core.signing import NOW

ADA = Claims("u_1", "ada@example.com", "Ada")
NOBODY = Claims()
BOB = Claims("u_2", "bob@example.com", "Bob")


@pytest.mark.parametrize(
    ("before", "state", "after", "continues"),
    [
        (NOBODY, State.ANONYMOUS, NOBODY, True),
        (NOBODY, State.VERIFIED, ADA, True),
        (NOBODY, State.UNVERIFIED, Claims(name="Ada"), True),
        (ADA, State.VERIFIED, ADA, True),
        (ADA, State.UNVERIFIED, ADA, True),
        (ADA, State.UNVERIFIED, Claims(email="ADA@example.com"), True),
        (ADA, State.VERIFIED, BOB, False),
        (ADA, State.UNVERIFIED, Claims("u_2", "ada@example.com"), False),
        (ADA, State.UNVERIFIED, Claims(name="Ada"), False),
        (ADA, State.ANONYMOUS, NOBODY, False),
        (ADA, State.UNVERIFIED, NOBODY, False),
        (Claims(name="Ada"), State.UNVERIFIED, Claims(name="Ada"), True),
        (Claims(name="Ada"), State.UNVERIFIED, Claims(name="Bob"), False),
    ],
)
def test_only_the_same_visitor_continues_a_session(
    before: Claims, state: State, after: Claims, continues: bool
) -> None:
    session = WidgetSession("ses_1", "org_1", None, Verdict(State.UNVERIFIED, None), before, None, None, NOW)
    assert session.is_continued_by(state, after) is continues
