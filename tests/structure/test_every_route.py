"""Every route of KalTalk, walked from the URL map: tenants, forms, logins, roles, methods, headers, hostile paths."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import pytest
import sqlalchemy as sa
from flask import Flask

from kaltalk_iv.models import Base
from tests.api.world import engine_of
from tests.dashboard.staff import Staff
from tests.structure.doors import KALTALK, Door
from tests.structure.walk import ALL_METHODS, SAFE, Address, addresses, csrf_token, shape

UNKNOWN: Final = "con_" + "0" * 24
# What a placeholder may stand for. The organization in the widget's address is public: every page says it.
VALUES: Final[dict[str, str]] = {"conversation_id": UNKNOWN, "organization_id": "org_shop", "name": "dashboard.css"}
IDS: Final = frozenset({"conversation_id"})
HOSTILE: Final = (
    "%00",
    "%2F",
    "..%2f..%2fmodels.py",
    "%ff%fe",
    "%ED%A0%80",
    "%E2%80%AE",
    "%0d%0aSet-Cookie:%20x=1",
    "con_'--",
    "{{7*7}}",
    "x" * 10_000,
)
FORM: Final = {"text": "Hello", "client_message_id": "m1", "seen_state": "", "seen_session": ""}


def walk(app: Flask, *doors: Door, **values: str) -> Iterator[Address]:
    """Yield the addresses behind these doors."""
    for address in addresses(app, VALUES | values):
        if KALTALK[address.endpoint] in doors:
            yield address


def tables(app: Flask) -> dict[str, list[Any]]:
    """Return every row of ours, save the trail of who tried what."""
    with engine_of(app).connect() as connection:
        return {
            name: sorted(map(str, connection.execute(sa.select(table)).all()))
            for name, table in Base.metadata.tables.items()
            if not name.endswith("audit_events")
        }


def audit_trail(app: Flask) -> list[str]:
    """Return the actions in the audit trail, in any order."""
    table = Base.metadata.tables["kaltalk_iv_audit_events"]
    with engine_of(app).connect() as connection:
        return list(connection.scalars(sa.select(table.c.action)))


def test_every_route_is_declared_and_every_declared_route_is_there(app: Flask) -> None:
    assert {str(rule.endpoint) for rule in app.url_map.iter_rules()} == set(KALTALK)


def test_abuse_34_an_id_of_another_organization_answers_like_one_that_is_not_there(
    staff: Staff, conversation_of_others: str
) -> None:
    staff.log_in("grace")
    form = FORM | {"csrf_token": csrf_token(staff.http, "/inbox")}
    before = tables(staff.app)
    tried = 0
    theirs = walk(staff.app, Door.STAFF, Door.ADMIN, conversation_id=conversation_of_others)
    for their, nobodys in zip(theirs, walk(staff.app, Door.STAFF, Door.ADMIN), strict=True):
        if not IDS & their.rule.arguments:
            continue
        for method in their.methods:
            answers = [
                staff.http.open(address.path, method=method, data=None if method in SAFE else form, buffered=True)
                for address in (their, nobodys)
            ]
            assert [answer.status_code for answer in answers] == [404, 404], (method, their.rule)
            assert shape(answers[0].text) == shape(answers[1].text), (method, their.rule)
            tried += 1
    assert tried >= 2
    assert tables(staff.app) == before


def test_abuse_35_every_unsafe_route_without_a_csrf_token_is_refused_save_the_widgets(staff: Staff) -> None:
    staff.log_in("grace")
    before = tables(staff.app)
    refused: set[str] = set()
    unsafe: set[str] = set()
    for address in walk(staff.app, *Door):
        for method in address.methods - SAFE:
            unsafe.add(address.endpoint)
            for form in ({}, {"csrf_token": "x"}, {"csrf_token": ""}):
                answer = staff.http.open(address.path, method=method, data=form)
                if answer.status_code == 400 and "was not sent from a page that we gave you" in answer.text:
                    refused.add(address.endpoint)
    assert unsafe - refused == {name for name, door in KALTALK.items() if door is Door.WIDGET}
    assert tables(staff.app) == before


def test_abuse_35_the_token_of_another_browser_is_none(staff: Staff) -> None:
    staff.log_in("grace")
    theirs = csrf_token(staff.app.test_client(), "/login")
    for address in walk(staff.app, Door.STAFF, Door.ADMIN):
        for method in address.methods - SAFE:
            answer = staff.http.open(address.path, method=method, data={"csrf_token": theirs})
            assert answer.status_code == 400, address.rule


def test_no_page_opens_without_a_login(staff: Staff) -> None:
    stranger = staff.app.test_client()
    form = {"csrf_token": csrf_token(stranger, "/login")}
    before = tables(staff.app)
    for address in walk(staff.app, Door.STAFF, Door.ADMIN):
        for method in address.methods:
            answer = stranger.open(address.path, method=method, data=None if method in SAFE else form)
            assert answer.status_code in {302, 303}, address.rule
            assert answer.headers["Location"].startswith("/login"), address.rule
    assert tables(staff.app) == before


def test_a_login_that_was_ended_opens_nothing(staff: Staff) -> None:
    staff.log_in("grace")
    thief = staff.app.test_client()
    thief._cookies = dict(staff.http._cookies or {})
    assert thief.get("/inbox").status_code == 200
    staff.log_out()
    for address in walk(staff.app, Door.STAFF, Door.ADMIN):
        if "GET" in address.methods:
            assert thief.get(address.path).status_code in {302, 303}, address.rule


def test_abuse_36_every_admin_page_refuses_an_agent_and_notes_it(staff: Staff) -> None:
    staff.log_in("alan")
    form = {"csrf_token": csrf_token(staff.http, "/inbox")}
    before = tables(staff.app)
    tried = 0
    for address in walk(staff.app, Door.ADMIN):
        for method in address.methods:
            answer = staff.http.open(address.path, method=method, data=None if method in SAFE else form)
            assert answer.status_code == 403, (method, address.rule)
            tried += 1
    assert tried == audit_trail(staff.app).count("settings_denied") > 10
    assert tables(staff.app) == before


def test_what_is_behind_the_staff_door_opens_for_an_agent(staff: Staff) -> None:
    staff.log_in("alan")
    for address in walk(staff.app, Door.STAFF):
        if "GET" in address.methods and not address.rule.arguments:
            assert staff.http.get(address.path).status_code in {200, 302}, address.rule


@pytest.mark.parametrize("login", ["", "grace"])
def test_no_method_breaks_or_changes_anything_by_itself(staff: Staff, login: str) -> None:
    if login:
        staff.log_in(login)
    before = tables(staff.app)
    for address in walk(staff.app, *Door):
        for method in ALL_METHODS:
            answer = staff.http.open(address.path, method=method, buffered=True)
            assert answer.status_code < 500, (method, address.rule)
    assert tables(staff.app) == before


def test_every_answer_carries_the_headers_of_its_kind(staff: Staff) -> None:
    staff.log_in("grace")
    for address in walk(staff.app, *Door):
        for method in ("GET", "POST"):
            answer = staff.http.open(address.path, method=method, buffered=True)
            _check_headers(address, answer.headers, is_page=answer.mimetype == "text/html")


def _check_headers(address: Address, headers: Any, *, is_page: bool) -> None:
    where = str(address.rule)
    assert headers["X-Content-Type-Options"] == "nosniff", where
    assert headers["Cross-Origin-Resource-Policy"] in {"same-origin", "cross-origin"}, where
    if is_page:
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], where
        assert headers["Referrer-Policy"] in {"same-origin", "no-referrer"}, where
        assert headers["Permissions-Policy"], where
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", where
        assert headers["Cache-Control"] == "no-store", where
        assert "Cookie" in headers["Vary"], where
    if KALTALK[address.endpoint] is Door.WIDGET:
        assert headers["Cache-Control"] == "no-store", where
        assert "Origin" in headers["Vary"], where


def test_a_hostile_path_is_refused_and_never_a_500(staff: Staff) -> None:
    staff.log_in("grace")
    before = tables(staff.app)
    for address in addresses(staff.app, VALUES):
        for name, value in product(address.rule.arguments, HOSTILE):
            path = address.path.replace(VALUES[name], value)
            assert path != address.path
            for method in ("GET", "POST"):
                answer = staff.http.open(path, method=method, buffered=True)
                assert answer.status_code in {308, 400, 404, 405, 415}, (method, address.rule, value[:20])
    assert tables(staff.app) == before
