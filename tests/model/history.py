"""What happened, remembered apart from the service: who proved what, with which secret, and who wrote which line.

It shares no code with KalTalk: the five promises are judged by it, so it must not believe what the service says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from tests.model.alphabet import NOBODY, STRANGER, Identify, Keys, Organize, Speak, Step, Token, Who
from tests.model.world import PROOF_SECONDS, Outcome, Rows

GRACE_SECONDS: Final = 24 * 3600
SESSION_SECONDS: Final = 12 * 3600


class Secret(NamedTuple):
    """A signing secret by its end and its death."""

    ends: float | None = None
    is_revoked: bool = False


class Proof(NamedTuple):
    """What tokens proved of one id: the last value of each kind, and the place of the secret of the last token."""

    who: Who
    signer: int


@dataclass(frozen=True, slots=True)
class Visit:
    """What a browser said when it got its session. ``signer`` is None where nothing was proven."""

    session_id: str
    customer_id: str | None
    who: Who
    signer: int | None
    proven_until: float
    ends: float


class Line(NamedTuple):
    """Who wrote a line. ``signer`` is None where the writer was not proven at that moment."""

    session_id: str
    id: str | None
    signer: int | None


@dataclass(frozen=True, slots=True)
class History:
    """All that was done to one organization, as far as it can matter."""

    mode: str
    plan: str = "pro"
    secrets: tuple[Secret, ...] = (Secret(),)
    visits: tuple[Visit | None, ...] = ()
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)

    @property
    def acts_as(self) -> str:
        """The mode that acts."""
        return self.mode if self.plan in {"pro", "business"} else "off"

    def signer_of(self, token: Token) -> int | None:
        """Return the place of the secret that signed ``token``, or None for a stranger's."""
        return None if token.signer is STRANGER else range(len(self.secrets))[token.signer]

    def is_alive(self, signer: int, now: float) -> bool:
        """True while a secret verifies."""
        secret = self.secrets[signer]
        return not secret.is_revoked and (secret.ends is None or now < secret.ends)

    def proves(self, step: Step, now: float) -> Proof | None:
        """Return what ``step`` proves: a token without a flaw, by a secret that verifies, in a mode that asks."""
        if not isinstance(step, Identify) or step.token is None or step.token.flaw or self.acts_as == "off":
            return None
        signer = self.signer_of(step.token)
        return Proof(step.token.who, signer) if signer is not None and self.is_alive(signer, now) else None

    def claims_of(self, step: Identify, now: float) -> Who:
        """Return what ``step`` says of its visitor: the token's values where it can be read, else the plain ones."""
        if step.token is None or step.token.flaw == "undecodable":
            return step.plain
        if self.proves(step, now):
            return step.token.who
        return Who(*(own or other for own, other in zip(step.token.who, step.plain, strict=True)))

    def is_proven(self, visit: Visit, now: float) -> bool:
        """True while the proof of ``visit`` stands: its token, its secret and a mode that asks for it."""
        if visit.signer is None or self.acts_as == "off" or now >= visit.proven_until:
            return False
        return not self.secrets[visit.signer].is_revoked

    def after(self, step: Step, outcome: Outcome, now: float, rows: Rows) -> "History":
        """Return the history with ``step``, which led to ``outcome`` and left ``rows``."""
        if outcome.refused is not None:
            return self
        match step:
            case Identify():
                return self._after_identify(step, outcome, now)
            case Speak():
                visit = self.visits[step.browser]
                assert visit is not None
                signer = visit.signer if self.is_proven(visit, now) else None
                written = {row.id for row in rows["messages"] if row.author == "visitor"} - set(self.lines)
                line = Line(visit.session_id, visit.who.id, signer)
                return replace(self, lines={**self.lines, **dict.fromkeys(written, line)})
            case Organize(name="mode"):
                return replace(self, mode=step.value)
            case Organize():
                return replace(self, plan=step.value)
            case Keys():
                return replace(self, secrets=self._secrets_after(step, now))
        return self

    def _after_identify(self, step: Identify, outcome: Outcome, now: float) -> "History":
        proof, answer = self.proves(step, now), outcome.answer
        assert answer is not None
        proofs, visits = dict(self.proofs), list(self.visits)
        if proof is not None and proof.who.id is not None:
            before = proofs.get(proof.who.id, Proof(NOBODY, 0)).who
            values = (new or old for new, old in zip(proof.who, before, strict=True))
            proofs[proof.who.id] = Proof(Who(*values), proof.signer)
        if step.browser is not None:
            visits[step.browser] = Visit(
                session_id=answer.session_id,
                customer_id=answer.customer_id,
                who=self.claims_of(step, now),
                signer=None if proof is None else proof.signer,
                proven_until=now + PROOF_SECONDS,
                ends=now + SESSION_SECONDS,
            )
        return replace(self, proofs=proofs, visits=tuple(visits))

    def _secrets_after(self, step: Keys, now: float) -> tuple[Secret, ...]:
        if step.what == "rotate":
            return (*self.secrets[:-1], Secret(ends=now + GRACE_SECONDS), Secret())
        return (*(secret._replace(is_revoked=True) for secret in self.secrets), Secret())
