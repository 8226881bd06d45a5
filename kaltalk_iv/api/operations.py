"""For whoever runs KalTalk: is it alive, is it ready, what does it count. No organization, no CORS, no cookie."""

import hmac
from http import HTTPStatus

from flask import Blueprint, Response, jsonify, request

from ..observing.metrics import CONTENT_TYPE
from ..state import current_state
from .problems import RETRY_AFTER_SECONDS, problem

_BEARER = "bearer "


def create_operations() -> Blueprint:
    """Return the blueprint with ``/healthz``, ``/readyz`` and ``/metrics``."""
    operations = Blueprint("kaltalk_iv_operations", __name__)
    operations.add_url_rule("/healthz", view_func=healthz)
    operations.add_url_rule("/readyz", view_func=readyz)
    operations.add_url_rule("/metrics", view_func=metrics)
    operations.after_request(_finish)
    return operations


def healthz() -> Response:
    """GET: the process lives. It touches nothing, so that a database that is away does not have it restarted."""
    return jsonify({"status": "ok"})


def readyz() -> Response:
    """GET: requests can be served; else 503 with the part that is missing, and not why."""
    state = current_state()
    missing = state.readiness.missing_part(state.engine, state.settings)
    if missing is None:
        return jsonify({"status": "ready"})
    answer = jsonify({"status": "unavailable", "missing": missing})
    answer.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def metrics() -> Response:
    """GET: the metrics, for whoever knows the token. Without a token in the settings there is no such page."""
    state = current_state()
    token = state.settings.metrics_token
    if token is None:
        return problem(state, HTTPStatus.NOT_FOUND, "not_found", "There is no such page.").response()
    given = request.headers.get("Authorization", "")
    # As bytes: compare_digest refuses text beyond ASCII.
    is_it = hmac.compare_digest(given[len(_BEARER) :].encode("utf-8", "surrogatepass"), token)
    if not given.lower().startswith(_BEARER) or not is_it:
        challenge = [("WWW-Authenticate", 'Bearer realm="kaltalk metrics"')]
        told = "Send the metrics token as a bearer token."
        return problem(state, HTTPStatus.UNAUTHORIZED, "unauthorized", told, challenge).response()
    return Response(state.metrics.text(), content_type=CONTENT_TYPE)


def _finish(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
