"""The search finds what it is asked for in every form, or the test that finds nothing would prove nothing."""

import base64
import json
from urllib.parse import quote, urlencode

import pytest

from tests.production.needles import found

WORDS = "a cälm & quiet password/with+marks"
RAW = bytes(range(200, 232))


@pytest.mark.parametrize(
    "written",
    [
        WORDS.encode(),
        base64.b64encode(WORDS.encode()),
        base64.urlsafe_b64encode(b"grace:" + WORDS.encode()),
        base64.b64encode(b"grace :" + WORDS.encode() + b"\n"),
        base64.b64encode(b"grace  :" + WORDS.encode() + b" and more"),
        WORDS.encode().hex().encode(),
        WORDS.encode().hex().upper().encode(),
        quote(WORDS, safe="").encode(),
        urlencode({"password": WORDS}).encode(),
        ascii({"password": WORDS}).encode(),
        repr({"password": WORDS.encode()}).encode(),
        json.dumps({"password": WORDS}).encode(),
    ],
)
def test_a_text_is_found_however_it_is_written(written: bytes) -> None:
    assert found({"password": WORDS.encode()}, {"log": b"before " + written + b" after", "other": b"nothing"})
    assert not found({"password": WORDS.encode()[::-1]}, {"log": written})


@pytest.mark.parametrize(
    "written", [RAW, repr(RAW).encode(), RAW.hex().encode(), base64.b64encode(RAW), base64.urlsafe_b64encode(RAW)]
)
def test_bytes_are_found_however_they_are_written(written: bytes) -> None:
    assert found({"key": RAW}, {"file": b"\0" + written})


def test_what_is_found_is_reported_by_name_and_not_shown() -> None:
    assert WORDS not in json.dumps(found({"password": WORDS.encode()}, {"log": WORDS.encode()}), ensure_ascii=False)
