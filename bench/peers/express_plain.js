"use strict";
// Express and jsonwebtoken as everybody writes it: keys as text, a query for each thing.

const express = require("express");
const { connect } = require("./express_database");
const job = require("./express_job");

const query = connect(false);
const sessionKey = process.env.BENCH_SESSION_KEY;
const app = express();
app.use(express.json());

app.post("/v1/organizations/:id/identify", async (request, response) => {
  const now = Date.now() / 1000;
  const [organization] = await query("SELECT * FROM organizations WHERE id = $1", [request.params.id]);
  if (organization === undefined) return response.status(404).json({ code: "unknown_organization" });
  const listed = JSON.parse(organization.origins);
  if (listed.length > 0 && !listed.includes(request.get("Origin"))) {
    return response.status(403).json({ code: "origin_not_allowed" });
  }
  const secrets = await query(
    "SELECT * FROM signing_secrets WHERE organization_id = $1 AND revoked_at IS NULL " +
      "AND (expires_at IS NULL OR expires_at > $2) ORDER BY created_at DESC",
    [organization.id, now],
  );
  const { claims, reason } = job.weigh(
    request.body.userJwt,
    secrets.map((row) => row.secret),
  );
  const [customer] =
    claims.sub === undefined
      ? []
      : await query("SELECT * FROM customers WHERE organization_id = $1 AND external_id = $2", [
          organization.id,
          claims.sub,
        ]);
  const customerId = await job.save(query, organization.id, customer, claims, reason, now);
  job.allowPage(request, response);
  response.json(job.answer(organization.id, customerId, claims, reason, sessionKey));
});

job.addMessages(app, query, sessionKey);
app.listen(Number(process.env.PORT), "127.0.0.1");
