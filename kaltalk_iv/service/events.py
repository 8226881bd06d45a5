"""What has happened, as values: noted while a use case runs, told by the edge once it is committed.

They hold ids, reasons and times (Unix seconds), and never a token, a secret or a session.
"""

from dataclasses import dataclass

from ..core.errors import Reason
from ..store.sources import Writer

_NOTED = "kaltalk_iv_events"


@dataclass(frozen=True, slots=True)
class IdentityVerified:
    """A token verified. ``external_id`` is its ``sub``; ``secret_id`` names the signing secret that proved it."""

    organization_id: str
    customer_id: str | None
    external_id: str | None
    secret_id: str | None
    at: float


@dataclass(frozen=True, slots=True)
class IdentityFailed:
    """A token did not verify, or mode ``required`` turned a visitor away (``refused``: nothing was stored).

    ``external_id`` is what the visitor claims, unproven; None when nothing was claimed or all was refused.
    """

    organization_id: str
    customer_id: str | None
    external_id: str | None
    reason: Reason
    refused: bool
    at: float


@dataclass(frozen=True, slots=True)
class IdentityDowngraded:
    """A failing token took the verified flag from a customer's record. ``external_id`` is the record's own."""

    organization_id: str
    customer_id: str
    external_id: str | None
    reason: Reason
    at: float


@dataclass(frozen=True, slots=True)
class SecretRotated:
    """There is a new current signing secret; the previous one verifies until ``previous_until``."""

    organization_id: str
    secret_id: str
    previous_id: str
    previous_until: float
    at: float


@dataclass(frozen=True, slots=True)
class SecretReplaced:
    """Emergency: there is one new signing secret, and the ``revoked_ids`` prove nothing any more."""

    organization_id: str
    secret_id: str
    revoked_ids: tuple[str, ...]
    at: float


Event = IdentityVerified | IdentityFailed | IdentityDowngraded | SecretRotated | SecretReplaced


def note(source: Writer, event: Event) -> None:
    """Keep ``event`` until the transaction of ``source`` ends."""
    source.info.setdefault(_NOTED, []).append(event)


def take(source: Writer) -> list[Event]:
    """Return what was noted, in order, and forget it: told after a commit, dropped with what was rolled back."""
    noted: list[Event] = source.info.pop(_NOTED, [])
    return noted
