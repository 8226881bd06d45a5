"""Flask, PyJWT and SQLAlchemy Core, one joined SELECT: what a team writes that has looked at its queries.

BENCH_TUNED: the statement is built once and goes to the driver as it is.
"""

import os
import time

import jwt
import sqlalchemy as sa
from flask import Flask, jsonify, request

from bench.peers import job, tables

app = Flask(__name__)
engine = sa.create_engine(os.environ["BENCH_DATABASE_URL"])
prepared = tables.Prepared(engine.dialect) if os.environ.get("BENCH_TUNED") else None
add_customer = tables.insert_once(engine.dialect.name, tables.customers)
add_message = tables.insert_once(engine.dialect.name, tables.messages)


@app.post("/v1/organizations/<organization_id>/identify")
def identify(organization_id):
    """Answer an identify."""
    token, origin, now = request.get_json().get("userJwt"), request.headers.get("Origin"), time.time()
    said = job.claimed(token)
    with engine.connect() as connection:
        asked = {"organization_id": organization_id, "external_id": said.get("sub"), "now": now}
        if prepared is None:
            rows = connection.execute(tables.find(**asked)).all()
        else:
            rows = connection.exec_driver_sql(prepared.sql, prepared.values(**asked)).all()
        if not rows:
            return jsonify(code="unknown_organization"), 404
        known = rows[0]
        if not job.is_allowed(origin, known.origins):
            return jsonify(code="origin_not_allowed"), 403
        claims, reason = job.weigh(token, [row.secret for row in rows if row.secret])
        customer_id = known.id
        if claims.get("sub") is None:
            customer_id = None
        elif customer_id is None:
            connection.execute(add_customer, job.new_customer(organization_id, claims, reason, now))
            customer_id = connection.execute(tables.FIND_ID, asked).scalar_one()
            connection.commit()
        elif changed := job.changes(known, claims, reason, now):
            connection.execute(tables.UPDATE, {"customer_id": customer_id} | changed)
            connection.commit()
    session = job.session_claims(organization_id, customer_id, reason)
    return job.answer(claims, reason, session), 200, job.cors(origin)


@app.post("/v1/messages")
def message():
    """Store a message, once."""
    try:
        session = job.read_session(request.headers.get("Authorization"))
    except jwt.InvalidTokenError:
        return jsonify(code="session_invalid"), 401
    body = request.get_json()
    with engine.begin() as connection:
        connection.execute(add_message, job.new_message(session, body, time.time()))
    answer = {"text": body["text"], "clientMessageId": body["clientMessageId"]}
    return {"message": answer}, 201, job.cors(request.headers.get("Origin"))
