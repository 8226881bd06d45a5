"""Widget sessions: who continues one, and the bytes that a browser keeps of one, sealed."""

import pytest

from kaltalk_iv.core.claims import Claims
from kaltalk_iv.core.errors import Reason
from kaltalk_iv.core.policy import State, Verdict
from kaltalk_iv.core.sessions import WidgetSession, pack, unpack
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


VERIFIED = Verdict(State.VERIFIED, None)
UNVERIFIED = Verdict(State.UNVERIFIED, Reason.NO_TOKEN)
ZOE = Claims("u_1", "zoe@x.example", "Zoë")
PACKED = {
    b'["ses_1","org_1","cus_1","verified",null,"u_1","zoe@x.example","Zo\xc3\xab","sec_1",1767272400.5,1767312000.0]': (
        WidgetSession("ses_1", "org_1", "cus_1", VERIFIED, ZOE, "sec_1", NOW + 3600.5, NOW + 43200.0)
    ),
    b'["ses_2","org_1",null,"unverified","no_token",null,null,"Ada",null,null,1767312000.0]': (
        WidgetSession("ses_2", "org_1", None, UNVERIFIED, Claims(name="Ada"), None, None, NOW + 43200.0)
    ),
}


@pytest.mark.parametrize("packed", PACKED)
def test_the_sessions_that_browsers_keep_are_read_by_the_next_release(packed: bytes) -> None:
    """Other bytes would end every visit on the day of a deployment, or be read as somebody else."""
    assert pack(PACKED[packed]) == packed
    assert unpack(packed) == PACKED[packed]
