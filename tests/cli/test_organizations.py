"""``kaltalk-iv organization``: tenants, their plan, mode and origins."""

import pytest
from flask import Flask

from kaltalk_iv.models import Secret
from kaltalk_iv.testing import OrganizationForTests
from tests.api.world import everything_stored, rows_of
from tests.cli.running import answer, refused, run


def test_an_organization_is_created_listed_and_changed(app: Flask) -> None:
    made = answer(app, "organization", "create", "The  Shop", "--id", "org_shop")
    assert made == {
        "id": "org_shop",
        "name": "The Shop",
        "plan": "free",
        "mode": "off",
        "effectiveMode": "off",
        "origins": [],
    }
    changed = answer(app, "organization", "set", "org_shop", "--plan", "pro", "--mode", "optional")
    assert (changed["plan"], changed["mode"], changed["effectiveMode"]) == ("pro", "optional", "optional")
    assert answer(app, "organization", "set", "org_shop")["mode"] == "optional"
    assert answer(app, "organization", "list") == [changed]
    assert run(app, "organization", "list").output.startswith("org_shop  The Shop  plan pro  mode optional  any origin")
    assert len(rows_of(app, Secret, "org_shop")) == 1


def test_an_id_is_made_when_none_is_given(app: Flask) -> None:
    assert answer(app, "organization", "create", "Shop")["id"].startswith("org_")
    assert run(app, "organization", "create", "Shop").output.startswith("Created org_")


def test_no_organization_is_said_so(app: Flask) -> None:
    assert run(app, "organization", "list").output == "There is no organization yet.\n"
    assert answer(app, "organization", "list") == []


def test_a_mode_that_the_plan_does_not_let_act_is_shown_as_such(app: Flask, org: OrganizationForTests) -> None:
    line = run(app, "organization", "set", org.id, "--plan", "starter").output
    assert "mode optional (acts as off: needs the Pro plan)" in line
    assert answer(app, "organization", "list")[0]["effectiveMode"] == "off"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("https://Shop.Example", ["https://shop.example"]),
        ("https://shop.example:443/,http://localhost:8000", ["https://shop.example", "http://localhost:8000"]),
        (" https://shop.example , https://SHOP.example ", ["https://shop.example"]),
        ("https://b\u00fccher.example", ["https://xn--bcher-kva.example"]),
        ("http://[::1]:80", ["http://[::1]"]),
        ("", []),
    ],
)
def test_origins_are_stored_as_browsers_write_them(
    app: Flask, org: OrganizationForTests, given: str, stored: list[str]
) -> None:
    assert answer(app, "organization", "set", org.id, "--origins", given)["origins"] == stored


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("shop.example", "https:// or http://"),
        ("*", "https:// or http://"),
        ("null", "https:// or http://"),
        ("ftp://shop.example", "https:// or http://"),
        ("https://shop.example/chat", "without path"),
        ("https://ada@shop.example", "without path, user name"),
        ("https://shop.example?x", "without path"),
        ("https://*.shop.example", "no wildcard"),
        ("https://shop.example:99999", "not the name of a host"),
        ("https://shop..example", "not the name of a host"),
        ("https://shop.example,javascript:alert(1)", "https:// or http://"),
    ],
)
def test_an_entry_that_is_no_origin_is_refused_and_changes_nothing(
    app: Flask, org: OrganizationForTests, given: str, sentence: str
) -> None:
    before = everything_stored(app)
    assert sentence in refused(app, "organization", "set", org.id, "--origins", given)
    assert everything_stored(app) == before


@pytest.mark.parametrize("id_", ["", "a b", "a/b", "x" * 65, "org_\u00e9", "org_\udcff", "org'"])
def test_an_id_that_is_none_is_refused(app: Flask, id_: str) -> None:
    assert "An id has 1 to 64 letters" in refused(app, "organization", "create", "Shop", "--id", id_)


@pytest.mark.parametrize("name", ["", " ", "\u202e", "x" * 256, "Shop \udcff"])
def test_a_name_that_is_none_is_refused(app: Flask, name: str) -> None:
    assert "name" in refused(app, "organization", "create", name)


def test_an_id_that_is_taken_is_refused(app: Flask, org: OrganizationForTests) -> None:
    assert (
        refused(app, "organization", "create", "Shop", "--id", org.id) == f"There is an organization {org.id} already."
    )
