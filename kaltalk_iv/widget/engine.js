// The engine: what is done, in which order, and when again: identify, send, ask for replies.
//
// A step gives the pause before the next one (Infinity: until something wakes it). Its parts, identify and deliver, give
// undefined to go on.

function begin(options) {
  const key = PREFIX + options.organizationId;
  // Later come token and visitor, the widget session and its id; seen, the last reply that is not new; asked, answer
  // and stopAsking, of the other tabs; lost, the session of the last 401; isHelped: the host's token has yet to prove good.
  const me = {
    options, key, who: options.who, userJwt: options.claims.userJwt, identity: null,
    kept: recall(key), // of an earlier page, until it is known whether it is this visitor's
    stale: true, fresh: false, // identify; ask the host for a token before
    asks: 0, askAfter: 0, renewAt: Infinity, // the host: calls since one has helped, when another may come, when one should
    thread: [], draft: "", cursor: null, loaded: false, unread: 0, open: false,
    phase: "connecting", refusal: "", trouble: "", // or ready, refused; the server's code; what visitors are told
    attempt: 0, notBefore: 0, mustWait: false, lostAt: -Infinity, // backing off; the server said so; the last 401
    running: false, again: false, timer: 0, isOver: false, // a step is under way, and one more is wanted; shut down
  };
  life = me;
  const { kept } = me;
  if (kept && (isOther(kept.who, me.who) || !(kept.token || kept.draft || kept.outbox.length))) me.kept = null;
  me.token = me.kept?.token;
  if (me.kept && isSame(me.kept.who, me.who)) takeUp(me);
  save(me); // when it is gone, a logout has taken it
  listenToTabs();
  mount(me);
  run(me);
}

function endLife() {
  clearTimeout(life?.timer);
  life = null;
  ui?.host.remove();
  ui?.root.replaceChildren(); // for kept references
  ui = null;
}

/** What this person typed on an earlier page. */
function takeUp(me) {
  const { visitor, seen, draft, outbox } = me.kept;
  Object.assign(me, { kept: null, visitor, seen, draft: me.draft || String(draft ?? "") });
  showDraft(me);
  for (const old of outbox) compose(me, old);
}

async function run(me) {
  clearTimeout(me.timer);
  me.again = true;
  if (me.running) return;
  me.running = true;
  let pause = 0;
  while (me === life && (pause === 0 || (me.again && elapsed() >= me.notBefore))) {
    me.again = false;
    pause = await step(me).catch(safe(() => later(me, { wait: 0, code: "internal_error" }), POLL_REST));
  }
  me.running = false;
  if (me !== life || pause === Infinity) return;
  me.timer = setTimeout(() => {
    me.notBefore = 0;
    run(me);
  }, pause);
}

/** Runs the engine now, unless it backs off. */
function wake(me) {
  if (me === life && me.phase !== "refused" && elapsed() >= me.notBefore) run(me);
}

async function step(me) {
  if (elapsed() >= me.renewAt) {
    me.fresh = true;
    me.renewAt = Infinity;
  }
  let pause = me.stale || me.fresh ? await identify(me) : undefined;
  for (let row; pause === undefined && (row = me.thread.find(({ status }) => status === "sending")); ) {
    pause = await deliver(me, row);
  }
  return pause ?? poll(me);
}

/** The pause after a passing failure: doubled, jittered, never shorter than the server's Retry-After. */
function later(me, { status, wait, code }) {
  const grown = Math.min(60_000, 1_000 * 2 ** me.attempt++) * (0.5 + Math.random() / 2);
  const pause = Math.max(grown, wait * (1 + Math.random() / 10));
  if (!me.trouble) complain(code, "KalTalk does not serve now; the widget tries again", status ? "" : NETWORK);
  me.mustWait = wait > 0;
  me.notBefore = elapsed() + pause;
  me.trouble = !navigator.onLine ? "offline" : status === 429 ? "busy" : "not available";
  paint(me);
  return pause;
}

function refuse(me, { status, code, data }) {
  Object.assign(me, { phase: "refused", refusal: code, again: false });
  for (const row of me.thread) {
    if (row.status === "sending") setStatus(me, Object.assign(row, { isHeld: true }), "failed");
  }
  complain(code, "KalTalk refused to identify", status === 401 ? TEST_IT : String(data.detail ?? ""));
  paint(me);
  return me.renewAt - elapsed();
}

function settle(me) {
  Object.assign(me, { phase: "ready", trouble: "", mustWait: false });
  for (const row of me.thread) if (row.isHeld) setStatus(me, row, "sending");
  paint(me);
}
