"""How often somebody may try to log in, so that guessing is slow and no stranger locks an agent out.

Tries are counted by address, by login and address, and by login wherever they come from; one that succeeds is taken
back. The last count is the one that many addresses together could fill on purpose. So a browser in which this login has
succeeded before carries a proof of that, and has a count of its own that nobody else can fill.
"""

import hmac
import re

from flask import current_app, request
from werkzeug.wrappers import Response

from ..limiter import network_of
from ..rates import Limit
from ..state import current_state

KNOWN_SECONDS = 90 * 24 * 3600

_PROOF = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")


class Attempt:
    """One try to log in, counted when it is made. Raises RateLimited when it is one too many."""

    def __init__(self, login: str) -> None:
        self._login = login.strip().lower()
        proof, network = self._proof(), network_of(request.remote_addr)
        self._counted: tuple[tuple[Limit, tuple[str, ...]], ...] = (
            (Limit.LOGIN_ADDRESS, (network,)),
            (Limit.LOGIN_NAME, (self._login, network)),
            # Last: what the others refuse must not fill it.
            (Limit.LOGIN_NAME_ANYWHERE, (self._login,)),
        )
        if proof is not None:
            self._counted = ((Limit.LOGIN_NAME, (self._login, "browser", proof)),)
        for limit, who in self._counted:
            current_state().limiter.hit(limit, *who)

    def succeeded(self, response: Response) -> Response:
        """Take the try back and return ``response`` with the proof for the next one in this browser."""
        state = current_state()
        for limit, who in self._counted:
            state.limiter.give_back(limit, *who)
        issued = str(int(state.clock()))
        sessions = current_app.session_interface
        response.set_cookie(
            _cookie_name(),
            f"{issued}.{self._mac(state.settings.session_keys[0], issued)}",
            max_age=KNOWN_SECONDS,
            path=sessions.get_cookie_path(current_app),
            domain=sessions.get_cookie_domain(current_app),
            secure=sessions.get_cookie_secure(current_app),
            httponly=True,
            samesite="Strict",
        )
        return response

    def _proof(self) -> str | None:
        """Return the proof that this browser sent, when it is about this login and not older than 90 days."""
        sent = _PROOF.fullmatch(request.cookies.get(_cookie_name(), ""))
        state = current_state()
        if sent is None or not 0 <= state.clock() - int(sent[1]) + 1 <= KNOWN_SECONDS:
            return None
        macs = [self._mac(key, sent[1]) for key in state.settings.session_keys]
        return sent[0] if any(hmac.compare_digest(mac, sent[2]) for mac in macs) else None

    def _mac(self, key: bytes, issued: str) -> str:
        about = f"known browser\0{issued}\0{self._login}".encode("utf-8", "surrogatepass")
        return hmac.digest(key, about, "sha256").hex()


def _cookie_name() -> str:
    return current_app.session_interface.get_cookie_name(current_app) + "_known"
