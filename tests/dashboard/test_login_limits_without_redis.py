"""Without Redis the login stays open and stays limited: each worker counts the guesses itself (abuse case 46)."""

import logging
import time
from pathlib import Path

import pytest

from kaltalk_iv import generate_encryption_key, migrations
from kaltalk_iv.rates import STORAGE_SETTING, Limit
from kaltalk_iv.server import create_app
from kaltalk_iv.state import current_state
from tests.dashboard.desk import Clock
from tests.dashboard.staff import PASSWORD, Staff
from tests.support.redis_server import running_redis


def test_abuse_46_without_redis_guesses_at_the_login_are_still_bounded_and_the_right_password_opens_it(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    clock.now = time.time()  # Redis has a clock of its own
    with running_redis(tmp_path) as redis:
        settings = {
            "SECRET_KEY": "a secret key for tests alone",
            "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key(),
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'own.sqlite3'}",
            STORAGE_SETTING: redis.url,
            Limit.LOGIN_NAME.value: "2 per minute",
        }
        app = create_app(settings, clock=clock)
        with app.app_context():
            engine = current_state().session.get_bind().engine
            migrations.upgrade(engine)
        staff = Staff(app)
        redis.stop()

        guesses = [staff.log_in("grace", "not the password").status_code for _ in range(3)]
        refused = staff.log_in("grace", PASSWORD).status_code
        colleague = staff.log_in("alan", PASSWORD).status_code
        clock.now += 61
        staff.http = app.test_client()
        later = staff.log_in("grace", PASSWORD).status_code
        engine.dispose()

    assert (guesses, refused, colleague, later) == ([401, 401, 429], 429, 303, 303)
    alarms = [line.getMessage() for line in caplog.records if line.levelno >= logging.ERROR]
    assert len(alarms) >= 1
    assert all("each worker counts for itself" in alarm for alarm in alarms)
