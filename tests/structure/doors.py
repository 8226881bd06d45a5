"""Who may pass each address of ours: declared here, compared with the URL maps both ways.

A route that is not in these tables fails `test_every_route`, and one that is in them is tried like all the others.
"""

from enum import StrEnum
from typing import Final


class Door(StrEnum):
    """Who gets past."""

    ANYBODY = "anybody"
    OPERATOR = "whoever runs KalTalk: no cookie, and a token of its own where something is told"
    WIDGET = "a page with a widget: no cookie, no CSRF token"
    STAFF = "whoever is logged in to KalTalk"
    ADMIN = "an admin of the organization"
    CUSTOMER = "whoever is logged in to the host"


KALTALK: Final[dict[str, Door]] = {
    **dict.fromkeys(
        ("kaltalk_iv_api.widget", "kaltalk_iv_api.description", "kaltalk_iv_dashboard.asset"),
        Door.ANYBODY,
    ),
    **dict.fromkeys(("kaltalk_iv_login.show", "kaltalk_iv_login.log_in", "kaltalk_iv_login.log_out"), Door.ANYBODY),
    **{f"kaltalk_iv_operations.{name}": Door.OPERATOR for name in ("healthz", "metrics", "readyz")},
    **dict.fromkeys(
        ("kaltalk_iv_api.identify_visitor", "kaltalk_iv_api.messages", "kaltalk_iv_api.session"), Door.WIDGET
    ),
    **{f"kaltalk_iv_dashboard.{name}": Door.STAFF for name in ("home", "inbox", "conversation", "reply", "set_status")},
    **{
        f"kaltalk_iv_dashboard.settings{name}": Door.ADMIN
        for name in (
            "",
            "_audit",
            "_audit_csv",
            "_end_window",
            "_mode",
            "_origins",
            "_replace",
            "_replaced",
            "_reveal",
            "_revealed",
            "_revoked",
            "_rotate",
            "_take_back",
            "_test_it",
            "_window_ended",
        )
    },
}
HOST: Final[dict[str, Door]] = {
    **dict.fromkeys(("static", "pages.home"), Door.ANYBODY),
    **dict.fromkeys(
        ("auth.login", "auth.login_post", "auth.logout", "auth.register", "auth.register_post"), Door.ANYBODY
    ),
    **dict.fromkeys(
        ("pages.orders", "pages.profile", "pages.profile_post", "fresh_token.kaltalk_token"), Door.CUSTOMER
    ),
    **dict.fromkeys(("lab.page", "lab.mode", "lab.prepare", "lab.seen"), Door.CUSTOMER),
}
