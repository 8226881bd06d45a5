"""What a reply should not hold for a stranger: what is found, what is left alone, and how long it may take."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaltalk_iv.core.checksums import iban_at_start, is_card_number
from kaltalk_iv.core.sensitive import MOST, Finding, Kind, find_sensitive
from kaltalk_iv.core.text import MAX_MESSAGE

SECRET = "ktiv_" + "Ab3-_x" * 7 + "Z"

FOUND = [
    (Kind.EMAIL, "I have ada@example.com here", "ada@example.com"),
    (Kind.EMAIL, "mailto:ada.l+shop@mail.example.co.uk?", "ada.l+shop@mail.example.co.uk"),
    (Kind.EMAIL, "full width: ada＠example．com", "ada@example.com"),
    (Kind.EMAIL, "hidden: ada@exa\u200bmple.com", "ada@example.com"),
    (Kind.CARD, "card 4111 1111 1111 1111.", "4111 1111 1111 1111"),
    (Kind.CARD, "4111-1111-1111-1111", "4111-1111-1111-1111"),
    (Kind.CARD, "order 12 4111 1111 1111 1111 and more", "4111 1111 1111 1111"),
    (Kind.CARD, "5555555555554444", "5555555555554444"),
    (Kind.CARD, "amex 3782 822463 10005", "3782 822463 10005"),
    (Kind.CARD, "diners 30569309025904", "30569309025904"),
    (Kind.CARD, "6011 1111 1111 1117", "6011 1111 1111 1117"),
    (Kind.CARD, "４１１１ １１１１ １１１１ １１１１", "4111 1111 1111 1111"),
    (Kind.CARD, "٤١١١١١١١١١١١١١١١", "4111111111111111"),
    (Kind.CARD, "4111\u00a01111\u00a01111\u00a01111", "4111 1111 1111 1111"),
    (Kind.CARD, "4111–1111–1111–1111", "4111-1111-1111-1111"),
    (Kind.IBAN, "to DE89 3704 0044 0532 0130 00 please", "DE89370400440532013000"),
    (Kind.IBAN, "gb82west12345698765432", "GB82WEST12345698765432"),
    (Kind.IBAN, "aa11 NO93 8601 1117 947", "NO9386011117947"),
    (Kind.LINK, "https://shop.example/?token=abc123def", None),
    (Kind.LINK, "https://shop.example/login?code=48151623", None),
    (Kind.LINK, "HTTPS://shop.example/#access_token=abcdef", None),
    (Kind.LINK, "https://shop.example/?x=9f8e7d6c5b4a39281706f5e4d3c2b1a0", None),
    (Kind.LINK, "https://shop.example/reset/8f3e9a7b6c5d4e3f2a1b0c9d", None),
    (Kind.LINK, "https://shop.example/password-reset/MTIzNDU2Nzg5MDEyMzQ1Njc4", None),
    (Kind.LINK, "https://shop.example/f/4a8f1c2b3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60", None),
    (Kind.LINK, "https://ada:pass@shop.example/", None),
    (Kind.LINK, "https://shop.example/x?utm_source=mail&session=abcdef12", None),
    (Kind.TOKEN, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"),
    (Kind.PASSWORD, "Password: hunter2", "Password: hunter2"),
    (Kind.PASSWORD, "your password is hunter2", "password is hunter2"),
    (Kind.PASSWORD, "your password is: hunter", "password is: hunter"),
    (Kind.PASSWORD, "PIN 1234", "PIN 1234"),
    (Kind.PASSWORD, "your verification code is 483920", "verification code is 483920"),
    (Kind.PASSWORD, "Passwort ist geheim1", "Passwort ist geheim1"),
    (Kind.PASSWORD, "api_key=abcdef", "api_key=abcdef"),
    (Kind.KEY, "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----"),
    (Kind.KEY, "use sk_live_abcdefghijkl", "sk_live_abcdefghijkl"),
    (Kind.SIGNING_SECRET, f"KALTALK_IV_SECRET={SECRET}", SECRET),
    (Kind.SIGNING_SECRET, f"cut: {SECRET[:30]}", SECRET[:30]),
    (Kind.SIGNING_SECRET, f"kt\u200biv_\u200b{SECRET[5:]}", SECRET),
    (Kind.SIGNING_SECRET, f"“{SECRET}”", SECRET),
]

LEFT_ALONE = [
    "Your order 4711 was sent on 12.12.2025 at 14:00.",
    "order number 4111111111111112",  # no check digit fits
    "order 100000012345678",
    "order 4111111111111111222233334444",  # a piece of a longer number is none
    "call +49 30 1234567890 or (030) 12 34 56 78",
    "+4111111111111111",
    "That is € 1,234.00 or 1.234,00 EUR, 3 × 19.99",
    "DHL 00340434161094042557, UPS 1Z999AA10123456784, USPS 9400 1000 0000 0000 0000 00",
    "ISBN 978-3-16-148410-0, EAN 4006381333931",
    "IBAN DE89 3704 0044 0532 0130 01 has a typing error",
    "ZZ89 3704 0044 0532 0130 00 is of no country",
    "Our shop is in TR34 İstanbul Sanayi Caddesi No 12 Kat 3",  # as long as an account number, in letters of its own
    "TR34 ıstanbul sanayi caddesi no 12 kat 3",
    "https://shop.example/orders/123e4567-e89b-12d3-a456-426614174000",
    "https://shop.example/?id=123e4567-e89b-12d3-a456-426614174000",
    "https://shop.example/help/how-to-set-up-two-factor-authentication-in-2025-step-by-step",
    "https://shop.example/reset/how-to-reset-your-password-in-two-steps",
    "https://shop.example/?utm_campaign=spring2026abcdefghijklmnopqrst&gclid=Cj0KCQjw8abcdefgh12345678901234",
    "https://code.example/a/b/commit/0c50a22f1e2d3c4b5a69788796a5b4c3d2e1f001",
    "https://shop.example/search?q=coffee&page=2&sort=price",
    "Your password is wrong, reset it in the settings.",
    "I have sent you a password reset link.",
    "The secret is good coffee.",
    "Write to us @shop, or at shop (at) example (dot) com.",
    "ktiv_short is no secret",
    "version 4.1.1.1, 192.168.178.1, 50°7'N 8°41'E",
    "",
    "Grüße aus Köln 👋🏽",
]


def kinds(text: str) -> list[Kind]:
    """Return the kinds of what is found in ``text``."""
    return [finding.kind for finding in find_sensitive(text)]


@pytest.mark.parametrize(("kind", "text", "words"), FOUND, ids=[f"{kind}: {text}"[:50] for kind, text, _ in FOUND])
def test_what_opens_an_account_is_found(kind: Kind, text: str, words: str | None) -> None:
    of_kind = [finding.words for finding in find_sensitive(text) if finding.kind is kind]

    assert len(of_kind) == 1
    assert of_kind[0] == (text if words is None else words)


@pytest.mark.parametrize("text", LEFT_ALONE, ids=[text[:40] for text in LEFT_ALONE])
def test_what_every_support_chat_is_full_of_is_left_alone(text: str) -> None:
    assert find_sensitive(text) == ()


def test_the_worst_stands_first_each_once_and_at_most_ten() -> None:
    text = f"ada@example.com ada@example.com 4111111111111111 {SECRET} " + " ".join(
        f"u{n}@example.com" for n in range(20)
    )

    assert kinds(text) == [Kind.SIGNING_SECRET, Kind.CARD] + [Kind.EMAIL] * (MOST - 2)


def test_a_finding_does_not_show_its_words_by_itself() -> None:
    assert "hunter2" not in repr(Finding(Kind.PASSWORD, "password: hunter2"))


@pytest.mark.parametrize(
    ("digits", "is_one"),
    [
        ("4242424242424242", True),
        ("4242424242424241", False),
        ("0000000000000000", False),  # right by Luhn, issued by nobody
        ("1111111111111117", False),
        ("2223003122003222", True),
        ("2220003122003225", False),  # one below what Mastercard has
        ("4222222222222", False),  # 13 digits went out of use, and EANs begin like that
    ],
)
def test_a_card_number_has_an_issuer_and_a_check_digit(digits: str, *, is_one: bool) -> None:
    assert is_card_number(digits) is is_one


@pytest.mark.parametrize(
    "text",
    [
        "DE89 3704 0044 0532 0130 00",
        "FR1420041010050500013M02606",
        "MT84MALT011000012345MTLCAST001S",
        "NO9386011117947",
    ],
)
def test_an_account_number_of_every_length_is_known_by_its_check_digits(text: str) -> None:
    packed = text.replace(" ", "")
    changed = packed[:-1] + ("1" if packed[-1] != "1" else "2")

    assert iban_at_start(f"{text} and so on") == packed
    assert iban_at_start(changed) is None
    assert iban_at_start(packed[:-1]) is None


PIECES = [
    "a",
    "1",
    "1 ",
    "1-",
    "4111 1111 1111 1111 ",
    "@",
    "a@",
    "a.",
    "@a.a",
    "a@a.a",
    "https://",
    "https://a?token=a&",
    "https://a/a1",
    "ktiv_",
    "ktiv_a",
    "eyJ",
    "eyJaaaaaa.",
    "eyJaaaaaaa.aaaa",
    "password",
    "password is ",
    "password: ",
    "password is aaaa ",
    "password for aaaa",
    "api key ",
    "DE89 ",
    "DE89",
    "de11",
    "A1",
    "-----BEGIN ",
    "sk_live_",
    "xoxa-",
    "\ufdfa",
    "\u0661",
    "\u200b",
]


@pytest.mark.parametrize("piece", PIECES, ids=list(map(ascii, PIECES)))
def test_the_longest_reply_of_anything_is_looked_through_at_once(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        began = time.process_time()
        find_sensitive(text)
        return time.process_time() - began

    # Four times the text may take four times as long: a square would take sixteen. Short times are mostly noise.
    once, fourfold = min(seconds(MAX_MESSAGE) for _ in range(2)), min(seconds(4 * MAX_MESSAGE) for _ in range(2))
    assert once < 0.5
    assert fourfold < 0.04 or fourfold < 10 * once


@given(st.text(max_size=200))
def test_no_text_makes_it_fail_and_a_finding_is_never_empty(text: str) -> None:
    assert all(finding.words for finding in find_sensitive(text))


@given(st.text(alphabet="ktiv_-Ab3 \u200b\n", max_size=30))
def test_a_signing_secret_is_found_wherever_it_stands(before: str) -> None:
    assert Kind.SIGNING_SECRET in kinds(f"{before}{SECRET}")
