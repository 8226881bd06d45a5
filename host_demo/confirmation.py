"""Confirm an e-mail address: a code is sent there, and whoever types it here can read that mailbox.

Only then does what somebody typed become `User.email`, and only that is signed. Signed before, it would give whoever
registers with another's address a green shield for it.

The address waits in the session of the browser in which it was typed. Its code is made of user, address and time by a
key, so it is stored nowhere and confirms nothing else.
"""

import base64
import hmac
import logging

from flask import current_app, flash, session

from host_demo import attempts
from host_demo.forms import ascii_email
from host_demo.models import User, db

CODE_LENGTH = 10  # of base32, 50 bits: not to be guessed in an hour
CODE_LIFETIME = 3600  # seconds
LOOK_ALIKES = str.maketrans("01", "OI")  # base32 has neither
SUBJECT = "Your code for Harrow Lane Tea"
TEXT = """\
{code} is your code for Harrow Lane Tea. Type it on your profile page, in the browser in which you asked for it, within
one hour, and tell nobody.

You did not ask for it? Then somebody typed your address for theirs. Do nothing, and they will not get it.
"""
_WAITS = "new_email"  # in the session: the address, and when its code was sent or None
_NOTHING = (None, None)
_log = logging.getLogger(__name__)


class NotSent(Exception):
    """No code was sent; the message says why and what to do."""


class WrongCode(Exception):
    """This is not the last code for the address that waits, or its hour is over."""


def waiting_email(user: User) -> str | None:
    """The address of this user that waits for its code in this browser."""
    email: str | None = session.get(_WAITS, _NOTHING)[0]
    return None if email == user.email else email


def is_code_out(user: User) -> bool:
    """Whether a code for the address that waits was sent, and its hour is not over."""
    sent_at = session.get(_WAITS, _NOTHING)[1]
    return waiting_email(user) is not None and sent_at is not None and 0 <= _now() - sent_at < CODE_LIFETIME


def choose_email(user: User, email: str) -> bool:
    """Take what the user typed as their address; true when that waits for a code, and none is out."""
    if email != waiting_email(user):
        session[_WAITS] = email, None  # the user's own does not wait, and ends what did
    return waiting_email(user) is not None and not is_code_out(user)


def send_code(user: User) -> None:
    """Send a code to the address that waits, or say on the next page why there is none."""
    try:
        _send_code(user)
    except NotSent as error:
        flash(str(error))


def _send_code(user: User) -> None:
    email, user_id = waiting_email(user), user.id
    send_mail = current_app.config["HOST_SEND_MAIL"]
    if email is None:
        raise NotSent("No e-mail address waits to be confirmed in this browser.")
    if send_mail is None:
        raise NotSent("This shop sends no mail yet, so it cannot see that the address is yours.")
    counted = attempts.mail(email)
    if not attempts.may(counted):
        raise NotSent("Too many codes were asked for. Try again in an hour.")
    sent_at = _now()
    code = _code(user_id, email, sent_at)
    db.session.commit()  # no connection to the database waits for the mail
    try:
        send_mail(ascii_email(email), SUBJECT, TEXT.format(code=f"{code[:5]}-{code[5:]}"))
    except Exception as error:  # noqa: BLE001 - whatever the mailer raises, the page goes on
        attempts.take_back(counted)
        _log.error("No code was sent: %s", type(error).__name__)  # its message may hold the address
        raise NotSent("The mail with the code could not be sent. Try again in a minute.") from None
    session[_WAITS] = email, sent_at


def confirm(user: User, typed: str) -> str:
    """Make the address that waits the user's, and return it. Raises `WrongCode`."""
    email, sent_at = session.get(_WAITS, _NOTHING)
    code = "".join(filter(str.isalnum, typed.upper())).translate(LOOK_ALIKES)
    if not is_code_out(user) or not hmac.compare_digest(code.encode(), _code(user.id, email, sent_at).encode()):
        raise WrongCode
    user.email = email
    db.session.commit()
    del session[_WAITS]
    return user.email


def _code(user_id: str, email: str, sent_at: int) -> str:
    key = current_app.config["SECRET_KEY"].encode()
    mac = hmac.digest(key, f"confirm\0{user_id}\0{email}\0{sent_at}".encode(), "sha256")
    return base64.b32encode(mac)[:CODE_LENGTH].decode()


def _now() -> int:
    return int(current_app.config["HOST_CLOCK"]())
