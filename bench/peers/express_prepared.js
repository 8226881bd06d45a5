"use strict";
// Express and jsonwebtoken by somebody who has measured: prepared keys, prepared statements, one joined SELECT.

const { createSecretKey } = require("node:crypto");
const express = require("express");
const { connect } = require("./express_database");
const job = require("./express_job");

const FIND =
  "SELECT o.origins, s.secret, c.id, c.email, c.name, c.verified, c.last_seen_at FROM organizations o " +
  "LEFT JOIN signing_secrets s ON s.organization_id = o.id AND s.revoked_at IS NULL " +
  "AND (s.expires_at IS NULL OR s.expires_at > $1) " +
  "LEFT JOIN customers c ON c.organization_id = o.id AND c.external_id = $2 " +
  "WHERE o.id = $3 ORDER BY s.created_at DESC";

const query = connect(true);
const sessionKey = createSecretKey(Buffer.from(process.env.BENCH_SESSION_KEY));
const keys = new Map();
const app = express();
app.disable("x-powered-by");
app.disable("etag");
app.use(express.json());

function keyOf(secret) {
  let key = keys.get(secret);
  if (key === undefined) keys.set(secret, (key = createSecretKey(Buffer.from(secret))));
  return key;
}

app.post("/v1/organizations/:id/identify", async (request, response) => {
  const now = Date.now() / 1000;
  const token = request.body.userJwt;
  const rows = await query(FIND, [now, job.claimed(token).sub, request.params.id]);
  if (rows.length === 0) return response.status(404).json({ code: "unknown_organization" });
  const listed = JSON.parse(rows[0].origins);
  if (listed.length > 0 && !listed.includes(request.get("Origin"))) {
    return response.status(403).json({ code: "origin_not_allowed" });
  }
  const active = rows.filter((row) => row.secret !== null).map((row) => keyOf(row.secret));
  const { claims, reason } = job.weigh(token, active);
  const known = rows[0].id === null ? null : rows[0];
  const customerId = await job.save(query, request.params.id, known, claims, reason, now);
  job.allowPage(request, response);
  response.json(job.answer(request.params.id, customerId, claims, reason, sessionKey));
});

job.addMessages(app, query, sessionKey);
app.listen(Number(process.env.PORT), "127.0.0.1");
