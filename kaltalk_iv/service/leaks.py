"""After an emergency replace: whom the revoked secrets verified, and taking those verifications back."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from ..core.errors import Reason, UnknownOrganization
from ..core.text import is_id
from ..store import exposed, organizations, signing_secrets
from ..store.customers import CustomerRecord
from .audit import note
from .settings import Actor

PAGE_LENGTH = 100
TAKEN_BACK_AT_ONCE = 1_000  # records; nobody who identifies meanwhile waits long for one of them


class Mark(StrEnum):
    """What became of the verified mark that a revoked secret gave a record."""

    THERE = "there"
    RENEWED = "renewed"
    TAKEN_BACK = "taken_back"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Exposed:
    """A customer whom a revoked secret has verified: whoever had that secret may have been that customer.

    ``mark`` says what the record's verified mark stands on now.
    """

    customer: CustomerRecord
    fingerprint: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Exposure:
    """A page of such customers, how many there are, and how many still carry the verified mark.

    Both are counted up to ``exposed.COUNTED_UP_TO``: there are so many, or more. ``next_after`` is what to ask with for
    the next page, None on the last.
    """

    rows: tuple[Exposed, ...]
    count: int
    still_marked: int
    next_after: str | None


def exposure(session: Session, organization_id: str, after: str | None = None) -> Exposure:
    """Return a page of the customers that revoked secrets verified, the newest proof first.

    Raises UnknownOrganization.
    """
    _check(session, organization_id)
    count = exposed.count_exposed(session, organization_id)
    still_marked = exposed.count_marked(session, organization_id)
    if after is not None and not is_id(after):
        return Exposure((), count, still_marked, None)
    found = exposed.list_exposed(session, organization_id, after, PAGE_LENGTH + 1)
    secrets = signing_secrets.list_secrets(session, organization_id)
    revoked = {secret.id for secret in secrets if secret.revoked_at is not None}
    rows = tuple(Exposed(customer, by, _mark(customer, revoked)) for customer, by in found[:PAGE_LENGTH])
    next_after = rows[-1].customer.id if len(found) > PAGE_LENGTH else None
    return Exposure(rows, count, still_marked, next_after)


def take_back(session: Session, actor: Actor, organization_id: str, now: float) -> int:
    """Take the verified mark from up to 1,000 records that a revoked secret gave it, and return from how many."""
    _check(session, organization_id)
    count = exposed.take_marks_back(session, organization_id, Reason.SECRET_REVOKED, now, TAKEN_BACK_AT_ONCE)
    if count:
        note(session, organization_id, actor, "verifications_taken_back", f"customers: {count}", now)
    return count


def _mark(customer: CustomerRecord, revoked: set[str]) -> Mark:
    if customer.verified:
        return Mark.THERE if customer.verified_secret_id in revoked else Mark.RENEWED
    return Mark.TAKEN_BACK if customer.downgraded_reason == Reason.SECRET_REVOKED else Mark.LOST


def _check(session: Session, organization_id: str) -> None:
    if organizations.get_organization(session, organization_id) is None:
        raise UnknownOrganization
