"use strict";
// Takes the addresses of funding and notices out of package-lock.json: none may stand in a lock file. `npm run lock` runs
// it, here and in bench/peers, in the folder of the package.

const fs = require("node:fs");
const path = require("node:path");

const file = path.resolve("package-lock.json");
const lock = JSON.parse(fs.readFileSync(file, "utf8"));
for (const entry of Object.values(lock.packages)) {
  delete entry.funding;
  delete entry.deprecated;
}
fs.writeFileSync(file, JSON.stringify(lock, null, 2) + "\n");
