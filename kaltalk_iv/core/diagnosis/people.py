"""What is wrong with ``sub``, ``email`` and ``name``: who a token speaks of."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..claims import MAX_INTEGER_SUB, parse_email, read_profile
from ..errors import InvalidClaim
from .advice import Advice, advise
from .codes import Code

_ID_ALIASES: Final = (
    *("user_id", "userId", "userID", "id", "_id", "uid", "uuid", "external_id", "externalId", "customer_id"),
    *("customerId", "subject", "Sub", "SUB", "nameid", "oid", "login", "username", "user"),
)
_EMAIL_ALIASES: Final = (
    "mail",
    "e-mail",
    "Email",
    "e_mail",
    "emailAddress",
    "email_address",
    "user_email",
    "userEmail",
)
_NAME_ALIASES: Final = ("fullName", "full_name", "displayName", "display_name", "Name", "unique_name", "given_name")
_NESTS: Final = ("user", "data", "payload", "claims", "customer", "profile", "identity", "body")
_USERNAMES: Final = ("preferred_username", "username", "userName", "user_name", "login", "nickname")
_NOBODY: Final = frozenset(
    {"undefined", "null", "none", "nil", "nan", "true", "false", "0", "-1", "guest", "anonymous", "unknown", "user.id"}
)
_PRINTED_OBJECT: Final = re.compile(r"\[object \w+\]|<.* object at 0x[0-9a-f]+>|\{\{.*\}\}|\$\{.*\}")
_LETTERS_ALONE: Final = re.compile(r"@?[A-Za-z]{2,20}(?:[._-][A-Za-z]{1,20})?")
_TYPES: Final = {bool: "true or false", float: "a number with a fraction", list: "a list", dict: "an object"}


def people_advice(payload: Mapping[str, Any]) -> Iterator[Advice]:
    """Yield what to mend about the customer that ``payload`` names."""
    if "sub" not in payload:
        yield _missing_sub(payload)
    else:
        yield from _sub_advice(payload["sub"], payload)
    yield from _profile_advice(payload)


def _missing_sub(payload: Mapping[str, Any]) -> Advice:
    for name in _NESTS:
        inside = payload.get(name)
        if isinstance(inside, dict) and any(member in inside for member in ("sub", *_ID_ALIASES)):
            return advise(Code.CLAIMS_NESTED, claim=name)
    alias = _first(payload, _ID_ALIASES)
    return advise(Code.SUB_MISSING) if alias is None else advise(Code.SUB_NAMED_OTHERWISE, claim=alias)


def _sub_advice(sub: object, payload: Mapping[str, Any]) -> Iterator[Advice]:
    if sub is None or (isinstance(sub, str) and not sub.strip()):
        yield advise(Code.SUB_EMPTY)
    elif isinstance(sub, str):
        yield from _text_sub_advice(sub, payload)
    elif type(sub) is int:
        if abs(sub) > MAX_INTEGER_SUB:
            yield advise(Code.SUB_NUMBER_TOO_BIG)
        else:
            yield advise(Code.SUB_STANDS_FOR_NOBODY if sub in {0, -1} else Code.SUB_NUMBER)
    else:
        yield advise(Code.SUB_NOT_TEXT, type=_TYPES.get(type(sub), "no text"))


def _text_sub_advice(sub: str, payload: Mapping[str, Any]) -> Iterator[Advice]:
    if sub.strip().lower() in _NOBODY or _PRINTED_OBJECT.fullmatch(sub):
        yield advise(Code.SUB_STANDS_FOR_NOBODY)
    elif _is_email(sub):
        yield advise(Code.SUB_EMAIL)
    elif _LETTERS_ALONE.fullmatch(sub) or any(payload.get(name) == sub for name in ("name", *_USERNAMES)):
        yield advise(Code.SUB_USERNAME)


def _profile_advice(payload: Mapping[str, Any]) -> Iterator[Advice]:
    for notice in read_profile(payload)[2]:
        yield advise(Code(notice.code), why=notice.detail)
    if payload.get("email") is None:
        alias = _first(payload, _EMAIL_ALIASES)
        if alias is not None:
            yield advise(Code.EMAIL_NAMED_OTHERWISE, claim=alias)
    if payload.get("name") is None:
        alias = _first(payload, _NAME_ALIASES)
        if alias is not None:
            yield advise(Code.NAME_NAMED_OTHERWISE, claim=alias)


def _first(payload: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """Return the first of ``names`` that has a value of its own: text or a number."""
    return next((name for name in names if isinstance(payload.get(name), str | int)), None)


def _is_email(text: str) -> bool:
    try:
        parse_email(text)
    except InvalidClaim:
        return False
    return True
