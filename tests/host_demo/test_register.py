"""Make an account; and whatever a browser may send to any form."""

import json
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from host_demo import db
from host_demo.models import User
from tests.host_demo.conftest import MakeApp
from tests.host_demo.visitor import PASSWORD, Visitor, claims_on

EVE = {"name": "Eve", "username": "eve", "email": "eve@example.com", "password": PASSWORD}
HOSTILE = {
    "10 kB": b"x" * 10_000,
    "NUL": b"a\x00b",
    "what is left of bytes that are not UTF-8": "a\ufffd".encode(),
    "line break": b"a\r\nb",
    "bidi override": "a\u202eb".encode(),
    "line separator": "a\u2028b".encode(),
    "blanks": b"   ",
    "nothing to see": "\u200b\u200d".encode(),
    "nothing": b"",
}


def test_a_new_customer_is_logged_in_with_an_opaque_id(stranger: Visitor) -> None:
    answer = stranger.submit("/register", **EVE)
    assert (answer.status_code, answer.location) == (302, "/profile")
    claims = claims_on(stranger.get("/"))
    assert claims["sub"].startswith("u_")
    assert len(claims["sub"]) == 18
    assert claims["name"] == "Eve"


def test_the_password_is_stored_as_a_hash(make_app: MakeApp) -> None:
    app = make_app()
    Visitor(app).submit("/register", **EVE)
    with app.app_context():
        stored = db.session.scalar(select(User.password_hash).where(User.username == "eve")) or ""
    assert stored.startswith("scrypt:")
    assert PASSWORD not in stored


def test_a_username_in_other_letters_is_taken(stranger: Visitor) -> None:
    page = stranger.submit("/register", **{**EVE, "username": "ADA"})
    assert page.status_code == 422
    assert "This username is taken" in page.text


def test_the_password_is_never_sent_back(stranger: Visitor) -> None:
    page = stranger.submit("/register", **{**EVE, "email": "nonsense"})
    assert page.status_code == 422
    assert PASSWORD not in page.text


def test_errors_are_summed_up_and_tied_to_their_fields(stranger: Visitor) -> None:
    page = stranger.submit("/register", **{**EVE, "email": "nonsense"}).text
    assert '<a href="#email">E-mail: This is not an e-mail address.' in page
    assert 'aria-describedby="email-error" aria-invalid="true"' in page
    assert 'id="email-error"' in page
    assert 'aria-describedby="password-hint"' in page


def test_of_eight_who_want_one_username_at_once_one_gets_it(make_app: MakeApp, database_url: str) -> None:
    app = make_app(HOST_DATABASE_URL=database_url)
    visitors = [Visitor(app) for _ in range(8)]
    tokens = [visitor.csrf_token("/register") for visitor in visitors]

    def register(visitor: Visitor, token: str) -> int:
        return visitor.http.post("/register", data={**EVE, "csrf_token": token}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(register, visitors, tokens))
    assert sorted(statuses) == [302] + 7 * [422]
    with app.app_context():
        query = select(func.count()).select_from(User).where(User.username == "eve")
        assert db.session.scalar(query) == 1


@pytest.mark.parametrize("field", ["name", "username", "email"])
def test_hostile_text_is_answered_with_a_sentence(make_app: MakeApp, database_url: str, field: str) -> None:
    app = make_app(HOST_DATABASE_URL=database_url)
    ada = Visitor(app)
    ada.log_in()
    before = claims_on(ada.get("/"))
    token = ada.csrf_token("/profile")
    for kind, value in HOSTILE.items():
        for path, others in (("/register", EVE), ("/profile", {**EVE, "username": "ada"})):
            body = form_body({**others, "csrf_token": token}, field, value)
            answer = ada.http.post(path, data=body, content_type="application/x-www-form-urlencoded")
            assert answer.status_code == 422, (kind, path)
            assert f'id="{field}-error"' in answer.text, (kind, path)
    assert claims_on(ada.get("/")) == before


