"""Users of the host: add one, check a password, seed the accounts of the demo."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from host_demo.models import USERNAME_LENGTH, User, create_tables, db

USERNAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{2,{USERNAME_LENGTH - 1}}}")


class UsernameTaken(Exception):
    """Somebody else has this username."""


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account that the demo offers."""

    username: str
    password: str = field(repr=False)
    name: str
    email: str


def find_user(username: str) -> User | None:
    """The user with this username, whatever the case it is typed in."""
    if not USERNAME.fullmatch(username.lower()):
        return None  # PostgreSQL raises on a NUL
    return db.session.scalar(select(User).where(User.username == username.lower()))


def add_user(username: str, password: str, name: str, email: str | None = None) -> User:
    """A new user, saved; `email` is signed, so give one only if it is known to be theirs. Raises `UsernameTaken`."""
    user = User(username=username.lower(), password_hash=generate_password_hash(password), name=name, email=email)
    db.session.add(user)
    save(user.username)
    return user


def save(username: str) -> None:
    """Commit a user who is to have this username. Raises `UsernameTaken`.

    The unique index decides, not a look beforehand: two people may ask for one username in the same instant.
    """
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        if find_user(username) is None:
            raise
        raise UsernameTaken from error


def check_password(username: str, password: str) -> User | None:
    """The user whose password this is, or None.

    An unknown username costs one hash as well, or the time of the answer would tell which usernames exist.
    """
    nobody = _hash_of_nobody()
    user = find_user(username)
    matches = check_password_hash(user.password_hash if user else nobody, password)
    return user if matches else None


@cache
def _hash_of_nobody() -> str:
    return generate_password_hash(secrets.token_urlsafe())


def seed(accounts: Iterable[DemoAccount], *, renew_passwords: bool = True) -> None:
    """Make the tables and these accounts; may run at every start and in several processes at once.

    For the demo alone: with `renew_passwords` an account that is there already gets the password given here,
    because that is the one the demo prints.
    """
    create_tables()
    for account in accounts:
        try:
            add_user(account.username, account.password, account.name, account.email)
        except UsernameTaken:
            user = find_user(account.username)
            if user and renew_passwords and not check_password_hash(user.password_hash, account.password):
                user.password_hash = generate_password_hash(account.password)
                db.session.commit()
