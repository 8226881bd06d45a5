"use strict";
// What both Express peers say alike: tokens by jsonwebtoken, what an identify changes on a customer, and the answer.

const { randomUUID } = require("node:crypto");
const jwt = require("jsonwebtoken");

const SESSION_SECONDS = 12 * 3600;
const SEEN_EVERY_SECONDS = 15 * 60;

exports.weigh = function weigh(token, keys) {
  let reason = "no_token";
  for (const key of keys) {
    try {
      const claims = jwt.verify(token, key, { algorithms: ["HS256"] });
      return claims.exp === undefined || claims.sub === undefined
        ? { claims, reason: "missing_claim" }
        : { claims, reason: null };
    } catch (error) {
      if (error.message !== "invalid signature") {
        reason = error.name === "TokenExpiredError" ? "expired" : "malformed";
        break;
      }
      reason = "bad_signature";
    }
  }
  return { claims: exports.claimed(token), reason };
};

exports.claimed = function claimed(token) {
  const said = typeof token === "string" ? jwt.decode(token) : null;
  return said !== null && typeof said === "object" ? said : {};
};

exports.changes = function changes(customer, claims, reason, now) {
  const isDue = now - customer.last_seen_at >= SEEN_EVERY_SECONDS;
  if (reason === null) {
    const same = customer.email === claims.email && customer.name === claims.name;
    if (customer.verified && same && !isDue) return null;
    return { email: claims.email, name: claims.name, verified: true, last_seen_at: now };
  }
  if (!customer.verified && !isDue) return null;
  return { email: customer.email, name: customer.name, verified: false, last_seen_at: now };
};

exports.answer = function answer(organizationId, customerId, claims, reason, key) {
  const state = reason === null ? "verified" : "unverified";
  const session = { sid: randomUUID(), org: organizationId, cus: customerId, state };
  return {
    identity: { state, reason, externalId: claims.sub, email: claims.email, name: claims.name },
    session: {
      token: jwt.sign(session, key, { algorithm: "HS256", expiresIn: SESSION_SECONDS }),
      expiresAt: new Date(Date.now() + SESSION_SECONDS * 1000).toISOString(),
    },
  };
};

exports.readSession = function readSession(request, key) {
  const bearer = (request.get("Authorization") ?? "").replace(/^Bearer /, "");
  return jwt.verify(bearer, key, { algorithms: ["HS256"] });
};

exports.allowPage = function allowPage(request, response) {
  response.set("Vary", "Origin");
  const origin = request.get("Origin");
  if (origin) response.set("Access-Control-Allow-Origin", origin);
};

exports.UPDATE = "UPDATE customers SET email = $1, name = $2, verified = $3, last_seen_at = $4 WHERE id = $5";
exports.INSERT =
  "INSERT INTO customers (organization_id, external_id, email, name, verified, verified_at, last_seen_at) " +
  "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
exports.FIND_ID = "SELECT id FROM customers WHERE organization_id = $1 AND external_id = $2";
exports.MESSAGE =
  "INSERT INTO messages (organization_id, customer_id, session_id, client_message_id, text, created_at) " +
  "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

exports.addMessages = function addMessages(app, query, key) {
  app.post("/v1/messages", async (request, response) => {
    let session;
    try {
      session = exports.readSession(request, key);
    } catch {
      return response.status(401).json({ code: "session_invalid" });
    }
    const { text, clientMessageId } = request.body;
    await query(exports.MESSAGE, [session.org, session.cus, session.sid, clientMessageId, text, Date.now() / 1000]);
    exports.allowPage(request, response);
    response.status(201).json({ message: { text, clientMessageId } });
  });
};

exports.save = async function save(query, organizationId, known, claims, reason, now) {
  if (claims.sub === undefined) return null;
  if (known) {
    const changed = exports.changes(known, claims, reason, now);
    if (changed !== null) {
      await query(exports.UPDATE, [changed.email, changed.name, changed.verified, changed.last_seen_at, known.id]);
    }
    return known.id;
  }
  const verified = reason === null;
  const row = [organizationId, claims.sub, claims.email, claims.name, verified, verified ? now : null, now];
  await query(exports.INSERT, row);
  return (await query(exports.FIND_ID, [organizationId, claims.sub]))[0].id;
};
