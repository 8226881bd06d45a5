// Of whom a page speaks, and which of two tokens is newer.

/** A token's claims, unproven: a hint, never a decision. */
function peek(userJwt) {
  try {
    return Object(JSON.parse(atob(userJwt.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))));
  } catch {
    return {};
  }
}

// Of whom the page speaks: [id, e-mail]. Unproven: it decides only what this browser keeps, shares and forgets.
function whoIs(claims, userJwt) {
  const { sub = claims.externalId ?? "", email = claims.email ?? "" } = peek(userJwt);
  return [String(sub), String(email)];
}
const isNobody = ([id, email]) => !id && !email;
const isSame = (a, b) => (a[0] || b[0] ? a[0] === b[0] : a[1] === b[1]);
/** Two people for sure: an id and an e-mail cannot be compared. */
const isOther = (a, b) => !a[0] === !b[0] && !isSame(a, b) && !isNobody(a) && !isNobody(b);
/** Whether a token's person may be who was there before: nobody gets a name, an e-mail its id. */
const mayBecome = (before, userJwt) => isNobody(before) || (!before[0] && before[1] === whoIs({}, userJwt)[1]);

/** Whether a token of the same person is no newer than the one there is, or none at all. */
function isStale(given, current) {
  if (given === current) return true;
  const [a, b] = [peek(given), peek(current)];
  const stamp = a.iat && b.iat ? "iat" : "exp";
  return b[stamp] !== undefined && (a.sub ?? b.sub) === b.sub && !(a[stamp] >= b[stamp]);
}
