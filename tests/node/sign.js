"use strict";
// Signs tokens as Node hosts do. Reads one JSON request a line and answers each with one line of JSON:
//   {"user": {...}, "secret": "..."}                      the call that the guide prints
//   {"payload": ..., "secret": "...", "options": {...}}   any other call, the careless and the hostile ones;
//                                                         "decodes": true takes the secret for base64
// The answer is {"token": "..."} or, where the library refuses to sign, {"error": "..."}.

const readline = require("node:readline");
const jwt = require("jsonwebtoken");

function signLikeTheGuide(user) {
  return jwt.sign({ sub: user.id, email: user.email, name: user.name }, process.env.KALTALK_IV_SECRET, { algorithm: "HS256", expiresIn: "1h" });
}

function answer(request) {
  try {
    if (!("user" in request)) {
      const key = request.decodes ? Buffer.from(request.secret, "base64") : request.secret;
      return { token: jwt.sign(request.payload, key, request.options ?? {}) };
    }
    process.env.KALTALK_IV_SECRET = request.secret;
    return { token: signLikeTheGuide(request.user) };
  } catch (error) {
    return { error: error.message };
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  console.log(JSON.stringify(answer(JSON.parse(line))));
});
