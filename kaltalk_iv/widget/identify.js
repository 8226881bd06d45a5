// The identify: whose session this is, with which token, and when that token is to be renewed.

async function identify(me) {
  const { options } = me;
  const { claims, getUserJwt, organizationId } = options;
  const wants = getUserJwt && me.asks < HOST_TRIES && (me.fresh || me.userJwt === undefined);
  const asks = wants && elapsed() >= me.askAfter;
  if (wants && !asks) askLater(me);
  me.fresh = false;
  const given = asks ? await askHost(me, getUserJwt) : undefined;
  const whenOld = () => (me !== life ? Infinity : me.options !== options ? 0 : undefined); // shut down; init again
  if (whenOld() !== undefined) return whenOld();
  if (given) Object.assign(me, { userJwt: given, stale: true, isHelped: true });
  if (!me.stale) return undefined;
  const { userJwt } = me;
  const who = whoIs(claims, userJwt);
  if (me.token === undefined) await askTabs(me, who);
  if (whenOld() !== undefined) return whenOld();
  const body = { ...(isOther(who, options.who) ? {} : claims), userJwt, session: me.token };
  const answer = await request("POST", `/v1/organizations/${encodeURIComponent(organizationId)}/identify`, { body });
  const token = answer.data.session?.token;
  if (me.isOver && token) endSession(token); // it came after shutdown
  if (whenOld() !== undefined) return whenOld();
  if (!me.stale) return undefined; // another tab has renewed meanwhile
  if (isPassing(answer)) return later(me, answer);
  if (answer.ok && typeof token !== "string") return later(me, { ...answer, code: "unreachable" });
  const { state, reason } = Object(answer.data.identity);
  const isPlain = reason === "no_token" || reason === "verification_off";
  const failed = answer.ok ? state === "unverified" && !isPlain : answer.status === 401;
  if (answer.ok) adopt(me, answer.data, who);
  if (failed && getUserJwt) {
    me.isHelped = false;
    askLater(me);
    if (elapsed() >= me.renewAt) { // the page lay around
      me.stale = true;
      return 0;
    }
  }
  if (failed && answer.ok) complain(reason, "userJwt was not accepted", TEST_IT);
  return answer.ok ? undefined : refuse(me, answer);
}

/** A newer token, or nothing. null from the host means that nobody is logged in. */
async function askHost(me, getUserJwt) {
  let timer;
  let userJwt;
  me.askAfter = elapsed() + HOST_PAUSE * 3 ** me.asks++ * (1 + Math.random() / 4);
  try {
    const limit = new Promise((_, reject) => (timer = setTimeout(reject, REQUEST_LIMIT)));
    userJwt = await Promise.race([getUserJwt(), limit]);
  } catch { /* told below */ }
  clearTimeout(timer);
  if (userJwt && typeof userJwt === "string" && !isStale(userJwt, me.userJwt)) return userJwt;
  if (userJwt === null) me.asks = HOST_TRIES;
  askLater(me);
  complain("no_new_token", "getUserJwt gave no newer token; the widget goes on without", "Resolve it to a userJwt signed now.");
  return undefined;
}

function askLater(me) {
  me.renewAt = me.asks < HOST_TRIES ? me.askAfter : Infinity;
}

function adopt(me, { identity, session, warnings }, who) {
  const visitor = String(session.id ?? session.token);
  const isFirst = me.visitor === undefined;
  const isTheirs = ({ visitor: old, who: then }) => old === visitor || isSame(then, who) || (!old && mayBecome(then, me.userJwt));
  const isMine = isTheirs(me);
  if (!isMine || (!isFirst && me.visitor !== visitor)) forget(me, isMine);
  // The cursor starts again: the new session may see more or less of the thread.
  Object.assign(me, { token: session.token, visitor, who, asked: null, stale: false, cursor: null });
  if (me.kept && isTheirs(me.kept)) takeUp(me);
  Object.assign(me, { kept: null, visitor });
  save(me);
  settle(me);
  noteIdentity(me, identity);
  for (const { code, field, detail } of warnings ?? []) {
    warn(`${code} ${field}`, `${detail ?? ""} (${code}${field ? `: ${field}` : ""})`);
  }
  planRenewal(me);
  tellTabs("session", me);
}

function noteIdentity(me, given) {
  const { state, reason = null } = Object(given);
  if (!state || (me.identity?.state === state && me.identity.reason === reason)) return false;
  me.identity = { state, reason };
  emit("identity", me.identity);
  return true;
}

function planRenewal(me) {
  const { iat, exp } = peek(me.userJwt);
  const now = Date.now() / 1000;
  const span = exp - (iat ?? now);
  // The visitor's clock tells how old the page's token is; of fresh ones it must not make a loop when it is wrong.
  const isGiven = me.userJwt === me.options.claims.userJwt;
  const seconds = exp - now > (isGiven ? 0 : span / 2) ? Math.min(exp - now, span) : span;
  const pause = Math.max(seconds - 60 - 30 * Math.random(), seconds / 2);
  me.renewAt = me.options.getUserJwt && pause > 0 ? elapsed() + Math.min(pause, 86_400) * 1000 : Infinity;
}
