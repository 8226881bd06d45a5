"""Widget sessions: what is sealed comes back as it was, and nothing else comes back at all."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaltalk_iv import session_seal
from kaltalk_iv.core.claims import Claims
from kaltalk_iv.core.errors import Reason, SessionExpired, SessionInvalid
from kaltalk_iv.core.policy import State, Verdict
from kaltalk_iv.core.sessions import WidgetSession, pack
from kaltalk_iv.session_seal import MAX_LENGTH, seal, unseal
from tests.core.signing import NOW, sign

KEY = b"a key of this server, 32 bytes.."
OLD_KEY = b"the key before it, also 32 bytes"
ADA = Claims("u_1", "ada@example.com", "Ada")
SESSION = WidgetSession(
    "ses_1", "org_1", "cus_1", Verdict(State.VERIFIED, None), ADA, "sec_1", NOW + 3600, NOW + 43_200
)

STORABLE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=255)
TIMES = st.integers(NOW + 1, NOW + 10**6) | st.floats(NOW + 1, NOW + 10**6)
SESSIONS = st.builds(
    WidgetSession,
    id=STORABLE,
    organization_id=STORABLE,
    customer_id=st.none() | STORABLE,
    verdict=st.builds(Verdict, st.sampled_from(State), st.none() | st.sampled_from(Reason)),
    claims=st.builds(Claims, st.none() | STORABLE, st.none() | STORABLE, st.none() | STORABLE),
    secret_id=st.none() | STORABLE,
    proven_until=st.none() | TIMES,
    expires_at=TIMES,
)
PROPERTY = settings(max_examples=80, deadline=None)


def parts(text: str) -> tuple[bytes, bytes, bytes]:
    """Return the salt, the nonce and the rest of a session."""
    body = text.removeprefix("kts1.")
    raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    return raw[:16], raw[16:28], raw[28:]


@PROPERTY
@given(SESSIONS)
def test_a_sealed_session_comes_back_as_it_was(session: WidgetSession) -> None:
    text = seal(session, KEY)
    if len(text) <= MAX_LENGTH:
        assert unseal(text, [KEY], NOW) == session


@PROPERTY
@given(st.text(max_size=300) | st.binary() | st.none() | st.integers() | st.text("kts1.AZ-_", max_size=200))
def test_anything_else_is_no_session(text: object) -> None:
    with pytest.raises(SessionInvalid):
        unseal(text, [KEY], NOW)


@PROPERTY
@given(st.text("ABCxyz-_", min_size=1, max_size=120))
def test_anything_in_the_shape_of_a_session_is_none(body: str) -> None:
    with pytest.raises(SessionInvalid):
        unseal(f"kts1.{body}", [KEY], NOW)


def test_every_other_character_at_every_place_breaks_a_session() -> None:
    text = seal(SESSION, KEY)
    for place, character in enumerate(text):
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ é\n\0":
            if other != character:
                with pytest.raises(SessionInvalid):
                    unseal(text[:place] + other + text[place + 1 :], [KEY], NOW)


def test_every_lost_character_breaks_a_session() -> None:
    text = seal(SESSION, KEY)
    for place in range(len(text)):
        for changed in (text[:place], text[:place] + text[place + 1 :], text[place:][1:]):
            with pytest.raises(SessionInvalid):
                unseal(changed, [KEY], NOW)


@pytest.mark.parametrize("around", [("", "\n"), (" ", ""), ("", "."), ("Bearer ", ""), ("", "="), ("\ufeff", "")])
def test_a_session_with_anything_around_it_is_none(around: tuple[str, str]) -> None:
    with pytest.raises(SessionInvalid):
        unseal(around[0] + seal(SESSION, KEY) + around[1], [KEY], NOW)


def test_a_session_of_another_key_is_none() -> None:
    for keys in ([], [OLD_KEY], [OLD_KEY, KEY[:-1]]):
        with pytest.raises(SessionInvalid):
            unseal(seal(SESSION, KEY), keys, NOW)


def test_a_session_of_the_key_before_is_still_read() -> None:
    assert unseal(seal(SESSION, OLD_KEY), [KEY, OLD_KEY], NOW) == SESSION


def test_a_user_token_is_no_session_even_under_the_same_key() -> None:
    header, payload, signature = sign({"sub": "u_1", "exp": NOW + 60}, KEY).split(".")
    for text in (f"{header}.{payload}.{signature}", f"kts1.{payload}.{signature}", f"kts1.{payload}", f"kts1.{header}"):
        with pytest.raises(SessionInvalid):
            unseal(text, [KEY], NOW)


def test_no_nonce_comes_twice_and_a_salt_goes_before_its_nonces_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert session_seal._SEALS_OF_A_SALT * 2**10 < 2**32  # with a thousand forks of one process still
    monkeypatch.setattr(session_seal, "_SEALS_OF_A_SALT", 100)
    made = [parts(seal(SESSION, KEY)) for _ in range(1000)]
    assert len({nonce for _salt, nonce, _box in made}) == 1000
    salts = [salt for salt, _nonce, _box in made]
    assert len(set(salts)) in {10, 11}
    assert max(map(salts.count, set(salts))) == 100


def test_a_session_of_another_process_or_of_an_earlier_salt_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_seal, "_SEALS_OF_A_SALT", 1)
    texts = [seal(SESSION, KEY) for _ in range(session_seal._MOST_CIPHERS + 50)]
    assert len({parts(text)[0] for text in texts}) == len(texts)
    session_seal._cipher.cache_clear()  # as the other process has it
    assert all(unseal(text, [OLD_KEY, KEY], NOW) == SESSION for text in texts)


def test_forged_salts_fill_no_memory() -> None:
    for number in range(1000):
        with pytest.raises(SessionInvalid):
            unseal("kts1." + base64.urlsafe_b64encode(number.to_bytes(60)).decode(), [KEY], NOW)
    assert session_seal._cipher.cache_info().currsize <= 256


def test_a_session_ends_exactly_when_it_says() -> None:
    text = seal(SESSION, KEY)
    assert unseal(text, [KEY], SESSION.expires_at - 0.001) == SESSION
    for now in (SESSION.expires_at, SESSION.expires_at + 1):
        with pytest.raises(SessionExpired):
            unseal(text, [KEY], now)


def test_a_forged_session_that_is_over_is_still_a_forged_one() -> None:
    with pytest.raises(SessionInvalid):
        unseal(seal(SESSION, OLD_KEY), [KEY], SESSION.expires_at + 1)


@pytest.mark.parametrize("filler", ["🦔", '"', "\\", "x"])
def test_the_longest_claims_fit_into_a_session(filler: str) -> None:
    claims = Claims(filler * 255, filler * 254, filler * 255)
    ids = "i" * 64
    session = WidgetSession(ids, ids, ids, Verdict(State.UNVERIFIED, Reason.LIFETIME_TOO_LONG), claims, ids, 1.5, 2e9)
    text = seal(session, KEY)
    assert len(text) <= MAX_LENGTH
    assert unseal(text, [KEY], NOW) == session


def test_a_session_that_is_too_long_is_not_read() -> None:
    for text in ("kts1." + "A" * 2**23, seal(SESSION._replace(id="x" * MAX_LENGTH), KEY)):
        with pytest.raises(SessionInvalid):
            unseal(text, [KEY], NOW)


def test_a_sealed_session_fits_into_a_header() -> None:
    text = seal(SESSION, KEY)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_a_browser_learns_nothing_from_its_session() -> None:
    """The customer's id would tell whether two claims land on one record."""
    one, other = seal(SESSION, KEY), seal(SESSION, KEY)
    decoded = base64.urlsafe_b64decode(one.removeprefix("kts1.") + "==")
    for value in ("cus_1", "org_1", "sec_1", "ses_1", "u_1", "ada@example.com", "verified"):
        assert value.encode() not in decoded
    assert all(mine != its for mine, its in zip(parts(one)[1:], parts(other)[1:], strict=True))


def test_the_layout_of_a_session_is_fixed() -> None:
    """A change here is a change of the format: give it a new prefix, or open widgets break on release day."""
    assert json.loads(pack(SESSION)) == [
        *("ses_1", "org_1", "cus_1", "verified", None, "u_1", "ada@example.com", "Ada", "sec_1"),
        *(NOW + 3600, NOW + 43_200),
    ]
