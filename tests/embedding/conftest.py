"""A shop as a maintainer has it before our extension comes along, and what it becomes with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, session
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from kaltalk_iv import KalTalkIV, generate_encryption_key, migrations
from kaltalk_iv.state import Guard

IDENTIFY = "/kaltalk/v1/organizations/org_shop/identify"


class Base(DeclarativeBase):
    """The embedding application's own base."""


class Customer(Base):
    """A model of the same name as one of ours, in a table of the application's own."""

    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    nickname: Mapped[str]


class Shop:
    """An application as a maintainer has it before our extension comes along."""

    def __init__(self, folder: Path) -> None:
        self.app = Flask("shop", root_path=str(folder))
        self.app.config.update(
            SECRET_KEY="a secret key of the shop, long enough",
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / 'shop.sqlite3'}",
            KALTALK_IV_ENCRYPTION_KEYS=generate_encryption_key(),
        )
        self.db = SQLAlchemy(self.app, metadata=Base.metadata)

        @self.app.get("/login-as/<name>")
        def login_as(name: str) -> str:
            session["name"] = name
            return name

    def embed(self, guard: Guard | None = None, url_prefix: str = "/kaltalk") -> None:
        """Add the extension and its tables."""
        KalTalkIV(self.app, db=self.db, guard=guard, url_prefix=url_prefix)
        with self.app.app_context():
            self.db.create_all()
            migrations.upgrade(self.db.engine)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop without our extension; its engine is disposed of."""
    made = Shop(tmp_path)
    yield made
    with made.app.app_context():
        made.db.session.remove()
        made.db.engine.dispose()
