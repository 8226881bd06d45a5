"""The floor: a bare WSGI callable, HMAC by hand and the raw driver. As little as the job can be done with in Python.

Nothing of it is meant to be copied: it reads tokens without the care that they need.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import sqlite3
import threading
import time
import uuid

from bench.peers import job

_FILE = os.environ.get("BENCH_SQLITE_FILE")
_KEY = job.SESSION_KEY.encode()
_PATH = re.compile(r"/v1/organizations/([^/]+)/identify")
_FIND = """
SELECT o.origins, s.secret, c.id, c.email, c.name, c.verified, c.last_seen_at
FROM organizations o
LEFT JOIN signing_secrets s
  ON s.organization_id = o.id AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > %s)
LEFT JOIN customers c ON c.organization_id = o.id AND c.external_id = %s
WHERE o.id = %s ORDER BY s.created_at DESC
"""
_INSERT = """
INSERT INTO customers (organization_id, external_id, email, name, verified, verified_at, last_seen_at)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_FIND_ID = "SELECT id FROM customers WHERE organization_id = %s AND external_id = %s"
_UPDATE = "UPDATE customers SET {} WHERE id = %s"
_MESSAGE = """
INSERT INTO messages (organization_id, customer_id, session_id, client_message_id, text, created_at)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_threads = threading.local()


def _connection():
    try:
        return _threads.connection
    except AttributeError:
        if _FILE:
            _threads.connection = sqlite3.connect(_FILE, isolation_level=None)
        else:
            import psycopg

            _threads.connection = psycopg.connect("", autocommit=True, prepare_threshold=1)
        return _threads.connection


if _FILE:
    _FIND, _INSERT, _FIND_ID, _UPDATE, _MESSAGE = (
        statement.replace("%s", "?") for statement in (_FIND, _INSERT, _FIND_ID, _UPDATE, _MESSAGE)
    )


class _Known:
    def __init__(self, row):
        _, _, self.id, self.email, self.name, self.verified, self.last_seen_at = row


def _decode(segment):
    return base64.urlsafe_b64decode(segment + "==")


def _sign(raw):
    return base64.urlsafe_b64encode(hmac.digest(_KEY, raw, hashlib.sha256)).rstrip(b"=")


def _weigh(token, secrets):
    try:
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        is_ours, claims = json.loads(_decode(header)).get("alg") == "HS256", json.loads(_decode(payload))
        given = _decode(signature)
    except (AttributeError, ValueError):
        return {}, "malformed"
    raw = signed.encode()
    if not is_ours or not any(
        hmac.compare_digest(hmac.digest(secret.encode(), raw, hashlib.sha256), given) for secret in secrets
    ):
        return claims, "bad_signature"
    if "exp" not in claims or "sub" not in claims:
        return claims, "missing_claim"
    return claims, None if time.time() < claims["exp"] else "expired"


def _claimed_sub(token):
    try:
        return json.loads(_decode(token.split(".")[1])).get("sub")
    except (AttributeError, IndexError, ValueError):
        return None


def identify(environ, organization_id):
    """Return the status and the body of an identify."""
    token = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))).get("userJwt")
    connection, now, origin = _connection(), time.time(), environ.get("HTTP_ORIGIN")
    rows = connection.execute(_FIND, (now, _claimed_sub(token), organization_id)).fetchall()
    if not rows:
        return "404 Not Found", {"code": "unknown_organization"}
    if not job.is_allowed(origin, rows[0][0]):
        return "403 Forbidden", {"code": "origin_not_allowed"}
    claims, reason = _weigh(token, [row[1] for row in rows if row[1]])
    known = _Known(rows[0])
    customer_id = known.id
    if claims.get("sub") is None:
        customer_id = None
    elif customer_id is None:
        row = job.new_customer(organization_id, claims, reason, now)
        connection.execute(_INSERT, tuple(row.values()))
        customer_id = connection.execute(_FIND_ID, (organization_id, claims["sub"])).fetchone()[0]
    elif changed := job.changes(known, claims, reason, now):
        mark = "?" if _FILE else "%s"
        statement = _UPDATE.format(", ".join(f"{name} = {mark}" for name in changed))
        connection.execute(statement, (*changed.values(), customer_id))
    state = "verified" if reason is None else "unverified"
    expires_at = int(now) + job.SESSION_SECONDS
    session = {"sid": uuid.uuid4().hex, "org": organization_id, "cus": customer_id, "state": state, "exp": expires_at}
    raw = base64.urlsafe_b64encode(json.dumps(session).encode())
    return "200 OK", job.answer(claims, reason, session, (raw + b"." + _sign(raw)).decode())


def message(environ):
    """Return the status and the body of a message that is stored."""
    raw, _, signature = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ").encode().partition(b".")
    if not hmac.compare_digest(_sign(raw), signature):
        return "401 Unauthorized", {"code": "session_invalid"}
    session = json.loads(base64.urlsafe_b64decode(raw))
    if session["exp"] <= time.time():
        return "401 Unauthorized", {"code": "session_expired"}
    body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    _connection().execute(_MESSAGE, tuple(job.new_message(session, body, time.time()).values()))
    return "201 Created", {"message": {"text": body["text"], "clientMessageId": body["clientMessageId"]}}


def app(environ, start_response):
    """Answer an identify or store a message."""
    path = environ["PATH_INFO"]
    match = _PATH.fullmatch(path)
    if environ["REQUEST_METHOD"] != "POST" or (match is None and path != "/v1/messages"):
        status, told = "404 Not Found", {"code": "not_found"}
    else:
        status, told = identify(environ, match[1]) if match else message(environ)
    raw = json.dumps(told).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(raw)))]
    start_response(status, [*headers, *job.cors(environ.get("HTTP_ORIGIN")).items()])
    return [raw]
