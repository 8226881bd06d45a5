"""KalTalk's own login: it tells nobody who has an account, ends on the server, and leads nowhere else."""

import hashlib
import logging

import pytest
import sqlalchemy as sa
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from kaltalk_iv.core.errors import Conflict, KalTalkError, UnknownOrganization, Unreadable
from kaltalk_iv.models import Agent, AgentSession
from kaltalk_iv.service import agents, passwords
from kaltalk_iv.state import current_state
from tests.dashboard.desk import Clock
from tests.dashboard.page import read_page
from tests.dashboard.staff import PASSWORD, Staff
from tests.dashboard.test_access import shape

COOKIE = "__Host-kaltalk_session"


def test_an_agent_logs_in_and_is_named(staff: Staff) -> None:
    assert staff.log_in("Grace ").headers["Location"] == "/inbox"

    page = staff.get("/inbox").text
    assert "Grace Hopper" in page
    assert "admin" in page


def test_whoever_is_not_logged_in_is_led_to_the_login_and_back(staff: Staff) -> None:
    answer = staff.get("/inbox/con_x1")

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login?next=/inbox/con_x1"
    assert staff.log_in(next="/inbox/con_x1").headers["Location"] == "/inbox/con_x1"


def test_a_bookmarked_search_is_found_again_after_the_login(staff: Staff) -> None:
    search = "/inbox?identity=verified&q=ada%40example.com+%D0%96"
    to_login = staff.get(search).headers["Location"]
    form = read_page(staff.get(to_login).text)

    assert staff.log_in(next=form.one("input", name="next")["value"]).headers["Location"] == search


def test_an_address_too_long_to_be_carried_on_leads_to_the_plain_login(staff: Staff) -> None:
    assert staff.get(f"/inbox?q={'%F0%9F%98%80' * 255}").headers["Location"] == "/login"


def test_an_unknown_login_and_a_wrong_password_answer_alike(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    work: list[int] = []
    scrypt = hashlib.scrypt

    def counted(password: bytes, *, salt: bytes, n: int, r: int, p: int, maxmem: int) -> bytes:
        work.append(n * r * p)
        return scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=maxmem)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    answers = [staff.log_in(login, "wrong password") for login in ("alan", "nobody", "no\x00body", "x" * 5000)]

    assert {answer.status_code for answer in answers} == {401}
    texts = {shape(answer.text) for answer in answers}
    assert len(texts) == 1
    assert "do not fit together" in texts.pop()
    assert len(work) == 4  # the same work each time, so that time tells nothing either
    assert len(set(work)) == 1


@pytest.mark.parametrize("password", ["", PASSWORD + "x", PASSWORD.upper(), "x" * 10_000])
def test_a_wrong_password_opens_nothing(staff: Staff, password: str) -> None:
    assert staff.log_in(password=password).status_code == 401
    assert not staff.is_in()


def test_a_cookie_replayed_after_logout_opens_nothing(staff: Staff) -> None:
    staff.log_in()
    kept = cookie_of(staff)
    staff.log_out()

    staff.http.set_cookie(COOKIE, kept)
    assert not staff.is_in()


def test_a_login_ends_after_twelve_hours(staff: Staff, clock: Clock) -> None:
    staff.log_in()
    clock.now += 12 * 3600 - 1
    assert staff.is_in()

    clock.now += 1
    assert not staff.is_in()


def test_a_removed_agents_open_login_is_dead_at_once(staff: Staff) -> None:
    staff.log_in()
    with staff.app.app_context():
        session = current_state().session
        session.execute(sa.delete(Agent).where(Agent.login == "alan"))
        session.commit()

    assert not staff.is_in()


def test_a_session_planted_before_the_login_does_not_survive_it(staff: Staff) -> None:
    staff.get("/login")
    with staff.http.session_transaction() as planted:
        planted["planted"] = "by somebody else"
        before = planted["csrf_token"]
    staff.log_in()

    with staff.http.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") != before


def test_a_second_login_ends_the_first_of_the_same_browser(staff: Staff) -> None:
    staff.log_in("alan")
    first = cookie_of(staff)
    fields = {"login": "grace", "password": PASSWORD}
    staff.submit("/login", fields, form_on="/inbox")
    assert "Grace Hopper" in staff.get("/inbox").text

    staff.http.set_cookie(COOKIE, first)
    assert not staff.is_in()


def test_the_database_holds_neither_password_nor_token(staff: Staff) -> None:
    staff.log_in()
    with staff.http.session_transaction() as session:
        token = next(value for name, value in session.items() if name != "csrf_token")
    with staff.app.app_context():
        rows = current_state().session.execute(sa.select(AgentSession.id_hash, Agent.password_hash).join(Agent)).all()

    assert [row.id_hash for row in rows] == [hashlib.sha256(token.encode()).hexdigest()]
    assert PASSWORD not in repr(rows)
    assert token not in repr(rows)


