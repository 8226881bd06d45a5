"""Test it shows what a token says: as text, whatever it says, and wherever it says it (abuse case 16)."""

import json

import pytest

from tests.core.signing import sign
from tests.dashboard.admin import Admin
from tests.dashboard.page import read_page

HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{1234*1000}}",
    "{% raw %}",
    "</textarea></form><form action=//evil.example>",
    "<bdi data-verifies=yes data-shield=verified>",
    "\u202e<b>\u2066",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_abuse_16_hostile_text_in_a_token_is_inert_text_in_test_it(admin: Admin, text: str) -> None:
    usual = admin.send("/test-it", token=sign({"sub": "u_1", "exp": 1, "x": "y"}, b"x" * 32))
    now = admin.clock.now
    claims = {"sub": text, "email": f"{text}@shop.example", "name": text, "iss": text, "exp": now + 60, text: text}
    header = json.dumps({"alg": "HS256", "kid": text, text: text})
    for token in (
        sign(claims, admin.organization.secret.encode(), header=header),
        sign(claims | {"exp": text}, b"x" * 32),
        sign(claims, b"x" * 32, header=json.dumps({"alg": text, "typ": text})),
        text,
        f"{text}.{text}.{text}",
    ):
        answer = admin.send("/test-it", token=token)
        page, plain = read_page(answer.text), read_page(usual.text)
        assert answer.status_code == 200
        assert page.all("img") == page.all("bdi", data_verifies=None) == page.all(data_shield=None) == []
        assert [len(page.all(tag)) for tag in ("script", "form")] == [len(plain.all(tag)) for tag in ("script", "form")]
        assert "\u202e" not in answer.text
        assert "1234000" not in page.one(class_="report").text
