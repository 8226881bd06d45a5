"""Fixtures of this room: a deployment on an empty database with one organization."""

import secrets
import sys
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from kaltalk_iv import generate_encryption_key
from kaltalk_iv.server import create_app
from kaltalk_iv.testing import add_organization
from tests.api.world import dispose, prepare_database
from tests.production.deployment import ORGANIZATION, ROOT, WORKERS, Deployment
from tests.support.servers import Server

__all__ = ["prepare_database"]

Deploy = Callable[..., Deployment]


@pytest.fixture
def environment(database_url: str) -> dict[str, str]:
    """Give the settings that the workers and this process share."""
    return {
        "KALTALK_DATABASE_URL": database_url,
        "KALTALK_SECRET_KEY": secrets.token_urlsafe(32),
        "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key(),
        "KALTALK_IV_LIMITS": "off",  # a website under load is one address here
    }


@pytest.fixture
def app(environment: dict[str, str]) -> Iterator[Flask]:
    """Give KalTalk in this process, on the database of the workers."""
    app = create_app(
        {
            "SQLALCHEMY_DATABASE_URI": environment["KALTALK_DATABASE_URL"],
            "SECRET_KEY": environment["KALTALK_SECRET_KEY"],
            "KALTALK_IV_ENCRYPTION_KEYS": environment["KALTALK_IV_ENCRYPTION_KEYS"],
        }
    )
    yield app
    dispose(app)


@pytest.fixture
def deploy(app: Flask, environment: dict[str, str], start_server: Callable[..., Server]) -> Deploy:
    """Return a function that starts KalTalk, once a test; it takes the factory's name and gunicorn's options."""

    def start(factory: str = "create_app", *options: str) -> Deployment:
        organization = add_organization(app, ORGANIZATION)
        command = [sys.executable, "-m", "gunicorn", "--workers", str(WORKERS), "--bind", "127.0.0.1:{port}"]
        command += ["--no-control-socket", "--chdir", str(ROOT), *options]
        server = start_server(
            [*command, f"tests.production.told_apart:{factory}()"], env=environment, ready_path="/login"
        )
        return Deployment(server, app, environment, organization)

    return start


@pytest.fixture
def deployment(deploy: Deploy) -> Deployment:
    """Give a running deployment with the organization org_shop (plan pro, mode optional)."""
    return deploy()