@pytest.mark.parametrize("raw", [b"a\xed\xa0\x80b", b"\xff\xfe", b"a\x80"])
def test_bytes_that_are_not_utf_8_do_no_harm(ada: Visitor, raw: bytes) -> None:
    others = {"username": "ada", "email": "ada@example.com", "csrf_token": ada.csrf_token("/")}
    body = form_body(others, "name", raw)
    answer = ada.http.post("/profile", data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 302
    assert claims_on(ada.get("/"))["name"].isascii(), "Werkzeug leaves such bytes percent-encoded"
    head = b'--x\r\nContent-Disposition: form-data; name="'
    fields = [(name, text.encode()) for name, text in others.items()] + [("name", raw)]
    parts = b"\r\n".join(head + name.encode() + b'"\r\n\r\n' + value for name, value in fields)
    answer = ada.http.post("/profile", data=parts + b"\r\n--x--\r\n", content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 422
    assert 'id="name-error"' in answer.text


def form_body(fields: dict[str, str], hostile_field: str, value: bytes) -> str:
    """A form as a browser encodes it, with bytes of our choice in one field."""
    pairs = {name: text.encode() for name, text in fields.items()} | {hostile_field: value}
    return "&".join(f"{name}={quote_from_bytes(raw)}" for name, raw in pairs.items())


@pytest.mark.parametrize("kind", ["username", "password", "next"])
def test_hostile_text_does_not_break_the_log_in_page(make_app: MakeApp, database_url: str, kind: str) -> None:
    stranger = Visitor(make_app(HOST_DATABASE_URL=database_url))
    token = stranger.csrf_token("/login")
    for name, value in HOSTILE.items():
        body = form_body({"csrf_token": token, "username": "ada", "password": "wrong", "next": "/"}, kind, value)
        answer = stranger.http.post("/login", data=body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 422, name


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(max_size=300), field=st.sampled_from(["name", "username", "email"]))
def test_no_text_at_all_breaks_the_profile_and_what_is_kept_is_signed(ada: Visitor, value: str, field: str) -> None:
    fields = {"name": "Ada", "username": "ada", "email": "ada@example.com"} | {field: value}
    encoded = {name: text.encode("utf-8", "surrogatepass") for name, text in fields.items()}
    answer = ada.submit("/profile", **encoded)
    assert answer.status_code in {302, 422}
    claims = claims_on(ada.get("/"))
    assert 0 < len(claims["name"]) <= 120
    assert 0 < len(claims["email"]) <= 254


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"name": {"a": 1}, "username": 5, "email": None, "password": ["x"]}),
        json.dumps({**EVE, "name": "\ud800"}),
        "[" * 10_000,
        "[1, 2]",
        "null",
        "",
    ],
)
def test_json_is_no_form(stranger: Visitor, body: str) -> None:
    headers = {"X-CSRFToken": stranger.csrf_token("/register")}
    answer = stranger.http.post("/register", data=body, content_type="application/json", headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize("field", ["name", "username", "email", "password"])
def test_an_uploaded_file_is_no_text(stranger: Visitor, field: str) -> None:
    fields: dict[str, Any] = {**EVE, field: (BytesIO(b"text"), "file.txt")}
    assert stranger.submit("/register", **fields).status_code == 422


def test_a_form_that_is_too_long_is_refused_with_a_page(stranger: Visitor) -> None:
    page = stranger.submit("/register", **{**EVE, "name": "x" * 40_000})
    assert page.status_code == 413
    assert "shorten it" in page.text


@pytest.mark.parametrize("length", [11, 257])
def test_a_password_that_is_too_short_or_too_long_is_refused(stranger: Visitor, length: int) -> None:
    page = stranger.submit("/register", **{**EVE, "password": "x" * length})
    assert page.status_code == 422
    assert "Use 12 to 256 characters." in page.text
