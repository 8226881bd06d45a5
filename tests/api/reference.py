"""The decision table and the binding rules of docs/architecture.md once more, small and slow, to compare with.

It shares no line with the code under test. Secrets are numbers here, and a token is a description: nothing is parsed,
signed, sealed or stored.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

GRACE: Final = 24 * 3600
PROOF: Final = 3600
SESSION: Final = 12 * 3600
SEEN_EVERY: Final = 15 * 60
STRANGER: Final = -1  # a secret that this organization never had


class Who(NamedTuple):
    """What is said of a visitor."""

    id: str | None = None
    email: str | None = None
    name: str | None = None


class Token(NamedTuple):
    """A user token. ``flaw`` is what is wrong with it; ``signer`` is the number of the secret that signed it."""

    flaw: str | None
    signer: int
    who: Who


UNREADABLE: Final = {"garbage", "null", "padded"}
LATE_FLAWS: Final = {
    "no exp": "missing_claim",
    "expired": "expired",
    "too long": "lifetime_too_long",
    "too early": "not_yet_valid",
    "no sub": "missing_claim",
    "blank sub": "invalid_claim",
}
FLAWS: Final = [*sorted(UNREADABLE), *LATE_FLAWS, "wrong alg", "changed"]


@dataclass
class Secret:
    """A signing secret by its end and its death."""

    ends: float | None = None
    revoked: bool = False


@dataclass(eq=False)
class Record:
    """A customer. ``proven`` holds the names of the values that a token proved."""

    id: str | None = None
    email: str | None = None
    name: str | None = None
    proven: set[str] = field(default_factory=set)
    green: bool = False
    signer: int | None = None
    was_ever_green: bool = False
    lost_by: str | None = None
    seen: float = 0


@dataclass(eq=False)
class Visit:
    """What an identify handed out."""

    session_id: str
    who: Who
    state: str
    reason: str | None
    record: Record | None
    signer: int | None
    proven_until: float
    ends: float


class Answer(NamedTuple):
    """What an identify must answer. ``goes_on`` says that it keeps the session's id."""

    status: int
    state: str
    reason: str | None
    who: Who
    record: Record | None
    signer: int | None
    goes_on: bool


