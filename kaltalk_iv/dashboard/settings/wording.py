"""What admins read: the modes and what they mean, the state of a secret, lines of the audit trail, spans of time."""

from collections.abc import Iterable

from ...core.errors import Reason
from ...core.keyring import is_active
from ...core.policy import Mode
from ...service.leaks import Mark
from ...store.exposed import COUNTED_UP_TO
from ...store.signing_secrets import SecretRecord
from ..wording import human_time, machine_time

__all__ = ["human_time", "machine_time"]

MODE_NAMES = {Mode.OFF: "Off", Mode.OPTIONAL: "Optional", Mode.REQUIRED: "Required"}
CONSEQUENCES = {
    Mode.OFF: "Nobody is checked: tokens are read but never verified, agents see no shield, and anybody can claim to "
    "be any customer. For while you set up signing.",
    Mode.OPTIONAL: "Tokens are verified when your website sends one, agents see who has proven their identity, and "
    "nobody is turned away.",
    Mode.REQUIRED: "Whoever claims an identity without a token that verifies is refused; visitors who claim nothing "
    "can still write.",
}

DONE = {
    "mode": "The mode is changed. It acts from the next page view of your website on.",
    "origins": "The list of origins is saved.",
    "rotated": "There is a new signing secret. Reveal it and deploy it: the previous one verifies for 24 hours more.",
    "window-ended": "The window is closed: the previous secret verifies nothing any more.",
    "replaced": "There is one new signing secret and every other one is revoked. Reveal the new one and deploy it now.",
    "taken-back": "Verifications that revoked secrets had given are taken back.",
}

ACTIONS = {
    "organization_created": "Created the organization",
    "plan_changed": "Changed the plan",
    "mode_changed": "Changed the mode",
    "origins_changed": "Changed the allowed origins",
    "secret_revealed": "Revealed the signing secret",
    "reveal_refused": "Was refused the signing secret",
    "secret_rotated": "Rotated the signing secret",
    "grace_ended": "Ended the grace window early",
    "secrets_replaced": "Replaced every signing secret",
    "verifications_taken_back": "Took back verifications",
    "settings_denied": "Was denied the settings",
}

_YEAR_3000 = 32_503_680_000

OUTCOMES = {"verified": "Verified", "failed": "Failed", "unsigned": "Unsigned", "anonymous": "Anonymous"}

# Why a token failed, for whoever has to mend the website that signed it.
_MEANINGS = {
    Reason.MALFORMED: "Not a token: quoted, cut, with Bearer in front, or only base64.",
    Reason.UNSUPPORTED_ALGORITHM: "Signed with something else than HS256.",
    Reason.BAD_SIGNATURE: "Signed with another secret: trimmed, quoted, base64-decoded, retired, or of another system.",
    Reason.EXPIRED: "A cached page, or a clock on your server that is behind.",
    Reason.NOT_YET_VALID: "A clock on your server that is ahead by more than a minute.",
    Reason.MISSING_CLAIM: "No sub, such as an undefined variable, or no exp.",
    Reason.INVALID_CLAIM: "A sub that is empty, a boolean or an object, or an exp that is text.",
    Reason.LIFETIME_TOO_LONG: "An exp too far ahead, mostly one in milliseconds.",
    Reason.SECRET_REVOKED: "Proven with a secret that was revoked.",
}

MARKS = {
    Mark.THERE: "still there",
    Mark.RENEWED: "verified again since",
    Mark.TAKEN_BACK: "taken back",
    Mark.LOST: "lost before",
}

STATUS_NAMES = {"current": "Current", "previous": "Previous", "retired": "Retired", "revoked": "Revoked"}


def counted(count: int) -> str:
    """Return how many customers there are, or that there are so many or more: not all of a leak are counted."""
    return f"{count:,} or more" if count >= COUNTED_UP_TO else f"{count:,}"


def status(secret: SecretRecord, now: float) -> str:
    """Return what a secret is at ``now``: current, previous (in its grace window), retired or revoked."""
    if secret.revoked_at is not None:
        return "revoked"
    if secret.expires_at is None:
        return "current"
    return "previous" if is_active(secret.expires_at, secret.revoked_at, now) else "retired"


def previous_of(secrets: Iterable[SecretRecord], now: float) -> SecretRecord | None:
    """Return the secret whose grace window runs, if one does."""
    return next((secret for secret in secrets if status(secret, now) == "previous"), None)


def is_shown(seconds: float | None) -> bool:
    """True when a moment can be written as a date. One out of a token may be any number."""
    return seconds is not None and 0 <= seconds < _YEAR_3000


def action(code: str) -> str:
    """Return an action of the audit trail in words."""
    return ACTIONS.get(code, code.replace("_", " ").capitalize())


def meaning(reason: str) -> str:
    """Return what most likely lies behind a reason that tokens failed for."""
    return _MEANINGS.get(Reason(reason), "")


def ago(seconds: float, now: float) -> str:
    """Return how long before ``now`` a moment was: "3 minutes ago"."""
    passed = now - seconds
    return "just now" if passed < 60 else f"{span(passed)} ago"


def span(seconds: float) -> str:
    """Return a length of time in its largest unit: "3 minutes", "1 hour", "2 days"."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return _counted(int(seconds // size), unit)
    return _counted(max(int(seconds), 0), "second")


def left(seconds: float) -> str:
    """Return a length of time in hours and minutes, for a countdown: "23 h 59 min"."""
    minutes = max(int(seconds // 60), 0)
    return f"{minutes // 60} h {minutes % 60} min"


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
