"""Settings are refused with the mend and without their value; a sealed secret opens in its own row alone."""

import dataclasses
from typing import Any

import pytest

from kaltalk_iv import generate_encryption_key
from kaltalk_iv.config import SESSION_LIFETIME_SECONDS, read_settings
from kaltalk_iv.core.errors import SecretUnavailable
from kaltalk_iv.core.keyring import secret_from
from kaltalk_iv.testing import OrganizationForTests
from kaltalk_iv.vault import Vault

KEY = generate_encryption_key()
SECRET_KEY = "a secret key for tests alone, long enough"
GOOD = {"SECRET_KEY": SECRET_KEY, "KALTALK_IV_ENCRYPTION_KEYS": KEY}
SECRET = secret_from(b"s" * 32)

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no secret key": ({"SECRET_KEY": None}, "SECRET_KEY"),
    "an empty secret key": ({"SECRET_KEY": ""}, "SECRET_KEY"),
    "a short secret key": ({"SECRET_KEY": "dev"}, "token_urlsafe"),
    "a secret key of 15 bytes": ({"SECRET_KEY": b"x" * 15}, "token_urlsafe"),
    "a secret key that is a number": ({"SECRET_KEY": 12345678901234567890}, "token_urlsafe"),
    "an empty fallback": ({"SECRET_KEY_FALLBACKS": [""]}, "SECRET_KEY_FALLBACKS"),
    "a fallback that is nothing": ({"SECRET_KEY_FALLBACKS": [None]}, "SECRET_KEY_FALLBACKS"),
    "no encryption key": ({"KALTALK_IV_ENCRYPTION_KEYS": None}, "generate_encryption_key"),
    "an empty encryption key": ({"KALTALK_IV_ENCRYPTION_KEYS": " , ,"}, "generate_encryption_key"),
    "no list of encryption keys": ({"KALTALK_IV_ENCRYPTION_KEYS": []}, "generate_encryption_key"),
    "some other text": ({"KALTALK_IV_ENCRYPTION_KEYS": "hunter2-hunter2-hunter2"}, "number 1"),
    "a cut key": ({"KALTALK_IV_ENCRYPTION_KEYS": f"{KEY},{KEY[:-2]}"}, "number 2"),
    "a key without its prefix": ({"KALTALK_IV_ENCRYPTION_KEYS": KEY.removeprefix("ktek_")}, "number 1"),
    "a key of other letters": ({"KALTALK_IV_ENCRYPTION_KEYS": "ktek_" + "\u00e9" * 43}, "number 1"),
    "a session lifetime of text": ({"KALTALK_IV_SESSION_LIFETIME": "3600"}, "KALTALK_IV_SESSION_LIFETIME"),
    "a session lifetime of nothing": ({"KALTALK_IV_SESSION_LIFETIME": 0}, "between 60 and 604800"),
    "a session lifetime without end": ({"KALTALK_IV_SESSION_LIFETIME": float("inf")}, "between 60"),
    "a session lifetime that is none": ({"KALTALK_IV_SESSION_LIFETIME": float("nan")}, "between 60"),
    "a token lifetime of true": ({"KALTALK_IV_MAX_TOKEN_LIFETIME": True}, "KALTALK_IV_MAX_TOKEN_LIFETIME"),
    "a token lifetime of a month": ({"KALTALK_IV_MAX_TOKEN_LIFETIME": 2_592_000}, "between 60"),
    "direct SQL of text": ({"KALTALK_IV_DIRECT_SQL": "no"}, "KALTALK_IV_DIRECT_SQL must be True or False"),
    "direct SQL of 1": ({"KALTALK_IV_DIRECT_SQL": 1}, "KALTALK_IV_DIRECT_SQL"),
}


