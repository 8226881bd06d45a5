"""What schemathesis cannot guess: an organization that is there, and a widget session that counts. Else all is 401."""

import os
from typing import Any
from zlib import crc32

import schemathesis

ORGANIZATION = os.environ.get("KALTALK_TEST_ORGANIZATION", "")
SESSION = os.environ.get("KALTALK_TEST_SESSION", "")
SESSION_TO_END = os.environ.get("KALTALK_TEST_SESSION_TO_END", "")
_SHARE = 4  # one request in so many stays as it was made up


def _stays_made_up(case: Any) -> bool:
    return crc32(f"{case.body}{case.query}".encode(errors="replace")) % _SHARE == 0


@schemathesis.hook
def map_case(_context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> schemathesis.Case[Any]:
    """Give most requests the organization and the session."""
    is_negative = case.meta is not None and not case.meta.generation.mode.is_positive
    if is_negative or _stays_made_up(case):
        return case
    if "organizationId" in case.path_parameters:
        case.path_parameters["organizationId"] = ORGANIZATION
    return case


@schemathesis.auth(refresh_interval=None)  # else the first one is sent everywhere
class WidgetSession:
    """The session of a visitor whom this organization knows."""

    def get(self, case: schemathesis.Case[Any], _context: schemathesis.AuthContext) -> str:
        """Return the session, or one of its own for the request that ends it."""
        return SESSION_TO_END if case.method == "DELETE" else SESSION

    def set(self, case: schemathesis.Case[Any], data: str, _context: schemathesis.AuthContext) -> None:
        """Send it as the widget does."""
        case.headers["Authorization"] = f"Bearer {data}"