class Reference:
    """One organization."""

    def __init__(self) -> None:
        self.plan = "pro"
        self.mode = "optional"
        self.secrets = [Secret()]
        self.records: list[Record] = []

    @property
    def acts_as(self) -> str:
        """The mode that acts."""
        return self.mode if self.plan in {"pro", "business"} else "off"

    def is_alive(self, signer: int, now: float) -> bool:
        """Whether a secret verifies."""
        if signer == STRANGER:
            return False
        secret = self.secrets[signer]
        return not secret.revoked and (secret.ends is None or now < secret.ends)

    def fault(self, token: Token, now: float) -> str | None:
        """Why a token does not verify, or None."""
        if token.flaw in UNREADABLE:
            return "malformed"
        if token.flaw == "wrong alg":
            return "unsupported_algorithm"
        if token.flaw == "changed" or not self.is_alive(token.signer, now):
            return "bad_signature"
        return None if token.flaw is None else LATE_FLAWS[token.flaw]

    def identify(self, token: Token | None, plain: Who, prior: Visit | None, now: float) -> Answer:
        """Decide, bind, and answer."""
        fault = None if token is None else self.fault(token, now)
        claimed = _claimed(token, plain)
        has_proof = token is not None and fault is None and self.acts_as != "off"
        if has_proof and token is not None:
            record = self._bind_proven(token, now)
            return Answer(200, "verified", None, token.who, record, token.signer, _goes_on(prior, token.who, now))
        if self.acts_as == "required":
            if token is not None or plain != Who():
                return Answer(401, "", fault or "no_token", Who(), None, None, False)
            return Answer(200, "anonymous", None, Who(), None, None, _goes_on(prior, None, now))
        failed = token is not None and self.acts_as == "optional"
        if claimed == Who() and not failed:
            return Answer(200, "anonymous", None, Who(), None, None, _goes_on(prior, None, now))
        reason = "verification_off" if self.acts_as == "off" else fault or "no_token"
        record_or_none = self._bind_claimed(claimed, reason if failed else None, now)
        return Answer(200, "unverified", reason, claimed, record_or_none, None, _goes_on(prior, claimed, now))

    def worth(self, visit: Visit, now: float) -> tuple[str, str | None]:
        """What a visit's state is worth now, and why it is not better."""
        if visit.state == "anonymous":
            return "anonymous", None
        if self.acts_as == "off":
            return "unverified", "verification_off"
        if visit.state == "unverified":
            return "unverified", visit.reason
        assert visit.signer is not None
        if self.secrets[visit.signer].revoked:
            return "unverified", "secret_revoked"
        return ("verified", None) if now < visit.proven_until else ("unverified", "expired")

    def is_green_now(self, record: Record) -> bool:
        """Whether the record's shield is green."""
        return record.green and record.signer is not None and not self.secrets[record.signer].revoked

    def _bind_proven(self, token: Token, now: float) -> Record:
        who = token.who
        record = self._with_id(who.id)
        if record is None and who.email is not None:
            record = self._last_seen(who.email, without_id=True)
        if record is None:
            record = self._add()
        before = (_facts(record), record.email)  # a proof is kept to the letter
        if record.signer is not None and self.secrets[record.signer].revoked:
            record.proven -= {"email", "name"}  # what a leaked secret proved is a claim, save what is proven now
        record.green, record.was_ever_green, record.signer, record.lost_by = True, True, token.signer, None
        for name, value in who._asdict().items():
            if value is not None:
                setattr(record, name, value)
                record.proven.add(name)
        _see(record, (_facts(record), record.email) != before, now)
        return record

    def _bind_claimed(self, who: Who, downgraded_by: str | None, now: float) -> Record | None:
        if who.id is None and who.email is None:
            return None
        record = self._with_id(who.id)
        if record is None and who.email is not None:
            record = self._last_seen(who.email, without_id=who.id is not None)
        is_new = record is None
        if record is None:
            record = self._add()
        before = _facts(record)
        if downgraded_by is not None and record.green:
            record.green, record.lost_by = False, downgraded_by
        for name, value in who._asdict().items():
            stored = getattr(record, name)
            if name == "id" and not is_new:
                continue  # an id that is only claimed is never written on a record that is there
            if value is not None and (stored is None or not record.was_ever_green):
                setattr(record, name, value)
        _see(record, _facts(record) != before, now)
        return record

    def _add(self) -> Record:
        self.records.append(Record())
        return self.records[-1]

    def _with_id(self, wanted: str | None) -> Record | None:
        return next((record for record in self.records if wanted is not None and record.id == wanted), None)

    def _last_seen(self, email: str, *, without_id: bool) -> Record | None:
        same = [record for record in self.records if record.email is not None and _same_email(record.email, email)]
        found = [record for record in same if record.id is None or not without_id]
        return max(found, key=lambda record: record.seen, default=None)


def _claimed(token: Token | None, plain: Who) -> Who:
    if token is None or token.flaw in UNREADABLE:
        return plain
    brought = token.who._replace(id=None) if token.flaw in {"no sub", "blank sub"} else token.who
    return Who(*(own if own is not None else other for own, other in zip(brought, plain, strict=True)))


def _goes_on(prior: Visit | None, who: Who | None, now: float) -> bool:
    """Whether this is the visitor of before: ``who`` is None for somebody who says nothing at all."""
    if prior is None or now >= prior.ends:
        return False
    if prior.who == Who() or who is None:
        return prior.who == Who()
    if prior.who == who:
        return True
    if prior.who.id is not None and who.id is not None:
        return prior.who.id == who.id
    return prior.who.email is not None and who.email is not None and _same_email(prior.who.email, who.email)


def _same_email(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _facts(record: Record) -> tuple[object, ...]:
    email = None if record.email is None else record.email.casefold()
    return (record.id, email, record.name, frozenset(record.proven), record.green, record.signer, record.lost_by)


def _see(record: Record, has_changed: bool, now: float) -> None:
    """A record is seen when something on it changes, and otherwise at most every 15 minutes."""
    if has_changed or now - record.seen >= SEEN_EVERY:
        record.seen = now
