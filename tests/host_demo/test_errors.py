"""Errors are whole pages in the face of the shop."""

import logging
import re

import pytest
from flask import Flask
from werkzeug.test import TestResponse

import host_demo
from tests.host_demo.conftest import MakeApp
from tests.host_demo.visitor import Visitor, settings_on

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def assert_is_a_whole_page(answer: TestResponse) -> None:
    """It has the layout, the headers, and one heading."""
    assert answer.content_type == "text/html; charset=utf-8"
    assert "Harrow Lane Tea" in answer.text
    assert answer.text.count("<h1>") == 1
    assert answer.text.rstrip().endswith("</html>")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Cookie" in answer.vary
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_an_unknown_address(stranger: Visitor) -> None:
    answer = stranger.get("/no-such-page")
    assert answer.status_code == 404
    assert_is_a_whole_page(answer)


def test_every_unsafe_route_refuses_a_form_without_its_csrf_token(app: Flask, ada: Visitor) -> None:
    routes = [rule for rule in app.url_map.iter_rules() if rule.methods and rule.methods & UNSAFE]
    assert len(routes) >= 4
    for rule in routes:
        answer = ada.http.post(rule.rule, data={"username": "ada"})
        assert answer.status_code == 400, rule
        assert_is_a_whole_page(answer)
        assert "Load the page again" in answer.text


def test_a_csrf_token_of_another_session_is_refused(app: Flask, ada: Visitor) -> None:
    foreign = Visitor(app).csrf_token("/login")
    assert ada.http.post("/logout", data={"csrf_token": foreign}).status_code == 400


def test_a_method_that_does_not_fit_names_those_that_do(stranger: Visitor) -> None:
    answer = stranger.http.delete("/login")
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
    assert_is_a_whole_page(answer)


def test_a_defect_shows_a_page_without_a_user(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    app = make_app()
    app.add_url_rule("/defect", "defect", lambda: str(1 / 0))
    visitor = Visitor(app)
    visitor.log_in()
    answer = visitor.get("/defect")
    assert answer.status_code == 500
    assert_is_a_whole_page(answer)
    assert "kaltalk-settings" not in answer.text
    assert "ZeroDivisionError" in caplog.text
    assert "ZeroDivisionError" not in answer.text


def test_a_database_without_tables_says_which_command_makes_them(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(HOST_DATABASE_URL="sqlite://")
    stranger = Visitor(app)
    with caplog.at_level(logging.ERROR):
        answer = stranger.log_in()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "30"
    assert_is_a_whole_page(answer)
    assert "flask --app host_demo init-db" in caplog.text


def test_a_lost_database_shows_a_page_to_a_logged_in_user_and_logs_no_value(
    app: Flask, ada: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    with app.app_context():
        host_demo.db.drop_all()
    for path in ("/", "/orders", "/no-such-page"):
        answer = ada.get(path)
        assert answer.status_code == 503
        assert_is_a_whole_page(answer)
    sign_in_id = re.search(r"parameters: (.*)", caplog.text)
    assert sign_in_id is None, "parameters of a statement stand in the log"


def test_a_missing_image_does_not_use_up_the_note_for_the_next_page(ada: Visitor) -> None:
    ada.log_out()
    ada.get("/no-such-image.png")
    assert "You are logged out." in ada.get("/").text


def test_the_chat_is_on_the_page_that_nobody_finds(ada: Visitor) -> None:
    assert "userJwt" in settings_on(ada.get("/no-such-page"))
