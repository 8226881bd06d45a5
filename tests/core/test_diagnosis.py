"""Test it recognises the mistakes that integrators make: the published vectors, Node's own tokens, anything at all."""

import json
import time
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kaltalk_iv.core.diagnosis import Advice, Code, Diagnosis, Known, diagnose
from kaltalk_iv.core.diagnosis.keys import _wrong_keys
from kaltalk_iv.core.diagnosis.times import in_words
from kaltalk_iv.core.errors import TokenError
from kaltalk_iv.core.keyring import SigningSecret
from kaltalk_iv.core.tokens import Proof, inspect
from tests.core.signing import base64url, read_vectors, sign, token_of
from tests.core.test_node_tokens import payload_of
from tests.core.test_properties import HEADERS, JSON, PAYLOADS, TEXT
from tests.core.test_secrecy import leaks
from tests.core.test_vectors import named
from tests.support.node import NodeSigner

MISTAKES: Final = read_vectors("mistakes.json")
SECRETS: Final[dict[str, str]] = MISTAKES["secrets"]
DEFAULTS: Final[dict[str, Any]] = MISTAKES["defaults"]
NOW: Final[int] = DEFAULTS["now"]
CURRENT: Final = SECRETS["current"].encode()
PROPERTY = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def signing_secret(entry: dict[str, Any], age: int) -> SigningSecret:
    key = SECRETS[entry["id"]].encode()
    return SigningSecret(entry["id"], key, NOW - age, entry.get("expiresAt"), entry.get("revokedAt"))


KNOWN: Final = Known(
    tuple(signing_secret(entry, age) for age, entry in enumerate(MISTAKES["known"]["active"])),
    tuple(signing_secret(entry, 9 + age) for age, entry in enumerate(MISTAKES["known"]["ended"])),
    tuple(MISTAKES["known"]["names"]),
)


def pasted_by(case: dict[str, Any]) -> str:
    pasted = token_of(case, DEFAULTS, SECRETS)
    assert isinstance(pasted, str)
    return pasted


def examine(pasted: str, now: float = NOW) -> Diagnosis:
    return diagnose(pasted, KNOWN, now, MISTAKES["max_lifetime"])


def codes(diagnosis: Diagnosis) -> list[str]:
    return [advice.code.value for advice in diagnosis.advice]


def advice_for(payload: dict[str, Any], now: float = NOW) -> tuple[Advice, ...]:
    return examine(sign(payload, CURRENT), now).advice


@pytest.mark.parametrize("case", named(MISTAKES["cases"]))
def test_a_mistake_gets_the_advice_that_the_vector_says(case: dict[str, Any]) -> None:
    assert codes(examine(pasted_by(case))) == case["expect"]


@pytest.mark.parametrize("case", named(MISTAKES["cases"]))
def test_advice_repeats_nothing_of_what_was_pasted(case: dict[str, Any]) -> None:
    pasted = pasted_by(case)
    found = examine(pasted)
    assert not leaks(repr(found), (found.token or pasted)[:20_000], *SECRETS.values())


def test_every_code_has_a_vector() -> None:
    assert {code for case in MISTAKES["cases"] for code in case["expect"]} == {code.value for code in Code}


def test_no_two_cases_have_one_name_or_paste_one_text() -> None:
    names = [case["name"] for case in MISTAKES["cases"]]
    assert len(names) == len(set(names))
    assert len({pasted_by(case) for case in MISTAKES["cases"]}) == len(names)


def test_a_sentence_is_whole_and_short() -> None:
    for case in MISTAKES["cases"]:
        for advice in examine(pasted_by(case)).advice:
            assert advice.detail.endswith(".")
            assert "{" not in advice.detail.replace("{{ user_jwt|tojson }}", "")
            assert len(advice.detail) <= 200


def test_a_token_that_verifies_is_told_habits_alone_unless_it_endangers_somebody() -> None:
    dangers = {Code.SUB_STANDS_FOR_NOBODY, Code.SECRET_IN_CLAIMS}
    for case in MISTAKES["cases"]:
        found = examine(pasted_by(case))
        if isinstance(found.outcome, Proof) and found.token == pasted_by(case):
            assert all(advice.is_habit or advice.code in dangers for advice in found.advice)


