"""Flask-JWT-Extended for the sessions, PyJWT for the host's tokens, and Flask-SQLAlchemy's ORM."""

import os
import time
from datetime import timedelta

from flask import Flask, jsonify, request
from flask_jwt_extended import JWTManager, create_access_token, get_jwt, jwt_required

from bench.peers import job
from bench.peers.flask_orm import active_secrets, save_customer, save_message
from bench.peers.orm_models import Organization, db

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["BENCH_DATABASE_URL"]
app.config["JWT_SECRET_KEY"] = job.SESSION_KEY
app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(seconds=job.SESSION_SECONDS)
db.init_app(app)
JWTManager(app)


@app.post("/v1/organizations/<organization_id>/identify")
def identify(organization_id):
    """Answer an identify."""
    organization = db.session.get(Organization, organization_id)
    if organization is None:
        return jsonify(code="unknown_organization"), 404
    origin = request.headers.get("Origin")
    if not job.is_allowed(origin, organization.origins):
        return jsonify(code="origin_not_allowed"), 403
    now = time.time()
    claims, reason = job.weigh(request.get_json().get("userJwt"), [s.secret for s in active_secrets(organization, now)])
    customer = None if claims.get("sub") is None else save_customer(organization, claims, reason, now)
    session = job.session_claims(organization.id, customer and customer.id, reason)
    told = {name: session[name] for name in ("sid", "org", "cus", "state")}
    token = create_access_token(identity=claims.get("sub") or session["sid"], additional_claims=told)
    return job.answer(claims, reason, session, token), 200, job.cors(origin)


@app.post("/v1/messages")
@jwt_required()
def message():
    """Store a message, once."""
    answer = save_message(get_jwt(), request.get_json())
    return {"message": answer}, 201, job.cors(request.headers.get("Origin"))
