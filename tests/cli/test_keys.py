"""Encryption keys: made, changed in the right and in the wrong order, and found to fit or not."""

import sqlalchemy as sa
from flask import Flask

from kaltalk_iv import generate_encryption_key
from kaltalk_iv.testing import add_organization, identify
from tests.api.world import ENCRYPTION_KEY, NOW, Clock, build_app, dispose, engine_of
from tests.cli.running import answer, refused, run


def test_a_generated_key_is_new_each_time_and_can_be_used(app: Flask) -> None:
    one, other = (answer(app, "keys", "generate")["key"] for _ in range(2))
    assert one != other
    assert one.startswith("ktek_")
    assert len(one) == 48


def test_the_doctor_finds_nothing_wrong_with_the_key_that_sealed(app: Flask) -> None:
    add_organization(app)
    found = answer(app, "keys", "doctor")
    assert (len(found["secrets"]), found["unopened"], found["stale"]) == (1, 0, 0)


def test_keys_are_changed_by_putting_the_new_one_first_and_rewrapping(database_url: str, clock: Clock) -> None:
    newer = generate_encryption_key()
    before = build_app(database_url, clock)
    org = add_organization(before)
    both = build_app(database_url, clock, KALTALK_IV_ENCRYPTION_KEYS=f"{newer},{ENCRYPTION_KEY}")
    assert answer(both, "keys", "doctor")["stale"] == 1
    assert answer(both, "keys", "rewrap") == {"rewrapped": 1}
    assert answer(both, "keys", "rewrap") == {"rewrapped": 0}
    after = build_app(database_url, clock, KALTALK_IV_ENCRYPTION_KEYS=newer)

    assert answer(after, "keys", "doctor")["unopened"] == 0
    signed = org.sign("u_1", now=NOW)
    assert identify(after.test_client(), org.id, userJwt=signed).get_json()["identity"]["state"] == "verified"
    for made in (before, both, after):
        dispose(made)


def test_in_the_wrong_order_nothing_is_lost_and_the_rows_are_named(database_url: str, clock: Clock) -> None:
    before = build_app(database_url, clock)
    org = add_organization(before)
    alone = build_app(database_url, clock, KALTALK_IV_ENCRYPTION_KEYS=generate_encryption_key())
    done = run(alone, "keys", "doctor")
    assert done.exit_code == 1
    assert f"{org.id}  sec_" in done.stdout
    assert "DOES NOT OPEN" in done.stdout
    assert "Nothing was changed: 1 stored secrets do not open" in refused(alone, "keys", "rewrap")
    answered = identify(alone.test_client(), org.id, userJwt=org.sign("u_1", now=NOW))
    assert (answered.status_code, answered.get_json()["code"]) == (503, "secret_unavailable")

    assert answer(before, "keys", "doctor")["unopened"] == 0
    for made in (before, alone):
        dispose(made)


def test_the_doctor_names_a_ciphertext_that_was_copied_to_another_row(app: Flask) -> None:
    add_organization(app, "org_one")
    add_organization(app, "org_two")
    one = "SELECT sealed FROM kaltalk_iv_secrets WHERE organization_id = 'org_one'"
    with engine_of(app).begin() as connection:
        sealed = connection.scalar(sa.text(one))
        copy = "UPDATE kaltalk_iv_secrets SET sealed = :sealed WHERE organization_id = 'org_two'"
        connection.execute(sa.text(copy), {"sealed": sealed})
    found = run(app, "keys", "doctor", "--json")
    assert found.exit_code == 1
    assert '"unopened": 1' in found.stdout
    assert "org_two" in run(app, "keys", "doctor").stdout


def test_no_command_about_keys_shows_a_secret(app: Flask) -> None:
    org = add_organization(app)
    for command in (("keys", "doctor"), ("keys", "doctor", "--json"), ("keys", "rewrap")):
        output = run(app, *command).output
        assert org.secret not in output
        assert ENCRYPTION_KEY not in output
