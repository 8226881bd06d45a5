"""CORS (the Fetch standard): which page may read an answer. No cookies, no credentials, one exact origin or none."""

from collections.abc import Callable
from http import HTTPStatus

from ..core.errors import KalTalkError, OriginNotAllowed, UnknownOrganization
from ..core.origins import is_allowed
from ..session_seal import unseal
from ..state import State
from ..store.organizations import get_organization
from .answers import Answer, Header
from .asking import Asked

_VARY: Header = ("Vary", "Origin")
_EXPOSE: Header = ("Access-Control-Expose-Headers", "Retry-After, X-Request-ID")
# It grants nothing by itself: the request that follows is checked.
PREFLIGHT = Answer(
    204,
    [
        ("Access-Control-Allow-Methods", "GET, POST, DELETE"),
        ("Access-Control-Allow-Headers", "Authorization, Content-Type"),
        ("Access-Control-Max-Age", "600"),
    ],
)
"""The answer to an OPTIONS request."""


def headers_for_page(origin: str | None, status: int) -> list[Header]:
    """Return what lets the calling page read an answer, unless that is the answer that its origin is not allowed."""
    # What no browser has written gets no header, so that none of it can stand in an answer.
    if origin is None or status == HTTPStatus.FORBIDDEN or not (origin.isascii() and origin.isprintable()):
        return [_VARY]
    return [_VARY, ("Access-Control-Allow-Origin", origin), _EXPOSE]


def refuse_foreign_page(state: State, asked: Asked, organization_id: Callable[[], str]) -> None:
    """Raise OriginNotAllowed for a foreign page whose request is wrong in a way that shows before origins are compared.

    Only then is the organization looked up here, by the id that is returned or by nothing when KalTalkError is raised.
    A 429 is told to any page that asks: to look up its organization is the work that a limit is there to save.
    """
    if asked.origin is None:
        return
    try:
        check_page(state, asked, organization_id())
    except OriginNotAllowed:
        raise
    except KalTalkError:
        return  # nobody's page: the first error stands


def check_page(state: State, asked: Asked, organization_id: str) -> None:
    """Raise OriginNotAllowed or UnknownOrganization unless the calling page may speak to this organization."""
    organization = get_organization(state.reader() or state.session, organization_id)
    if organization is None:
        raise UnknownOrganization
    if not is_allowed(asked.origin, organization.origins):
        raise OriginNotAllowed


def organization_in_session(state: State, asked: Asked) -> str:
    """Return the id of the organization whose widget session came with the request. Raises KalTalkError without one."""
    return unseal(asked.bearer(), state.settings.session_keys, state.clock()).organization_id
