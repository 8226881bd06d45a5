"""Every route of the sample host, walked from the URL map as the demo runs it."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from host_demo.models import db
from tests.dashboard.staff import PASSWORD
from tests.structure.doors import HOST, Door
from tests.structure.walk import ALL_METHODS, SAFE, Address, addresses, csrf_token

VALUES: Final = {"filename": "host.css"}


def walk(app: Flask, *doors: Door) -> Iterator[Address]:
    """Yield the addresses behind these doors."""
    for address in addresses(app, VALUES):
        if HOST[address.endpoint] in doors:
            yield address


def ada(app: Flask) -> FlaskClient:
    """Return a browser in which ada has logged in."""
    http = app.test_client()
    form = {"csrf_token": csrf_token(http, "/login"), "username": "ada", "password": PASSWORD}
    assert http.post("/login", data=form).status_code == 302
    return http


def rows(app: Flask) -> dict[str, list[str]]:
    """Return every row of the host's database."""
    with app.app_context():
        tables = db.metadata.tables
        return {name: sorted(map(str, db.session.execute(sa.select(table)).all())) for name, table in tables.items()}


def test_every_route_is_declared_and_every_declared_route_is_there(host: Flask) -> None:
    assert {str(rule.endpoint) for rule in host.url_map.iter_rules()} == set(HOST)


def test_abuse_35_no_form_is_taken_without_a_csrf_token(host: Flask) -> None:
    http = ada(host)
    before = rows(host)
    unsafe = [(address, method) for address in walk(host, *Door) for method in address.methods - SAFE]
    assert len(unsafe) >= 4
    for address, method in unsafe:
        for form in ({}, {"csrf_token": "x"}):
            assert http.open(address.path, method=method, data=form).status_code == 400, address.rule
    assert rows(host) == before


def test_no_page_of_a_customer_opens_without_a_login(host: Flask) -> None:
    stranger = host.test_client()
    form = {"csrf_token": csrf_token(stranger, "/login")}
    for address in walk(host, Door.CUSTOMER):
        for method in address.methods:
            answer = stranger.open(address.path, method=method, data=None if method in SAFE else form)
            assert answer.status_code in {302, 303, 401}, (method, address.rule)
            assert "eyJ" not in answer.text  # the beginning of every token


def test_no_method_breaks_or_changes_anything_by_itself(host: Flask) -> None:
    http = ada(host)
    before = rows(host)
    for address in walk(host, *Door):
        for method in ALL_METHODS:
            assert http.open(address.path, method=method, buffered=True).status_code < 500, (method, address.rule)
    assert rows(host) == before


@pytest.mark.parametrize("logged_in", [True, False])
def test_every_answer_carries_the_headers_of_its_kind(host: Flask, logged_in: bool) -> None:
    http = ada(host) if logged_in else host.test_client()
    for address in walk(host, *Door):
        answer = http.get(address.path, buffered=True)
        _check_headers(address, answer.headers)


def _check_headers(address: Address, headers: Any) -> None:
    where = str(address.rule)
    assert headers["X-Content-Type-Options"] == "nosniff", where
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], where
    assert headers["Referrer-Policy"], where
    assert headers["Permissions-Policy"], where
    assert "Access-Control-Allow-Origin" not in headers, where
    if address.endpoint != "static":
        assert headers["Cache-Control"] == "no-store", where
        assert "Cookie" in headers["Vary"], where


@pytest.mark.parametrize("value", ["%00", "..%2f..%2fmodels.py", "%ff%fe", "%0d%0aX:%20y", "x" * 10_000])
def test_a_hostile_path_is_a_404(host: Flask, value: str) -> None:
    for prefix in ("/static/", "/", "/login/"):
        assert host.test_client().get(prefix + value).status_code == 404
