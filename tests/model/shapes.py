"""What of a moment can matter to what comes after it. Two moments of one shape lead to the same.

Left out: random ids (numbered as they appear), times (only their order, and what has ended, count), the texts of
messages, and what only the drawer shows, such as the reason of a downgrade. The two browsers may change places.
"""

import hashlib
from typing import Any

from tests.model.history import History, Visit
from tests.model.world import Place

_STALE_SECONDS = 15 * 60  # a record is written anew when it was not seen for so long


def shape_of(place: Place, history: History) -> bytes:
    """Return a hash that is the same for moments that lead to the same."""
    secrets, people, customers = _secrets(place), _people(place), place.rows["customers"]
    threads, sessions = _threads(place, history)
    visits = [visit for visit in history.visits if visit is not None]
    return _hash(
        threads,
        sorted((_visit(visit, people, place.now), sessions.get(visit.session_id, -1)) for visit in visits),
        [(row.mode, row.plan) for row in place.rows["organizations"]],
        [(_left(row.expires_at, place.now), row.revoked_at is not None) for row in place.rows["secrets"]],
        sorted(history.proofs.items()),
        sorted(_customer(row, customers, secrets, place.now) for row in customers),
    )


def shape_for_reader(place: Place, history: History, visit: Visit) -> bytes:
    """Return a hash that is the same for moments at which ``visit`` reads the same: other browsers do not matter."""
    threads, sessions = _threads(place, history)
    return _hash(threads, _visit(visit, _people(place), place.now), sessions.get(visit.session_id, -1))


def _threads(place: Place, history: History) -> tuple[list[object], dict[str, int]]:
    """Return the mode, the secrets and the conversations, and the numbers of the sessions in these."""
    rows, now = place.rows, place.now
    secrets, people = _secrets(place), _people(place)
    sessions: dict[str, int] = {}
    facts: list[object] = [
        (history.mode, history.plan),
        [(_left(secret.ends, now), secret.is_revoked) for secret in history.secrets],
    ]
    latest = sorted(row.last_message_at for row in rows["conversations"])
    for row in rows["conversations"]:
        speaker = sessions.setdefault(row.session_id, len(sessions))
        claimed = (row.claimed_external_id, row.claimed_email, row.claimed_name)
        facts += [people.get(row.customer_id), speaker, row.state, row.reason, claimed, secrets.get(row.secret_id)]
        facts += [_left(row.proven_until, now), row.first_proven_at is not None, latest.index(row.last_message_at)]
        lines = [line for line in rows["messages"] if line.conversation_id == row.id and line.author == "visitor"]
        writers = [sessions.setdefault(line.session_id, len(sessions)) for line in lines]
        written = [(line.state, secrets.get(line.secret_id), history.lines[line.id][1:]) for line in lines]
        facts.append(sorted(set(map(repr, zip(writers, written, strict=True)))))
    return facts, sessions


def _secrets(place: Place) -> dict[str | None, int]:
    return {row.id: number for number, row in enumerate(place.rows["secrets"])}


def _people(place: Place) -> dict[str | None, Any]:
    return {row.id: (row.external_id, row.email and row.email.lower()) for row in place.rows["customers"]}


def _hash(*facts: object) -> bytes:
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).digest()


def _left(ends: float | None, now: float) -> str:
    if ends is None:
        return "for good"
    return f"{round((ends - now) / 3600)} h" if now < ends else "over"


def _customer(row: Any, all_rows: tuple[Any, ...], secrets: dict[str | None, int], now: float) -> str:
    key = row.email and row.email.lower()
    seen_later = [other for other in all_rows if other.email and other.email.lower() == key]
    rank = sum(other.last_seen_at > row.last_seen_at for other in seen_later)
    flags = (row.external_id_proven, row.email_proven, row.name_proven, row.verified)
    proven = (secrets.get(row.verified_secret_id), row.first_verified_at is not None)
    return repr((row.external_id, row.email, row.name, *flags, *proven, rank, now - row.last_seen_at >= _STALE_SECONDS))


def _visit(visit: Visit, people: dict[str | None, Any], now: float) -> str:
    customer = None if visit.customer_id is None else people[visit.customer_id]
    proven = (visit.signer, _left(visit.proven_until, now)) if visit.signer is not None else None
    return repr((customer, visit.who, proven, _left(visit.ends, now)))
