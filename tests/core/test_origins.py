"""Origins: what an entry of the list becomes, and that nothing which only looks like an entry gets in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaltalk_iv.core.errors import Unreadable
from kaltalk_iv.core.origins import is_allowed, parse_origin, suggest_origin


@pytest.mark.parametrize(
    ("entry", "origin"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com/", "https://example.com"),
        (" https://example.com\n", "https://example.com"),
        ("HTTPS://Example.COM", "https://example.com"),
        ("https://example.com:443", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("http://example.com:443", "http://example.com:443"),
        ("https://example.com:1", "https://example.com:1"),
        ("https://example.com:65535", "https://example.com:65535"),
        ("http://localhost:5000", "http://localhost:5000"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("http://[0:0::0:1]", "http://[::1]"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://BÜCHER.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_entry_becomes_what_browsers_send(entry: str, origin: str) -> None:
    assert parse_origin(entry) == origin
    assert parse_origin(origin) == origin


@pytest.mark.parametrize(
    "entry",
    [
        *("", "null", "*", "example.com", "//example.com", "https://", "https:///path", "https://:443"),
        *("https:example.com", "ftp://example.com", "javascript://example.com", "file:///etc/hostname"),
        *("https://example.com/shop", "https://example.com?x", "https://example.com#x", "https://example.com//"),
        *("https://ada@example.com", "https://ada:pw@example.com", "https://@example.com", "data:text/html,x"),
        *("https://*.example.com", "https://*", "https://example.com:*", "https://example.com:"),
        *(
            "https://example.com:65536",
            "https://example.com:000443",
            "https://example.com:0",
            "https://example.com:x",
            "https://example.com:٤",
        ),
        *("https://a..b", f"https://{'a' * 64}.com", "https://.example.com", "https://<b>.com"),
        *("https://exa mple.com", "https://example.com\\@evil.com", "https://example.com%00.evil.com"),
        *("https://example.com\0", "https://exa\nmple.com", "https://exa\tmple.com", "https://\ud800.com"),
        *("https://[::1", "https://[::1%25eth0]", "https://[v1.x]", "https://[::1]x", "https://[]", "https://[::g]"),
        *("https://example.com,https://b.example", "https://example.com https://b.example"),
        *(
            "http\u017f://example.com",
            "HTTP\u017f://example.com:8443",
            "http\u017f://[::1]",
            "http\u017f://example.com/a",
        ),
    ],
)
def test_what_is_no_origin_is_refused(entry: str) -> None:
    with pytest.raises(Unreadable):
        parse_origin(entry)


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.characters(codec=None), max_size=60)
    | st.builds("https://{}".format, st.text(st.characters(codec=None), max_size=40))
    | st.builds("http://{}".format, st.text("[]:.%@/\\?#*aA1-é ", max_size=40))
)
def test_any_text_is_an_origin_or_unreadable(entry: str) -> None:
    try:
        origin = parse_origin(entry)
    except Unreadable:
        return
    assert parse_origin(origin) == origin
    assert origin.isascii()
    assert origin.isprintable()


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://example.com.evil",
        "https://evilexample.com",
        "http://example.com",
        "https://example.com:444",
        "https://EXAMPLE.com",
        "https://example.com/",
        "https://example.com https://evil.com",
        "",
    ],
)
def test_only_the_exact_origin_is_allowed(origin: str) -> None:
    assert not is_allowed(origin, ["https://example.com"])
    assert is_allowed(origin, ["https://example.com", origin])


def test_an_empty_list_allows_any_origin_and_a_call_without_one_is_no_pages() -> None:
    assert is_allowed("https://anywhere.example", [])
    assert is_allowed(None, ["https://example.com"])
    assert is_allowed(None, [])


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("https://shop.example.com/checkout?step=1", "https://shop.example.com"),
        ("shop.example.com", "https://shop.example.com"),
        ("HTTP://Shop.Example.com:8080/", "http://shop.example.com:8080"),
        ("*.example.com", "https://example.com"),
        ("https://example.com.", "https://example.com"),
        ("X.example.com", "https://x.example.com"),
        ("example.com.X", "https://example.com.x"),
        ("", None),
        ("://", None),
        ("https://a..b", None),
    ],
)
def test_a_refused_entry_is_answered_with_what_it_seems_to_mean(entry: str, meant: str | None) -> None:
    assert suggest_origin(entry) == meant
