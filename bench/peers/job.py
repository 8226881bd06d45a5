"""What all Python peers say alike: tokens by PyJWT, what an identify changes on a customer, and the answer."""

import json
import os
import time
import uuid

import jwt

SESSION_KEY = os.environ["BENCH_SESSION_KEY"]
SESSION_SECONDS = 12 * 3600
SEEN_EVERY_SECONDS = 15 * 60


def claimed(token):
    """Return what a token says, whoever signed it; nothing of one that cannot be read."""
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {}


def weigh(token, secrets):
    """Return what a token says, and why it is not believed: None when one of the secrets has signed it."""
    reason = "no_token"
    for secret in secrets:
        try:
            options = {"require": ["exp", "sub"], "verify_aud": False}
            return jwt.decode(token, secret, algorithms=["HS256"], options=options), None
        except jwt.InvalidSignatureError:
            reason = "bad_signature"
        except jwt.ExpiredSignatureError:
            reason = "expired"
            break
        except jwt.MissingRequiredClaimError:
            reason = "missing_claim"
            break
        except jwt.InvalidTokenError:
            reason = "malformed"
            break
    return claimed(token), reason


def is_allowed(origin, listed):
    """Tell whether a page of this origin may ask. An empty list allows any."""
    return not listed or origin in json.loads(listed)


def cors(origin):
    """Return the headers that let the page read the answer."""
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin else {"Vary": "Origin"}


def new_customer(organization_id, claims, reason, now):
    """Return the row of somebody who was never seen."""
    return {
        "organization_id": organization_id,
        "external_id": claims["sub"],
        "email": claims.get("email"),
        "name": claims.get("name"),
        "verified": reason is None,
        "verified_at": now if reason is None else None,
        "last_seen_at": now,
    }


def changes(customer, claims, reason, now):
    """Return what an identify changes on a known customer: nothing, most of the time."""
    is_due = now - customer.last_seen_at >= SEEN_EVERY_SECONDS
    if reason is None:
        same = customer.email == claims.get("email") and customer.name == claims.get("name")
        if customer.verified and same and not is_due:
            return {}
        told = {"email": claims.get("email"), "name": claims.get("name")}
        return told | {"verified": True, "verified_at": now, "last_seen_at": now}
    if customer.verified:
        return {"verified": False, "last_seen_at": now}
    return {"last_seen_at": now} if is_due else {}


def session_claims(organization_id, customer_id, reason):
    """Return what a widget session says."""
    now = int(time.time())
    return {
        "sid": uuid.uuid4().hex,
        "org": organization_id,
        "cus": customer_id,
        "state": "verified" if reason is None else "unverified",
        "iat": now,
        "exp": now + SESSION_SECONDS,
    }


def answer(claims, reason, session, token=None):
    """Return the answer of an identify; ``token`` is the session where it was signed elsewhere."""
    return {
        "identity": {
            "state": session["state"],
            "reason": reason,
            "externalId": claims.get("sub"),
            "email": claims.get("email"),
            "name": claims.get("name"),
        },
        "session": {
            "token": token or jwt.encode(session, SESSION_KEY, algorithm="HS256"),
            "expiresAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(session["exp"])),
        },
    }


def read_session(authorization):
    """Return the session of an Authorization header. Raises jwt.InvalidTokenError."""
    return jwt.decode((authorization or "").removeprefix("Bearer "), SESSION_KEY, algorithms=["HS256"])


def new_message(session, body, now):
    """Return the row of a message."""
    return {
        "organization_id": session["org"],
        "customer_id": session["cus"],
        "session_id": session["sid"],
        "client_message_id": body["clientMessageId"],
        "text": body["text"],
        "created_at": now,
    }
