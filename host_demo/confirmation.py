"""Confirm an e-mail address: a code is sent there, and whoever types it here can read that mailbox.

Only then does what somebody typed become `User.email`, and only that is signed. Signed before, it would give whoever
registers with another's address a green shield for it.
"""

import hashlib
import hmac
import logging
import secrets

from flask import current_app

from host_demo.models import NewEmail, User, db

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no two look alike
CODE_LENGTH = 10  # 49 random bits: not to be guessed in an hour
CODE_LIFETIME = 3600  # seconds
PAUSE = 60  # seconds between two mails, or this shop fills the mailbox of whomever somebody names
SUBJECT = "Your code for Harrow Lane Tea"
TEXT = """\
{code} is your code. Type it on your profile page at Harrow Lane Tea within one hour.

You have no account there? Then somebody typed your address for theirs. Do nothing, and they will not get it.
"""
_log = logging.getLogger(__name__)


class NotSent(Exception):
    """No code was sent; the message says why and what to do."""


class WrongCode(Exception):
    """This is not the code that was sent last, or its hour is over."""


def waiting_email(user: User) -> str | None:
    """The address of this user that waits for its code."""
    new = db.session.get(NewEmail, user.id)
    return None if new is None or new.email == user.email else new.email


def choose_email(user: User, email: str) -> bool:
    """Let what the user typed as their address wait for a code; false when there is nothing new to wait for."""
    new = db.session.get(NewEmail, user.id) or NewEmail(user_id=user.id, email=user.email, sent_at=0)
    if email == new.email:
        return False
    new.email, new.code_hash = email, ""  # a code that was sent elsewhere is worth nothing now
    db.session.add(new)
    db.session.commit()
    return email != user.email


def send_code(user: User) -> None:
    """Send a code to the address that waits; the one before is worth nothing now. Raises `NotSent`."""
    new, now = db.session.get(NewEmail, user.id), _now()
    if new is None or new.email == user.email:
        raise NotSent("No e-mail address waits to be confirmed.")
    send_mail = current_app.config["HOST_SEND_MAIL"]
    if send_mail is None:
        raise NotSent("This shop sends no mail yet.")
    if 0 <= now - new.sent_at < PAUSE:
        raise NotSent("The last code left less than a minute ago. Wait a minute, then ask for a new one.")
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    new.code_hash, new.sent_at = _hash(code), now
    db.session.commit()
    try:
        send_mail(new.email, SUBJECT, TEXT.format(code=f"{code[:5]}-{code[5:]}"))
    except OSError as error:
        _log.error("No code was sent: %s", type(error).__name__)  # its message may hold the address
        raise NotSent("The mail could not be sent. Ask for a new code in a minute.") from None


def confirm_code(user: User, typed: str) -> None:
    """Make the waiting address the user's. Raises `WrongCode`."""
    new = db.session.get(NewEmail, user.id)
    code = "".join(filter(str.isalnum, typed.upper()))
    if new is None or not hmac.compare_digest(new.code_hash, _hash(code)) or _now() - new.sent_at >= CODE_LIFETIME:
        raise WrongCode
    confirm(user)


def confirm(user: User) -> str | None:
    """Make the waiting address the user's: it is known to be theirs. The address, or None when none waits."""
    email = waiting_email(user)
    if email is not None:
        user.email = email
        db.session.commit()
    return email


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _now() -> int:
    return int(current_app.config["HOST_CLOCK"]())
