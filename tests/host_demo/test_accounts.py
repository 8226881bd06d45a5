"""Users, tables and the seed of the demo."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import func, select

import host_demo
from host_demo import DemoAccount, db
from host_demo.accounts import UsernameTaken, add_user, check_password, find_user
from host_demo.models import User
from tests.host_demo.conftest import MakeApp
from tests.host_demo.visitor import PASSWORD

DEMO = [
    DemoAccount("ada", "first password", "Ada", "ada@example.com"),
    DemoAccount("kim", "first password", "Kim", "kim@example.com"),
]


def test_ids_are_random_and_never_say_who_it_is(app: Flask) -> None:
    with app.app_context():
        ids = {add_user(f"user{number}", PASSWORD, "U", "u@example.com").id for number in range(3)}
    assert len(ids) == 3
    assert all(len(user_id) == 18 for user_id in ids)


def test_a_username_is_given_once_whatever_its_case(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(UsernameTaken):
            add_user("Ada", PASSWORD, "Other", "other@example.com")
        found = find_user("ADA")
        assert found is not None
        assert found.name == "Ada Lovelace", "the session works on after the refusal"


def test_seeding_twice_keeps_ids_and_the_printed_password_is_the_right_one(app: Flask) -> None:
    with app.app_context():
        before = find_user("ada")
        assert before is not None
        ada_id = before.id
        host_demo.seed(DEMO)
        host_demo.seed(DEMO)
        after = check_password("ada", "first password")
        assert after is not None
        assert after.id == ada_id
        assert check_password("ada", PASSWORD) is None
        assert db.session.scalar(select(func.count()).select_from(User)) == 3


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_four_processes_may_seed_an_empty_database_at_once(
    make_app: MakeApp, database: str, request: pytest.FixtureRequest
) -> None:
    app = make_app(HOST_DATABASE_URL=request.getfixturevalue(f"{database}_url"))
    with app.app_context():
        db.drop_all()

    def seed(_: int) -> None:
        with app.app_context():
            host_demo.seed(DEMO)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(seed, range(4)))
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(User)) == 2


def test_no_repr_shows_a_password(app: Flask) -> None:
    assert "first password" not in repr(DEMO[0])
    with app.app_context():
        assert "scrypt" not in repr(find_user("ada"))
