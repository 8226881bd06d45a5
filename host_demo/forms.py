"""The forms of the host. Whatever is typed ends in a value that both databases can store, or in a sentence."""

import re
import unicodedata
from typing import Any

from email_validator import validate_email
from flask import request
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, PasswordField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from host_demo.accounts import USERNAME
from host_demo.models import EMAIL_LENGTH, NAME_LENGTH, USERNAME_LENGTH

PASSWORD_LENGTH = 12
LONGEST_PASSWORD = 256  # hashing a megabyte is a cheap way to keep a server busy

# Overrides and isolates that outlive their line, and U+FFFD: what is left of bytes that are not UTF-8.
_UNWANTED = re.compile("[\u202a-\u202e\u2066-\u2069\ufffd]")


def trimmed(value: str | None) -> str:
    """The text without blanks at its ends, in the one spelling that Unicode calls NFC."""
    return unicodedata.normalize("NFC", value or "").strip()


def lowered(value: str | None) -> str:
    """The text trimmed and in lower case: Ada and ada are one username."""
    return trimmed(value).lower()


def check_readable(_form: Any, field: Any) -> None:
    """Refuse text that cannot be shown on one line, or shows nothing."""
    categories = [unicodedata.category(character) for character in field.data]
    if _UNWANTED.search(field.data) or not {"Cc", "Cs", "Zl", "Zp"}.isdisjoint(categories):
        raise ValidationError("This holds characters that cannot be shown. Type it anew.")
    if all(category == "Cf" or category[0] in "ZM" for category in categories):
        raise ValidationError("Type at least one letter.")


def check_username(_form: Any, field: Any) -> None:
    """Refuse what is not a plain username; ASCII alone, so that no two look alike."""
    if not USERNAME.fullmatch(field.data):
        raise ValidationError(
            f"Use 3 to {USERNAME_LENGTH} characters: letters a to z, digits, dots, hyphens and underscores,"
            " with a letter or digit first."
        )


def normal_email(text: str) -> str:
    """The address in its one spelling, by its form alone: nobody is asked over the network. Raises `ValueError`."""
    if "=?" in text:  # an encoded word of RFC 2047: mail programs would write to what it decodes to
        raise ValueError("An encoded word is no address.")
    return validate_email(text, check_deliverability=False).normalized


def ascii_email(email: str) -> str:
    """The address for a mail server: all know the ASCII spelling of a domain. A name before the @ may have none."""
    return validate_email(email, check_deliverability=False).ascii_email or email


def check_email(_form: Any, field: Any) -> None:
    """Refuse what is not an e-mail address."""
    try:
        field.data = normal_email(field.data)
    except ValueError as error:
        raise ValidationError("This is not an e-mail address. It looks like name@example.com.") from error


class HostForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """A form with a CSRF token that reads text fields alone."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]  # as above
        """Flask-WTF would also take uploaded files and JSON: objects, numbers and lone surrogates for text."""

        def wrap_formdata(self, _form: Any, _formdata: Any) -> Any:
            """What the form filled in, or nothing when the page is only looked at."""
            return request.form if request.method == "POST" else None


class PersonForm(HostForm):
    """What people say about themselves, and may change later."""

    name = StringField(
        "Name",
        filters=[trimmed],
        validators=[
            InputRequired("Type your name."),
            Length(max=NAME_LENGTH, message=f"Use at most {NAME_LENGTH} characters."),
            check_readable,
        ],
        render_kw={"autocomplete": "name", "maxlength": NAME_LENGTH},
    )
    username = StringField(
        "Username",
        filters=[lowered],
        validators=[InputRequired("Choose a username."), check_username],
        description="You log in with it. Capital and small letters are the same.",
        render_kw={
            "autocomplete": "username",
            "autocapitalize": "none",
            "spellcheck": "false",
            "maxlength": USERNAME_LENGTH,
        },
    )
    email = EmailField(
        "E-mail",
        filters=[trimmed],
        validators=[
            InputRequired("Type your e-mail address."),
            Length(max=EMAIL_LENGTH, message=f"Use at most {EMAIL_LENGTH} characters."),
            check_email,
        ],
        render_kw={"autocomplete": "email", "maxlength": EMAIL_LENGTH},
    )


class ProfileForm(PersonForm):
    """The profile page."""


class CodeForm(HostForm):
    """The code that confirms an e-mail address."""

    code = StringField(
        "Code",
        filters=[trimmed],
        validators=[InputRequired("Type the code from the mail.")],
        render_kw={
            "autocomplete": "one-time-code",
            "autocapitalize": "characters",
            "spellcheck": "false",
            "maxlength": 40,
        },
    )


class RegisterForm(PersonForm):
    """The page where an account is made."""

    password = PasswordField(
        "Password",
        validators=[
            InputRequired("Choose a password."),
            Length(
                min=PASSWORD_LENGTH,
                max=LONGEST_PASSWORD,
                message=f"Use {PASSWORD_LENGTH} to {LONGEST_PASSWORD} characters.",
            ),
        ],
        description=f"At least {PASSWORD_LENGTH} characters. A short sentence is good.",
        render_kw={
            "autocomplete": "new-password",
            "minlength": PASSWORD_LENGTH,
            "maxlength": LONGEST_PASSWORD,
        },
    )


class LoginForm(HostForm):
    """The page where people log in. It says nothing of the rules: they would help to guess."""

    username = StringField(
        "Username",
        filters=[lowered],
        validators=[InputRequired("Type your username.")],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        "Password",
        validators=[InputRequired("Type your password.")],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()
