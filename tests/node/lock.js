"use strict";
// Takes the funding addresses out of package-lock.json: no address may stand in a lock file. Run by `npm run lock`.

const fs = require("node:fs");
const path = require("node:path");

const file = path.join(__dirname, "package-lock.json");
const lock = JSON.parse(fs.readFileSync(file, "utf8"));
for (const entry of Object.values(lock.packages)) {
  delete entry.funding;
}
fs.writeFileSync(file, JSON.stringify(lock, null, 2) + "\n");
