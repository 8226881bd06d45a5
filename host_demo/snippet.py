"""What the page tells KalTalk: the organization, and a token that was signed for this very page."""

from datetime import UTC, datetime

from flask import Flask, current_app, url_for
from flask_login import current_user

from host_demo.identity import LIFETIME, sign_user_jwt


def init_app(app: Flask) -> None:
    """Sign anew on each render, the pages for errors included."""
    app.context_processor(kaltalk_context)


def kaltalk_context() -> dict[str, object]:
    """What `_kaltalk.html` writes into the page. No user, no token; with a token, no plain field beside it."""
    config = current_app.config
    if not (config["KALTALK_ORGANIZATION_ID"] and config["KALTALK_ORIGIN"]):
        return {}
    settings = {"organizationId": config["KALTALK_ORGANIZATION_ID"]}
    context = {"kaltalk_origin": config["KALTALK_ORIGIN"], "kaltalk_settings": settings}
    if not current_user.is_authenticated:
        return context
    now = int(config["HOST_CLOCK"]())
    token = sign_user_jwt(current_user, config["KALTALK_IV_SECRET"], now=now)
    if token is None:
        return context
    settings["userJwt"] = token
    return context | {
        "kaltalk_token_url": url_for("fresh_token.kaltalk_token"),
        "signed_until": datetime.fromtimestamp(now + LIFETIME, UTC),
    }