def test_the_token_inside_the_pasted_text_is_the_one_that_is_checked() -> None:
    token = sign({"sub": "u_1", "exp": NOW + 60}, CURRENT)
    found = examine(f'  "Bearer {token}"\n')
    assert found.token == token
    assert (found.checks, found.outcome) == inspect(token, KNOWN.active, NOW)
    assert codes(found) == ["blanks_around", "quotes_around", "bearer"]
    assert [claim.name for claim in found.claims] == ["sub", "exp"]


def test_what_is_no_token_is_checked_as_it_stands() -> None:
    found = examine("hello")
    assert found.token is None
    assert (found.claims, found.lifetime, found.secret_id) == ((), None, None)
    assert (found.checks[0].passed, found.checks[1].passed) == (False, None)


@pytest.mark.parametrize(
    ("key", "secret_id", "lifetime"),
    [("current", "current", 60), ("previous", "previous", 60), ("current", "current", -60), ("other", None, 60)],
)
def test_the_secret_that_signed_is_named_even_when_the_token_has_expired(
    key: str, secret_id: str | None, lifetime: int
) -> None:
    token = sign({"sub": "u_1", "exp": NOW + lifetime}, SECRETS[key].encode())
    assert examine(token).secret_id == secret_id


def test_advice_on_a_secret_carries_the_moment_that_it_speaks_of() -> None:
    moments = {}
    for key in ("current", "previous", "retired", "revoked"):
        found = examine(sign({"sub": "u_1", "exp": NOW + 60}, SECRETS[key].encode()))
        moments[key] = [advice.at for advice in found.advice]
    assert moments == {"current": [], "previous": [NOW + 7200], "retired": [NOW - 86400], "revoked": [NOW - 3600]}


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"exp": NOW - 180}, "expired 3 minutes ago"),
        ({"exp": NOW - 1}, "expired 1 second ago"),
        ({"exp": NOW}, "expired 0 seconds ago"),
        ({"iat": NOW - 3840, "exp": NOW - 240}, "signed 1 hour 4 minutes ago"),
        ({"iat": NOW - 300, "exp": NOW + 3300}, "signed 5 minutes ago"),
        ({"iat": NOW + 300, "exp": NOW + 3900}, "iat lies 5 minutes in the future"),
        ({"iat": NOW + 7230, "exp": NOW + 9000}, "iat lies 2 hours in the future, which looks like a time zone"),
        ({"exp": NOW + 7 * 86400}, "good for 7 days, and at most 1 day are accepted"),
        ({"exp": NOW * 1000, "iat": NOW * 1000}, "exp, iat: milliseconds"),
        ({"iat": NOW, "exp": NOW + 5400}, "good for 1 hour 30 minutes"),
    ],
)
def test_a_time_is_told_in_words(payload: dict[str, Any], said: str) -> None:
    assert any(said in advice.detail for advice in advice_for({"sub": "u_1"} | payload))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (0.6, "1 second"),
        (59, "59 seconds"),
        (-61, "1 minute 1 second"),
        (600, "10 minutes"),
        (3601, "1 hour"),
        (125, "2 minutes 5 seconds"),
        (3660, "1 hour 1 minute"),
        (86400, "1 day"),
        (86460, "1 day"),
        (90061, "1 day 1 hour"),
        (86400 * 1500, "1,500 days"),
    ],
)
def test_a_span_has_two_units_at_most(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_a_clock_that_is_off_is_told_from_a_time_zone_by_a_minute_and_a_half() -> None:
    offsets = {3600 + off: advice_for({"sub": "u_1", "iat": NOW + 3600 + off, "exp": NOW + 7200}) for off in (90, 91)}
    assert [advice.code for advice in offsets[3690]] == [Code.TIME_ZONE_AHEAD]
    assert [advice.code for advice in offsets[3691]] == [Code.CLOCK_AHEAD]


def test_the_wrong_keys_are_a_short_list_that_holds_no_good_key() -> None:
    keys = [key for _code, key in _wrong_keys(KNOWN)]
    assert len(keys) < 200 * len(KNOWN.active)
    assert not set(keys) & {secret.encode() for secret in SECRETS.values()}


def test_wrong_keys_are_tried_only_after_the_signature_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*_arguments: object) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr("kaltalk_iv.core.diagnosis.key_advice", search)
    examine(sign({"sub": "u_1", "exp": NOW + 60}, CURRENT))
    examine(sign({"sub": "u_1", "exp": NOW - 60}, CURRENT))
    examine(sign({"sub": "u_1"}, b"", header='{"alg":"none"}'))
    with pytest.raises(AssertionError, match="searched"):
        examine(sign({"sub": "u_1", "exp": NOW + 60}, b"other"))


