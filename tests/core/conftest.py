"""What the tests of the core share: one moment, two secrets, and a recorder of what the interpreter does."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from kaltalk_iv.core.keyring import SigningSecret
from tests.core.signing import NOW, SECRETS


@dataclass(slots=True)
class AuditLog:
    """The audit events (PEP 578) of the interpreter while ``is_on``: opened files, sockets, processes, imports."""

    is_on: bool = False
    events: list[str] = field(default_factory=list)

    def __call__(self, event: str, _arguments: tuple[object, ...]) -> None:
        if self.is_on:
            self.events.append(event)


@pytest.fixture(scope="session")
def _installed_log() -> AuditLog:
    log = AuditLog()
    sys.addaudithook(log)  # a hook cannot be taken out again, so it is switched on and off
    return log


@pytest.fixture
def audit_log(_installed_log: AuditLog) -> Iterator[AuditLog]:
    """Give a log that starts empty and switched off."""
    _installed_log.events.clear()
    yield _installed_log
    _installed_log.is_on = False


@pytest.fixture
def current() -> SigningSecret:
    """Give the current secret."""
    return SigningSecret("current", SECRETS["current"].encode(), NOW)


@pytest.fixture
def previous() -> SigningSecret:
    """Give the secret before it, in its grace window."""
    return SigningSecret("previous", SECRETS["previous"].encode(), NOW - 60, NOW + 60)
