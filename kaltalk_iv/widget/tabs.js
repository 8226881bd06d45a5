// The tabs of one browser: they share a session and its renewals, and end together.

// Open in the back/forward cache too: browsers drop a cached page for which a message waits, so "back" in one tab
// does not undo a logout in another.
function listenToTabs() {
  try {
    channel ??= new BroadcastChannel("kaltalk");
    channel.onmessage = safe(({ data }) => data && hear(data));
  } catch { /* no storage, no tabs */ }
}

// To pages of this origin alone, as is sessionStorage.
function tellTabs(type, { key, who, visitor, token, userJwt, identity }) {
  channel?.postMessage({ type, key: BASE + key, who, visitor, token, userJwt, identity });
}

function hear({ type, key, who, visitor, token, userJwt, identity }) {
  const me = life;
  if (type === "shutdown") return shutDown();
  if (!me || key !== BASE + me.key) return;
  const mine = me.asked ?? me.who;
  if (isOther(who, mine) || isOther(who, me.who)) return shutDown(); // somebody else has logged in
  if (type === "session" && me.token === undefined && isSame(who, mine)) {
    me.token = token;
    me.stopAsking?.();
  }
  if (!isSame(who, me.who)) return;
  if (type === "hello" && me.visitor && me.token !== me.lost) {
    return tellTabs("session", me.stale ? { ...me, visitor: null } : me); // a stored one is for new tabs alone
  }
  if (visitor !== me.visitor || !me.visitor) return;
  if (type === "session" && !isStale(userJwt, me.userJwt)) { // one tab renews for all
    Object.assign(me, { token, userJwt, stale: false, fresh: false, cursor: null, asks: 0 });
    save(me);
    noteIdentity(me, identity);
    planRenewal(me);
    if (me.phase === "refused") settle(me);
  } else if (type !== "news") return;
  wake(me);
}

/** Joins the session that this person has in another tab. */
async function askTabs(me, who) {
  if (isNobody(me.who)) {
    me.who = who;
    save(me);
  }
  if (!me.asked || !isSame(me.asked, who)) { // asked once: what a tab learns later it tells unasked
    me.asked = who;
    tellTabs("hello", { ...me, who });
    me.answer = new Promise((resolve) => {
      me.stopAsking = resolve;
      setTimeout(resolve, channel ? TABS_LIMIT : 0);
    });
  }
  await me.answer;
}

/** Ends the sessions of this tab; before init too, for what an earlier page left. */
function shutDown() {
  const tokens = new Set([life?.token]);
  if (life) life.isOver = true;
  endLife();
  channel?.close();
  channel = null;
  try {
    for (const key of Object.keys(sessionStorage).filter((name) => name.startsWith(PREFIX))) {
      tokens.add(recall(key)?.token);
      sessionStorage.removeItem(key);
    }
  } catch { /* no storage */ }
  for (const token of tokens) if (token) endSession(token);
}

function shutDownEverywhere() {
  listenToTabs();
  channel?.postMessage({ type: "shutdown" });
  shutDown();
}
