"""CORS (the Fetch standard): which page may read an answer. No cookies, no credentials, one exact origin or none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Request, Response
from werkzeug.exceptions import HTTPException

from ..core.errors import KalTalkError, OriginNotAllowed, UnknownOrganization, Unreadable
from ..core.origins import is_allowed
from ..session_seal import unseal
from ..state import current_state
from ..store.organizations import get_organization
from .bodies import read_bearer

_METHODS = "GET, POST, DELETE"
_HEADERS = "Authorization, Content-Type"
_PREFLIGHT_SECONDS = "600"


def page_origin(asked: Request) -> str | None:
    """Return the origin of the page that calls, as its browser wrote it, or None."""
    return asked.headers.get("Origin")


def allow_page(asked: Request, response: Response) -> Response:
    """Let the calling page read ``response``, unless it is the answer that its origin is not allowed."""
    response.headers.add("Vary", "Origin")
    origin = page_origin(asked)
    if origin is not None and response.status_code != 403:
        response.headers.add("Access-Control-Allow-Origin", origin)
        response.headers.add("Access-Control-Expose-Headers", "Retry-After, X-Request-ID")
    return response


@contextmanager
def errors_for_its_own_pages(asked: Request, organization_id: Callable[[Request], str]) -> Iterator[None]:
    """Refuse a page with the 403 first, when its request is wrong in a way that shows before origins are compared.

    Only then is the organization looked up here, by the id that is returned or by nothing when KalTalkError is raised.
    A 429 is told to any page that asks: to look up its organization is the work that a limit is there to save.
    """
    try:
        yield
    except (HTTPException, Unreadable):
        try:
            if page_origin(asked) is not None:
                check_page(asked, organization_id(asked))
        except OriginNotAllowed:
            raise
        except KalTalkError:
            pass  # nobody's page: the first error stands
        raise


def check_page(asked: Request, organization_id: str) -> None:
    """Raise OriginNotAllowed or UnknownOrganization unless the calling page may speak to this organization."""
    state = current_state()
    organization = get_organization(state.reader() or state.session, organization_id)
    if organization is None:
        raise UnknownOrganization
    if not is_allowed(page_origin(asked), organization.origins):
        raise OriginNotAllowed


def organization_in_session(asked: Request) -> str:
    """Return the id of the organization whose widget session came with the request. Raises KalTalkError without one."""
    state = current_state()
    return unseal(read_bearer(asked), state.settings.session_keys, state.clock()).organization_id


def preflight() -> Response:
    """Return the answer to an OPTIONS request. It grants nothing by itself: the request that follows is checked."""
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = _METHODS
    response.headers["Access-Control-Allow-Headers"] = _HEADERS
    response.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
    return response
