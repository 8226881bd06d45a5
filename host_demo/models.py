"""The tables of the host: its users, and the browsers in which they are logged in."""

import secrets

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAME_LENGTH = 120
EMAIL_LENGTH = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
USERNAME_LENGTH = 32


class Base(DeclarativeBase):
    """The base of the host's tables, plain SQLAlchemy: it has no `query` attribute to misuse."""


db = SQLAlchemy(metadata=Base.metadata)


def new_user_id() -> str:
    """An opaque id such as `u_3fX…`: 96 random bits. It says nothing about the person, so it never has to change."""
    return f"u_{secrets.token_urlsafe(12)}"


class User(Base):
    """A customer of the shop. `id` is what KalTalk gets as `sub`; everything else may be edited."""

    __tablename__ = "host_users"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_user_id)
    username: Mapped[str] = mapped_column(String(USERNAME_LENGTH), unique=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    email: Mapped[str | None] = mapped_column(String(EMAIL_LENGTH))  # known to be theirs: `confirmation.py`
    password_hash: Mapped[str] = mapped_column(String(255))

    # What Flask-Login asks of a user; its UserMixin carries no types.
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """The id that Flask-Login keeps in the session."""
        return self.id


class SignIn(Base):
    """One browser in which a user is logged in. Without its row a session cookie is worth nothing.

    The cookie itself cannot be called back: whoever copied it could go on using it after log-out. So the
    cookie names this row, and log-out deletes the row.
    """

    __tablename__ = "host_sign_ins"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey(User.id), index=True)
    started_at: Mapped[int] = mapped_column(BigInteger)  # seconds since 1970


def create_tables() -> None:
    """Make the tables that are missing; several processes may do so at once."""
    for _ in Base.metadata.sorted_tables:
        try:
            db.create_all()
        except DBAPIError:
            continue  # another process made one of them between our look and our CREATE: look again
        return
    db.create_all()
