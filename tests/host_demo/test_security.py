"""The headers of every answer."""

import re

import pytest
from flask import Flask

from tests.host_demo.conftest import MakeApp
from tests.host_demo.visitor import Visitor

NOT_PAGES = {"static"}


def csp(visitor: Visitor, path: str = "/") -> dict[str, str]:
    """The directives of the policy on a page."""
    header = visitor.get(path).headers["Content-Security-Policy"]
    return {name: value for name, _, value in (part.strip().partition(" ") for part in header.split(";"))}


def test_no_page_is_kept_by_a_cache_whoever_looks(app: Flask, stranger: Visitor, ada: Visitor) -> None:
    pages = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.methods and "GET" in rule.methods and rule.endpoint not in NOT_PAGES
    ]
    assert {"/", "/orders", "/profile", "/login", "/register"} <= set(pages)
    for visitor in (stranger, ada):
        for path in [*pages, "/no-such-page"]:
            answer = visitor.get(path)
            assert answer.headers["Cache-Control"] == "no-store", path
            assert "Cookie" in answer.vary, path


def test_the_style_sheet_may_be_kept(stranger: Visitor) -> None:
    answer = stranger.get("/static/host.css")
    assert "no-store" not in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers


def test_the_policy_allows_what_the_page_needs_and_nothing_else(stranger: Visitor) -> None:
    policy = csp(stranger)
    assert re.fullmatch(r"'nonce-[\w-]{22}'", policy.pop("script-src"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_each_answer_has_a_nonce_of_its_own_on_all_its_scripts(stranger: Visitor) -> None:
    seen = set()
    for _ in range(3):
        page = stranger.get("/")
        nonces = set(re.findall(r'<script(?! type="application/json")[^>]* nonce="([^"]+)"', page.text))
        scripts = len(re.findall(r'<script(?! type="application/json")', page.text))
        assert (scripts, len(nonces)) == (3, 1)
        assert f"'nonce-{min(nonces)}'" in page.headers["Content-Security-Policy"]
        seen |= nonces
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("https://chat.example.com/kaltalk/", "'self' https://chat.example.com"),
        ("http://127.0.0.1:8001", "'self' http://127.0.0.1:8001"),
        ("/kaltalk", "'self'"),
        (None, "'self'"),
    ],
)
def test_pages_may_call_kaltalk_and_no_other_site(make_app: MakeApp, origin: str | None, source: str) -> None:
    assert csp(Visitor(make_app(KALTALK_ORIGIN=origin)))["connect-src"] == source


def test_there_is_no_inline_handler_or_style(ada: Visitor) -> None:
    for path in ("/", "/orders", "/profile", "/no-such-page"):
        assert not re.search(r"<[^>]+\s(on\w+|style)=", ada.get(path).text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ],
)
def test_every_answer_carries_it(stranger: Visitor, name: str, value: str) -> None:
    for path in ("/", "/orders", "/no-such-page", "/static/host.js"):
        assert stranger.get(path).headers[name] == value
    assert "camera=()" in stranger.get("/").headers["Permissions-Policy"]


@pytest.mark.parametrize(
    ("hops", "sent", "is_tls"),
    [
        ("0", "https", False),
        ("1", "https", True),
        ("1", "https, http", False),
        ("2", "https, http", True),
        ("2", "https", False),
    ],
)
def test_tls_is_what_the_exact_number_of_proxies_says_and_browsers_then_remember_it(
    make_app: MakeApp, hops: str, sent: str, is_tls: bool
) -> None:
    host = make_app(HOST_PROXY_HOPS=hops).test_client()

    assert "Strict-Transport-Security" not in host.get("/").headers
    kept = host.get("/", headers={"X-Forwarded-Proto": sent}).headers.get("Strict-Transport-Security")
    assert kept == ("max-age=31536000" if is_tls else None)
