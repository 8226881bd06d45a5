"""What an agent reads about an identity: the shield, the reason in one sentence, the lines of a change, the times."""

from dataclasses import dataclass
from datetime import UTC, datetime

from ..core.errors import Reason
from ..core.listing import Status
from ..core.lookalikes import mixed_alphabets, with_invisible_named
from ..core.policy import Mode, State
from ..core.sensitive import Kind
from ..service.conversation import OpenConversation
from ..service.inbox import Entry
from ..store.messages import MessageRecord


@dataclass(frozen=True, slots=True)
class Wording:
    """A reason in two or three words, and in a sentence for somebody who answers customers."""

    short: str
    sentence: str


REASONS = {
    Reason.MALFORMED: Wording("unreadable token", "A token was sent that cannot be read, so nothing is proven."),
    Reason.UNSUPPORTED_ALGORITHM: Wording(
        "unsupported algorithm", "A token was sent that is signed in a way we never accept. Somebody may be trying."
    ),
    Reason.BAD_SIGNATURE: Wording(
        "bad signature",
        "The token was not signed with your secret: somebody without it, or a deployment that still has an old one.",
    ),
    Reason.EXPIRED: Wording(
        "token expired", "The proof had run out when this visitor last wrote, and no fresh one came."
    ),
    Reason.NOT_YET_VALID: Wording(
        "token from the future", "The token is dated in the future: the clock of your website's server may be wrong."
    ),
    Reason.MISSING_CLAIM: Wording("incomplete token", "The token lacks a value that it must have, such as the id."),
    Reason.INVALID_CLAIM: Wording(
        "invalid token", "The token holds a value that cannot be used, so nothing is proven."
    ),
    Reason.LIFETIME_TOO_LONG: Wording(
        "token valid for too long", "The token would be valid for longer than is safe, so it was not accepted."
    ),
    Reason.NO_TOKEN: Wording("no token", "This visitor only says who they are. Your website sent no proof."),
    Reason.VERIFICATION_OFF: Wording(
        "verification is off", "Identity verification is off for your organization: nobody is checked."
    ),
    Reason.SECRET_REVOKED: Wording(
        "secret revoked", "The secret that proved this identity was revoked, so the proof counts no more."
    ),
}

NO_NAME = {State.ANONYMOUS: "Anonymous visitor", State.UNVERIFIED: "Unknown visitor", State.VERIFIED: "Customer"}
FIELD_LABELS = {"external_id": "Customer id", "email": "E-mail", "name": "Name"}


KINDS = {
    Kind.SIGNING_SECRET: "A signing secret",
    Kind.KEY: "A secret key",
    Kind.TOKEN: "A token",
    Kind.PASSWORD: "A password or a code",
    Kind.CARD: "A card number",
    Kind.IBAN: "A bank account",
    Kind.LINK: "A link that may let somebody in",
    Kind.EMAIL: "An e-mail address",
}
_ISOLATED = "\u2068{}\u2069"  # what <bdi> is in a page, where no element can stand: in its title


def title(entry: Entry) -> str:
    """Return the name that heads a conversation."""
    return NO_NAME[entry.verdict.state] if entry.title is None else visible(entry.title)


def page_title(entry: Entry) -> str:
    """Return the title of a conversation's page: the identity in our words first, so that no name can stand for it."""
    if entry.title is None:
        return NO_NAME[entry.verdict.state]
    words = {"verified": "Identity verified", "unverified": "Unverified"}.get(shield(entry) or "", "Not checked")
    return f"{words}: {_ISOLATED.format(title(entry))}"


def is_title_claimed(entry: Entry) -> bool:
    """True when whoever writes here has not proven the name that heads the conversation."""
    return entry.title is not None and entry.verdict.state is not State.VERIFIED


def visible(value: str) -> str:
    """Return a claimed value with what draws nothing written out."""
    return with_invisible_named(value)