@pytest.mark.parametrize(("change", "mend"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_setting_is_refused_with_the_mend_and_without_its_value(change: dict[str, Any], mend: str) -> None:
    with pytest.raises(RuntimeError, match=mend) as refusal:
        read_settings(GOOD | change)
    said = str(refusal.value)
    for value in change.values():
        assert not isinstance(value, str) or len(value) < 4 or value not in said
    assert KEY not in said
    assert SECRET_KEY not in said
    assert refusal.value.__cause__ is None


def test_good_settings_are_read() -> None:
    found = read_settings(GOOD | {"SECRET_KEY_FALLBACKS": ["an older secret key, long enough"]})
    assert len(set(found.session_keys)) == 2
    assert found.session_lifetime == SESSION_LIFETIME_SECONDS
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.session_lifetime = 1  # type: ignore[misc]


def test_a_repr_shows_no_key_and_no_secret() -> None:
    settings = read_settings(GOOD)
    shown = repr(settings) + repr(settings.vault) + repr(vars(settings.vault)) + repr(OrganizationForTests("o", SECRET))
    for hidden in (KEY, KEY.removeprefix("ktek_"), SECRET_KEY, SECRET, repr(settings.session_keys[0])):
        assert hidden not in shown


def test_a_key_for_sessions_is_not_the_applications_own() -> None:
    assert read_settings(GOOD).session_keys[0] != SECRET_KEY.encode()


def test_every_new_encryption_key_is_another() -> None:
    assert len({generate_encryption_key() for _key in range(50)}) == 50


def test_a_sealed_secret_opens_in_its_row_and_is_sealed_anew_each_time() -> None:
    vault = Vault([KEY])
    sealed = vault.seal(SECRET, "org_1", "sec_1")
    assert vault.open(sealed, "org_1", "sec_1") == SECRET
    assert SECRET not in sealed
    assert vault.seal(SECRET, "org_1", "sec_1") != sealed


@pytest.mark.parametrize(("organization", "secret"), [("org_2", "sec_1"), ("org_1", "sec_2"), ("org_1\0sec", "_1")])
def test_a_sealed_secret_opens_in_no_other_row(organization: str, secret: str) -> None:
    vault = Vault([KEY])
    with pytest.raises(SecretUnavailable):
        vault.open(vault.seal(SECRET, "org_1", "sec_1"), organization, secret)


def test_every_change_of_a_sealed_secret_is_noticed() -> None:
    vault = Vault([KEY])
    sealed = vault.seal(SECRET, "org_1", "sec_1")
    changed = [sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :] for at in range(len(sealed))]
    changed += [sealed[:at] for at in range(0, len(sealed), 4)] + [sealed + "AAAA", SECRET, "", "v1.", "\u00e9"]
    for text in changed:
        with pytest.raises(SecretUnavailable) as refusal:
            vault.open(text, "org_1", "sec_1")
        assert refusal.value.__cause__ is None
        assert SECRET not in str(refusal.value)


def test_what_was_opened_before_opens_in_its_own_row_alone_and_by_keys_that_are_there() -> None:
    vault = Vault([KEY])
    sealed, other = vault.seal(SECRET, "org_1", "sec_1"), vault.seal(SECRET[::-1], "org_1", "sec_2")
    for _ in range(3):
        assert (vault.open(sealed, "org_1", "sec_1"), vault.open(other, "org_1", "sec_2")) == (SECRET, SECRET[::-1])
        for row in (("org_2", "sec_1"), ("org_1", "sec_2"), ("org_1\0sec", "_1")):
            with pytest.raises(SecretUnavailable):
                vault.open(sealed, *row)
        with pytest.raises(SecretUnavailable):
            vault.open(other, "org_1", "sec_1")
        with pytest.raises(SecretUnavailable):
            Vault([generate_encryption_key()]).open(sealed, "org_1", "sec_1")
        assert SECRET not in repr(vars(vault))


def test_what_did_not_open_is_tried_again() -> None:
    vault = Vault([KEY])
    sealed = vault.seal(SECRET, "org_1", "sec_1")
    for _ in range(2):
        with pytest.raises(SecretUnavailable):
            vault.open(sealed[:-4], "org_1", "sec_1")
    assert vault.open(sealed, "org_1", "sec_1") == SECRET


def test_whether_the_newest_key_has_sealed_a_secret_is_asked_of_that_key_though_it_was_opened_before() -> None:
    both = Vault([generate_encryption_key(), KEY])
    sealed = Vault([KEY]).seal(SECRET, "org_1", "sec_1")
    assert both.open(sealed, "org_1", "sec_1") == SECRET
    assert not both.is_sealed_with_newest(sealed, "org_1", "sec_1")
    assert both.is_sealed_with_newest(both.seal(SECRET, "org_1", "sec_1"), "org_1", "sec_1")


def test_the_first_key_seals_and_every_key_opens() -> None:
    older, newer = KEY, generate_encryption_key()
    by_older = Vault([older]).seal(SECRET, "org_1", "sec_1")
    both = Vault([newer, older])
    assert both.open(by_older, "org_1", "sec_1") == SECRET
    by_both = both.seal(SECRET, "org_1", "sec_1")
    assert Vault([newer]).open(by_both, "org_1", "sec_1") == SECRET
    with pytest.raises(SecretUnavailable):
        Vault([older]).open(by_both, "org_1", "sec_1")


def test_a_vault_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Vault([])