def test_no_log_line_holds_password_or_token(staff: Staff, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    staff.log_in(password="a very secret guess")
    staff.log_in()

    assert PASSWORD not in caplog.text
    assert "a very secret guess" not in caplog.text


def test_an_altered_cookie_opens_nothing(staff: Staff) -> None:
    for value in ("", "x", "x" * 65, "ä", 1, None, ["x"], {"x": 1}):
        with staff.http.session_transaction() as session:
            session["kaltalk_iv_login"] = value
        assert not staff.is_in()


ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https://evil.example/inbox",
    "javascript:alert(1)",
    "//[::1",
    "http://[::1",
    "/inbox\r\nSet-Cookie: x=1",
    "/inbox\n",
    "/\t/evil.example",
    "/inbox/../../evil",
    "/inbox/%2e%2e/evil",
    "/%2fevil.example",
    "/inbox//evil",
    "/inbox\x00",
    "/inbox?q=\r\nSet-Cookie: x=1",
    "/inbox?q=//evil.example",
    "/inbox?" + "q" * 1024,
    "inbox",
    " /inbox",
    "/",
    "",
]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_next_leads_nowhere_but_to_a_page_of_ours(staff: Staff, wanted: str) -> None:
    assert staff.log_in(next=wanted).headers["Location"] == "/inbox"
    again = staff.http.get("/login", query_string={"next": wanted})
    assert again.headers["Location"] == "/inbox"


def test_below_a_mount_next_stays_below_it(staff: Staff) -> None:
    mounted = DispatcherMiddleware(NotFound(), {"/kaltalk": staff.app.wsgi_app})
    staff.app.wsgi_app = mounted  # type: ignore[method-assign]
    http = Client(staff.app)

    def target(wanted: str) -> str:
        http.delete_cookie(COOKIE)
        page = http.get("/kaltalk/login", query_string={"next": wanted})
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        form = {"csrf_token": token, "login": "alan", "password": PASSWORD, "next": wanted}
        return http.post("/kaltalk/login", data=form).headers["Location"]

    assert http.get("/kaltalk/inbox").headers["Location"] == "/kaltalk/login?next=/kaltalk/inbox"
    assert target("/kaltalk/inbox/con_1") == "/kaltalk/inbox/con_1"
    for outside in ("/orders", "/kaltalkx/inbox", "/kaltalk/../orders", "/kaltalk"):
        assert target(outside) == "/kaltalk/inbox"


def test_a_login_form_without_the_token_of_this_browser_is_refused(staff: Staff) -> None:
    answer = staff.http.post("/login", data={"login": "alan", "password": PASSWORD})
    assert answer.status_code == 400
    staff.log_in()
    assert staff.http.post("/logout").status_code == 400
    assert staff.is_in()


def test_the_login_page_carries_the_same_headers(staff: Staff) -> None:
    headers = staff.get("/login").headers

    assert headers["Cache-Control"] == "no-store"
    assert "Cookie" in headers["Vary"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_a_hint_stands_under_the_form_when_one_is_set(staff: Staff) -> None:
    assert "hint" not in staff.get("/login").text
    staff.app.config["KALTALK_IV_LOGIN_HINT"] = "Try <alan>"

    assert "Try &lt;alan&gt;" in staff.get("/login").text


def test_another_password_ends_the_open_logins_and_the_same_one_does_not(staff: Staff) -> None:
    staff.log_in()
    with staff.app.app_context():
        state = current_state()
        state.commit(lambda db, _now: agents.change_password(db, "org_shop", "Alan", PASSWORD))
    assert staff.is_in()
    with staff.app.app_context():
        state = current_state()
        state.commit(lambda db, _now: agents.change_password(db, "org_shop", "alan", "another calm password"))
        with pytest.raises(KalTalkError, match="agent"):
            state.commit(lambda db, _now: agents.change_password(db, "org_shop", "nobody", "another calm password"))
    assert not staff.is_in()
    assert staff.log_in(password="another calm password").status_code == 303


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"login": "GRACE"}, Conflict),
        ({"login": "no blanks"}, Unreadable),
        ({"login": ""}, Unreadable),
        ({"role": "owner"}, Unreadable),
        ({"name": "\x00"}, Unreadable),
        ({"password": "short"}, Unreadable),
        ({"password": "x" * 257}, Unreadable),
        ({"organization_id": "org_gone"}, UnknownOrganization),
    ],
)
def test_an_agent_that_cannot_be_is_refused(staff: Staff, change: dict[str, str], refusal: type[Exception]) -> None:
    values = {"organization_id": "org_shop", "login": "ann", "name": "Ann", "role": "agent", "password": PASSWORD}
    with staff.app.app_context(), pytest.raises(refusal):
        agents.create_agent(current_state().session, **(values | change), now=0)


def test_a_stored_hash_of_another_shape_fits_no_password() -> None:
    for stored in ("", "plain", passwords.NOBODY, "scrypt$x$y", "pbkdf2:sha256$a$b"):
        assert not passwords.is_password(stored, "")
        assert not passwords.is_password(stored, stored)
    made = passwords.hash_password("pässwörd \udc80")
    assert passwords.is_password(made, "pässwörd \udc80")
    assert made != passwords.hash_password("pässwörd \udc80")


def cookie_of(staff: Staff) -> str:
    """Return the session cookie as it stands in the browser."""
    cookie = staff.http.get_cookie(COOKIE)
    assert cookie is not None
    return cookie.value