def mixture(value: str) -> str:
    """Return a note on letters of two alphabets in one word, or nothing."""
    alphabets = mixed_alphabets(value)
    return f"Mixes {' and '.join(alphabets)} letters in one word." if alphabets else ""


def when(reason: Reason) -> str:
    """Return the word before the time of a reason: some happen at a moment, others last."""
    return "since" if reason in {Reason.NO_TOKEN, Reason.VERIFICATION_OFF} else "at"


def shield(entry: Entry) -> str | None:
    """Return ``verified``, ``unverified``, or None where no shield is drawn: mode off, and anonymous visitors."""
    if entry.mode is Mode.OFF or entry.verdict.state is State.ANONYMOUS:
        return None
    return "verified" if entry.verdict.state is State.VERIFIED else "unverified"


def why(entry: Entry) -> str:
    """Return the sentence about the identity of a conversation, with a shield or in place of one."""
    reason = entry.verdict.reason
    if entry.verdict.state is State.ANONYMOUS:
        return "This visitor has not said who they are."
    if reason is None:
        return "Your website proved who is writing."
    if reason is Reason.VERIFICATION_OFF and entry.mode is not Mode.OFF:
        return "This visitor wrote while identity verification was off, so nobody was checked."
    return REASONS[reason].sentence


def no_shield(entry: Entry) -> str:
    """Return the words that stand in a list in place of a shield."""
    return "Anonymous" if entry.verdict.state is State.ANONYMOUS else "Not checked"


def short(reason: str) -> str:
    """Return a stored reason in two or three words."""
    return REASONS[Reason(reason)].short


def is_about_status(line: MessageRecord) -> bool:
    """True for an event that closed the conversation or opened it again; the others are about its identity."""
    return line.text in {status.value for status in Status}


def event(line: MessageRecord) -> str:
    """Return the line that says what changed at this place; the name of the agent who did it, if any, comes after it.

    The text of an event is the status that the conversation got, or the identity state that it had before.
    """
    if line.text == Status.CLOSED:
        return "Closed by"
    if line.text == Status.OPEN:
        return "Reopened by" if line.author_name else "Reopened by a new message"
    if line.state == State.VERIFIED:
        return "Identity verified from here"
    if line.state == State.ANONYMOUS:
        return "No identity claimed from here"
    reason = "" if line.reason is None else f": {short(line.reason)}"
    if line.text == State.VERIFIED:
        return f"Identity lost here{reason}"
    return f"Identity claimed without proof from here{reason}"


def happened_at(entry: Entry) -> float:
    """Return when an identity came to what it is: a proof that has run out did so at its own time."""
    said = entry.conversation
    ran_out = said.proven_until if entry.verdict.reason is Reason.EXPIRED else None
    return said.state_since if ran_out is None else ran_out


def beginning(line: MessageRecord) -> str:
    """Return how proven the first line of a conversation was."""
    if line.state == State.VERIFIED:
        return "Began with a verified identity"
    if line.state == State.ANONYMOUS:
        return "Began without an identity"
    return "Began with a claim" + ("" if line.reason is None else f": {short(line.reason)}")


def reach(opened: OpenConversation) -> str:
    """Return who will be able to read a reply that is sent now, and that it opens no closed conversation."""
    if opened.entry.conversation.status == Status.CLOSED:
        return f"{_readers(opened)} The conversation stays closed until the visitor writes again."
    return _readers(opened)


def _readers(opened: OpenConversation) -> str:
    if opened.entry.verdict.state is not State.VERIFIED:
        return "Your reply is shown in this visit only, to whoever is writing here."
    if opened.proof_ended:
        return "The proof has ended. Your reply waits until this customer proves again who they are."
    return "Only this customer can read your reply, and only while their identity is proven."


def machine_time(seconds: float) -> str:
    """Return the moment for ``<time datetime>``: UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def human_time(seconds: float) -> str:
    """Return the moment in words, in UTC, for a page whose script has not put it into the reader's time zone."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M UTC")