@pytest.mark.node
def test_a_careless_node_host_is_told_all_its_mistakes_at_once(node_sign: NodeSigner) -> None:
    token = node_sign.sign_with_decoded_key({"sub": 42}, SECRETS["current"])
    assert codes(examine(token, payload_of(token)["iat"])) == ["key_base64_decoded", "exp_missing", "sub_number"]


@pytest.mark.node
def test_the_call_of_the_guide_in_node_needs_no_advice(node_sign: NodeSigner) -> None:
    token = node_sign.sign_like_the_guide({"id": "u_1", "email": "ada@example.com", "name": "Ada"}, SECRETS["current"])
    assert codes(examine(token, payload_of(token)["iat"])) == []


@pytest.mark.parametrize(
    "unit",
    [
        "ey",
        "ey.",
        "ey.ey",
        ".",
        "{{",
        "${",
        "%41",
        "&amp;",
        '"',
        "b'",
        "bearer ",
        "\\n",
        " ",
        "[object ",
        "-",
        "eyJ.eyJ-",
    ],
)
def test_no_text_is_slow_to_read(unit: str) -> None:
    """A search that grows with the square of the text takes many seconds of processor time here."""
    begin = time.process_time()
    examine(unit * (32_000 // len(unit)))
    assert time.process_time() - begin < 1


def assert_reported(pasted: str) -> None:
    """Whatever was pasted: an answer, advice on each failure, and no piece of a signature or a secret."""
    found = examine(pasted)
    assert [check.name for check in found.checks] == [check.name for check in inspect("", (), NOW)[0]]
    if isinstance(found.outcome, TokenError):
        assert any(not advice.is_habit for advice in found.advice)
    shown = repr(found) + json.dumps([advice.detail for advice in found.advice])
    assert not leaks(shown, pasted, *SECRETS.values())


@PROPERTY
@given(TEXT | st.text("ey.AQ-_=+/ \n\"'%&;{}b", max_size=300))
@example("")
@example("\ud800.\ud800")
def test_any_text_is_reported(pasted: str) -> None:
    assert_reported(pasted)
    assert_reported(f'{{"userJwt": "{pasted}"}}')


@PROPERTY
@given(HEADERS, PAYLOADS, st.sampled_from([*SECRETS.values(), "", "undefined"]))
def test_any_signed_object_is_reported(header: dict[str, Any], payload: dict[str, Any], key: str) -> None:
    signature = sign(payload, key.encode(), header=json.dumps(header)).rpartition(".")[2]
    found = examine(sign(payload, key.encode(), header=json.dumps(header)))
    assert isinstance(found.outcome, Proof) or any(not advice.is_habit for advice in found.advice)
    assert signature not in repr(found) + json.dumps([advice.detail for advice in found.advice])
    assert not leaks(repr(found), *SECRETS.values())


@PROPERTY
@given(JSON, JSON, st.text("AQaq09-_", max_size=90))
def test_any_json_in_the_shape_of_a_token_is_reported(header: Any, payload: Any, signature: str) -> None:
    parts = [base64url(json.dumps(part).encode()) for part in (header, payload)]
    for pasted in (".".join(parts), ".".join([*parts, signature]), json.dumps(payload), json.dumps(header)):
        found = examine(pasted)
        assert isinstance(found.outcome, TokenError)
        assert any(not advice.is_habit for advice in found.advice)


@PROPERTY
@given(st.data())
def test_a_piece_of_each_wrapping_around_a_good_token_is_taken_off(data: st.DataObject) -> None:
    token = sign({"sub": "u_1", "iat": NOW, "exp": NOW + 3600}, CURRENT)
    wraps = [("", ""), ('"', '"'), ("'", "'"), (" ", "\n"), ("Bearer ", ""), ("b'", "'"), ("%22", "%22"), ("`", "`")]
    pasted = token
    for opening, closing in data.draw(st.lists(st.sampled_from(wraps), max_size=3)):
        pasted = f"{opening}{pasted}{closing}"
    found = examine(pasted)
    assert found.token == token
    assert isinstance(found.outcome, Proof)
    assert (pasted == token) == (not found.advice)


def test_a_code_is_its_name_in_small_letters() -> None:
    assert all(code.name.lower() == code.value for code in Code)
