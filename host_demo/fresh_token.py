"""GET /kaltalk-token: a fresh user token for a page that has been open for long; the widget asks in time.

Same-origin and logged in only. No CORS header: no other site's page can read the answer.
"""

from flask import Blueprint, current_app, request
from flask_login import current_user

from host_demo.identity import sign_user_jwt

blueprint = Blueprint("fresh_token", __name__)


@blueprint.get("/kaltalk-token")
def kaltalk_token() -> tuple[dict[str, str | None], int]:
    """`{"userJwt": …}` for whoever is logged in; null with 401 for nobody, with 503 without a usable secret.

    Never a redirect: the page would read the log-in page as if it were the token.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return {"userJwt": None}, 403
    if not current_user.is_authenticated:
        return {"userJwt": None}, 401
    config = current_app.config
    token = sign_user_jwt(current_user, config["KALTALK_IV_SECRET"], now=config["HOST_CLOCK"]())
    return {"userJwt": token}, 200 if token else 503
