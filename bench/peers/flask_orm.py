"""Flask, PyJWT and Flask-SQLAlchemy's ORM, as everybody writes it: a query for each thing, objects that are changed."""

import os
import time

import jwt
from flask import Flask, jsonify, request

from bench.peers import job
from bench.peers.orm_models import Customer, Message, Organization, SigningSecret, db

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["BENCH_DATABASE_URL"]
db.init_app(app)


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
    return job.answer(claims, reason, session), 200, job.cors(origin)


@app.post("/v1/messages")
def message():
    """Store a message, once."""
    try:
        session = job.read_session(request.headers.get("Authorization"))
    except jwt.InvalidTokenError:
        return jsonify(code="session_invalid"), 401
    answer = save_message(session, request.get_json())
    return {"message": answer}, 201, job.cors(request.headers.get("Origin"))


def active_secrets(organization, now):
    """Return the secrets that verify, newest first."""
    return (
        SigningSecret.query.filter_by(organization_id=organization.id, revoked_at=None)
        .filter(db.or_(SigningSecret.expires_at.is_(None), SigningSecret.expires_at > now))
        .order_by(SigningSecret.created_at.desc())
        .all()
    )


def save_customer(organization, claims, reason, now):
    """Return the customer, new or changed as the token says."""
    customer = Customer.query.filter_by(organization_id=organization.id, external_id=claims["sub"]).first()
    if customer is None:
        db.session.add(Customer(**job.new_customer(organization.id, claims, reason, now)))
        try:
            db.session.commit()
        except db.exc.IntegrityError:  # somebody was faster
            db.session.rollback()
        return Customer.query.filter_by(organization_id=organization.id, external_id=claims["sub"]).one()
    changed = job.changes(customer, claims, reason, now)
    for name, value in changed.items():
        setattr(customer, name, value)
    if changed:
        db.session.commit()
    return customer


def save_message(session, body):
    """Store a message unless it is there, and return it as it is answered."""
    sent = {"session_id": session["sid"], "client_message_id": body["clientMessageId"]}
    if Message.query.filter_by(**sent).first() is None:
        db.session.add(Message(**job.new_message(session, body, time.time())))
        try:
            db.session.commit()
        except db.exc.IntegrityError:  # the same message, sent twice at once
            db.session.rollback()
    return {"text": body["text"], "clientMessageId": body["clientMessageId"]}
