"""The lists that the settings show page by page: every row on one page, on both databases, whatever shares a moment."""

import pytest
from flask import Flask

from kaltalk_iv.core.errors import Conflict
from kaltalk_iv.core.policy import Mode
from kaltalk_iv.service import audit, leaks, modes
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, identify
from tests.api.world import Clock, customer

GRACE = Actor("Grace", "203.0.113.9")


def test_every_line_of_the_trail_is_on_one_page_newest_first(app: Flask, org: OrganizationForTests) -> None:
    with app.app_context():
        state = current_state()
        for number in range(120):
            moment = state.clock() + number // 7
            audit.note(state.session, org.id, GRACE, "mode_changed", str(number), moment)
        state.session.commit()
        seen, before = [], None
        while True:
            lines, before = audit.page(state.session, org.id, before)
            seen += lines
            if before is None:
                break
        every = list(audit.every_line(state.session, org.id))

    assert [line.id for line in seen] == [line.id for line in every]
    assert len({line.id for line in seen}) == len(seen) == 122
    assert [line.created_at for line in seen] == sorted((line.created_at for line in seen), reverse=True)


def test_every_customer_of_a_revoked_secret_is_on_one_page_and_is_taken_back(
    app: Flask, org: OrganizationForTests, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaks, "PAGE_LENGTH", 3)
    for number in range(7):
        clock.move(number // 3)
        identify(app.test_client(), org.id, userJwt=org.sign(f"u_{number}", now=clock.now))
    with app.app_context():
        state = current_state()
        state.commit(lambda db, now: use_cases.replace_secrets(db, state.settings, GRACE, org.id, now))
        seen, after = [], None
        while True:
            page = leaks.exposure(state.session, org.id, after)
            seen += [row.customer.external_id for row in page.rows]
            after = page.next_after
            if after is None:
                break
        assert (page.count, page.still_marked) == (7, 7)
        assert state.commit(lambda db, now: leaks.take_back(db, GRACE, org.id, now)) == 7
        assert leaks.exposure(state.session, org.id).still_marked == 0

    assert len(seen) == 7
    assert set(seen) == {f"u_{number}" for number in range(7)}
    assert not customer(app, org.id, "u_0").verified


def test_a_mode_is_chosen_only_by_the_rule(app: Flask, org: OrganizationForTests, clock: Clock) -> None:
    with app.app_context():
        state = current_state()
        with pytest.raises(Conflict, match="No token has verified"):
            modes.choose_mode(state.session, GRACE, org.id, Mode.REQUIRED, clock.now)
    identify(app.test_client(), org.id, userJwt=org.sign("u_1", now=clock.now))
    with app.app_context():
        state = current_state()
        chosen = state.commit(lambda db, now: modes.choose_mode(db, GRACE, org.id, Mode.REQUIRED, now))
    assert chosen.mode is Mode.REQUIRED
