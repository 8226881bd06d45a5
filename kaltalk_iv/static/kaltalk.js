/*
 * The KalTalk widget: a chat launcher and panel for the customer's own web pages.
 *
 * It never throws into the page and stores the user token nowhere. It knows nothing of shields.
 */
(() => {
  "use strict";

  // ---- Setting ----

  const MARK = Symbol.for("kaltalk.widget");
  const PREFIX = "kaltalk:";
  const REQUEST_LIMIT = 20_000; // ms
  const POLL_OPEN = 3_000;
  const POLL_REST = 20_000;
  const SLEEP_AFTER = 600_000;
  const TEXT_LIMIT = 4_000;
  const PAGE_FULL = 50;
  const TABS_LIMIT = 500; // for another tab to answer
  const HOST_PAUSE = 5_000; // after a call of getUserJwt; three times as long after each that brought nothing
  const HOST_TRIES = 6; // that bring nothing new; then the page has to be looked at again

  const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : "";
  const BASE = script.split(/[?#]/)[0].replace(/\/widget\/[^/]*$/, "");

  let life = null; // all of one user, from init to shutdown
  let ui = null;
  let channel = null;
  let hiddenSince = 0;
  const START = Date.now() - performance.now();
  const listeners = { identity: new Set(), message: new Set(), error: new Set() };

  // Milliseconds. Sleep counts, which performance.now() may leave out; a clock that is set back stops nothing.
  const elapsed = () => Math.max(performance.now(), Date.now() - START);

  // ---- Speaking up ----

  const TEST_IT = "Paste a token into the Test it card of your KalTalk dashboard: it names the fix.";
  const NETWORK = "Check the network, the script's address, the page's CSP (connect-src) and the allowed origins.";
  const told = new Set();

  function warn(cause, sentence) {
    if (told.has(cause)) return;
    told.add(cause);
    // A server's sentence could quote what it was given: a token must not reach the console.
    try {
      console.warn(`KalTalk: ${sentence.slice(0, 400).replace(/[\w-]{16,}(\.[\w-]*)+/g, "[token]")}`);
    } catch { /* the page's own console */ }
  }

  function complain(code, message, fix = "") {
    warn(code, `${message} (${code}). ${fix}`);
    emit("error", { code, message });
  }

  const emit = (event, detail) => [...listeners[event]].forEach((entry) => tell(event, entry, detail));

  async function tell(event, { listener }, detail) {
    try {
      await listener(Object.freeze({ ...detail }));
    } catch {
      warn("listener", `a listener for "${event}" failed; the widget goes on.`);
    }
  }

  const safe = (fn, fallback) => (...args) => {
    try {
      return fn(...args);
    } catch {
      warn("internal_error", "an error inside the widget (internal_error). The page is not affected.");
      return fallback;
    }
  };

  // ---- Options and storage ----

  function readOptions(raw) {
    const read = (key, type) => {
      try {
        const value = raw?.[key] ?? undefined;
        if (value === undefined || typeof value === type) return value;
        if (type === "string" && Number.isFinite(value)) return String(value);
      } catch { /* a getter of the page's threw: told below */ }
      return warn(key, `the init option ${key} must be a ${type} and is left out. If it is a promise, await it first.`);
    };
    const text = (key) => read(key, "string");
    const claims = { userJwt: text("userJwt"), externalId: text("externalId"), email: text("email"), name: text("name") };
    const organizationId = text("organizationId")?.trim();
    const getUserJwt = read("getUserJwt", "function");
    return { organizationId, claims, getUserJwt, who: whoIs(claims, claims.userJwt), print: JSON.stringify(claims) };
  }

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

  // sessionStorage may be switched off, full, or written by others: then the session lives in memory alone.
  function recall(key) {
    try {
      const { base, who, outbox, ...entry } = JSON.parse(sessionStorage.getItem(key));
      return base === BASE ? { ...entry, who: [...who].map(String), outbox: [...outbox] } : null;
    } catch {
      return null;
    }
  }

  function save({ key, token, visitor, who, seen, draft, thread, kept }) {
    if (kept) return; // it may yet turn out to be this visitor's
    const waiting = thread.filter(({ status }) => status !== "sent");
    const outbox = waiting.map(({ clientMessageId, text, isRefused, first }) => ({ clientMessageId, text, isRefused, first }));
    try {
      sessionStorage.setItem(key, JSON.stringify({ base: BASE, token, visitor, who, seen, draft, outbox }));
    } catch { /* as above */ }
  }

  // ---- Requests ----

  /** What the server said; status 0 when nothing came back. Never rejects. */
  async function request(method, path, { body, token, keepalive } = {}) {
    const flight = new AbortController();
    const timer = setTimeout(() => flight.abort(), REQUEST_LIMIT);
    const headers = {};
    if (body) headers["Content-Type"] = "application/json";
    if (token) headers.Authorization = `Bearer ${token}`;
    try {
      const response = await fetch(BASE + path, {
        method, headers, keepalive, body: body && JSON.stringify(body), signal: flight.signal,
        credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer", redirect: "error",
      });
      const { status, ok } = response;
      const data = Object(await response.json().catch(() => null));
      const wait = Math.min(Number(response.headers.get("Retry-After")) || 0, 3600) * 1000;
      return { status, ok, data, wait, code: typeof data.code === "string" ? data.code : `http_${status}` };
    } catch {
      return { status: 0, ok: false, data: {}, wait: 0, code: "unreachable" };
    } finally {
      clearTimeout(timer);
    }
  }

  const isPassing = ({ status }) => status === 0 || status === 408 || status === 429 || status >= 500;
  const endSession = (token) => request("DELETE", "/v1/session", { token, keepalive: true });

  // Plain http pages have no crypto.randomUUID.
  const randomDigit = (c) => (c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (c / 4)))).toString(16);
  const uuid = () => "10000000-1000-4000-8000-100000000000".replace(/[018]/g, randomDigit);

  // ---- The engine ----
  // A step gives the pause before the next one (Infinity: until something wakes it). Its parts give undefined to go on.

  function begin(options) {
    const key = PREFIX + options.organizationId;
    const me = {
      options, key, kept: recall(key), who: options.who, userJwt: options.claims.userJwt, identity: null, thread: [], draft: "",
      stale: true, fresh: false, asks: 0, askAfter: 0, renewAt: Infinity, cursor: null, loaded: false, unread: 0, open: false,
      phase: "connecting", refusal: "", trouble: "", attempt: 0, notBefore: 0, mustWait: false, lostAt: -Infinity,
      running: false, again: false, timer: 0, isOver: false,
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

  /** What this person typed on an earlier page. */
  function takeUp(me) {
    const { visitor, seen, draft, outbox } = me.kept;
    Object.assign(me, { kept: null, visitor, seen, draft: me.draft || String(draft ?? "") });
    if (ui?.input) ui.input.value = me.draft;
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
    Object.assign(me, { phase: "ready", trouble: "" });
    for (const row of me.thread) if (row.isHeld) setStatus(me, row, "sending");
    paint(me);
  }

  // ---- The thread ----

  async function ask(me, method, path, body) {
    const { token } = me;
    const answer = await request(method, path, { body, token, keepalive: method === "POST" });
    if (answer.code === "session_ended") shutDown(); // in another tab, which this one did not hear
    if (me !== life) return { pause: Infinity };
    if (answer.status === 401 && me.token !== token) return { pause: 0 }; // another tab has renewed meanwhile
    if (answer.status === 401) { // identify again: at once the first time, then with a growing pause
      const isFirst = elapsed() - me.lostAt > 30_000;
      me.lostAt = elapsed();
      me.lost = token;
      me.stale = me.fresh = true;
      return { pause: isFirst ? 0 : later(me, answer) };
    }
    if (isPassing(answer)) return { pause: later(me, answer) };
    return { answer };
  }

  async function deliver(me, row) {
    const { text, clientMessageId } = row;
    // It may have arrived though its answer did not: the server looks where it was sent first.
    row.first ??= { visitor: me.visitor, token: me.token };
    save(me);
    const session = row.first.visitor === me.visitor ? undefined : row.first.token;
    const { pause, answer } = await ask(me, "POST", "/v1/messages", { text, clientMessageId, session });
    if (!answer) return pause;
    me.attempt = 0;
    settle(me);
    if (answer.ok) {
      // Its cursor is not taken over: a reply could stand before it, and would be skipped.
      const { id, createdAt } = Object(answer.data.message);
      Object.assign(row, { id: String(id), createdAt });
      emit("message", { id, author: "visitor", text, createdAt });
      tellTabs("news", me);
    } else {
      row.isRefused = true;
      complain(answer.code, "A message was refused");
    }
    setStatus(me, row, answer.ok ? "sent" : "failed");
    return undefined;
  }

  async function poll(me) {
    const { cursor } = me;
    const { pause, answer } = await ask(me, "GET", `/v1/messages${cursor === null ? "" : `?after=${encodeURIComponent(cursor)}`}`);
    if (!answer) return pause;
    const { messages, identity } = answer.data;
    if (!answer.ok || !Array.isArray(messages)) {
      me.cursor = null; // perhaps it is unknown by now
      return later(me, answer);
    }
    for (const message of messages) place(me, message);
    me.cursor = answer.data.cursor ?? cursor;
    Object.assign(me, { loaded: true, attempt: 0, asks: me.isHelped ? 0 : me.asks, isHelped: false });
    settle(me);
    countUnread(me);
    const wasVerified = me.identity?.state === "verified";
    if (noteIdentity(me, identity)) {
      me.cursor = null; // the session's worth has changed, and with it what it may see
      if (wasVerified) me.fresh = true;
      return 0;
    }
    return messages.length >= PAGE_FULL && me.cursor !== cursor ? 0 : restTime(me);
  }

  function restTime(me) {
    const isHidden = document.visibilityState === "hidden";
    if (isHidden && elapsed() - hiddenSince > SLEEP_AFTER) return Infinity;
    // Only the visitor begins a conversation: until then nothing can arrive.
    const isQuiet = !me.open && me.thread.length === 0;
    const pause = isQuiet ? Infinity : (me.open && !isHidden ? POLL_OPEN : POLL_REST) * (0.9 + Math.random() / 5);
    return Math.min(pause, Math.max(me.renewAt - elapsed(), 1));
  }

  function compose(me, { text, clientMessageId, isRefused, first }) {
    const row = { author: "visitor", text: String(text), clientMessageId: String(clientMessageId), isRefused, first };
    Object.assign(row, { placed: false, status: isRefused ? "failed" : "sending", createdAt: new Date().toISOString() });
    me.thread.push(row);
    drawRow(me, row);
  }

  /** Puts a message in the server's order, before what is still on its way. */
  function place(me, { id: rawId, author, text, createdAt, name, clientMessageId }) {
    const id = String(rawId);
    const known = me.thread.find((row) => row.id === id || (row.clientMessageId && row.clientMessageId === clientMessageId));
    if (known?.placed) return;
    if (known) me.thread.splice(me.thread.indexOf(known), 1);
    const row = known ?? { author: author === "agent" ? "agent" : "visitor", clientMessageId, text: String(text), name };
    Object.assign(row, { id, createdAt, placed: true });
    const found = me.thread.findIndex(({ placed }) => !placed);
    const at = found < 0 ? me.thread.length : found;
    me.thread.splice(at, 0, row);
    setStatus(me, row, "sent");
    drawRow(me, row, me.thread[at + 1]);
    if (!known && me.loaded) emit("message", { id, author: row.author, text: row.text, createdAt });
  }

  function drop(me, row) {
    me.thread.splice(me.thread.indexOf(row), 1);
    row.node?.remove();
  }

  /** Before another visitor: nothing of the last one is shown or sent. The same person in a new session sends on. */
  function forget(me, isSamePerson) {
    for (const row of [...me.thread]) if (!isSamePerson || row.status === "sent") drop(me, row);
    Object.assign(me, { loaded: false, unread: 0, identity: null });
    if (isSamePerson) return;
    Object.assign(me, { seen: undefined, draft: "" });
    if (ui?.input) ui.input.value = "";
  }

  function setStatus(me, row, status) {
    Object.assign(row, { status, isHeld: row.isHeld && status === "failed" });
    fillRow(me, row);
    if (row.author === "visitor") save(me);
  }

  function countUnread(me) {
    const replies = me.thread.filter(({ author }) => author === "agent");
    const last = replies.at(-1)?.id ?? "";
    const isLooking = me.open && document.visibilityState === "visible";
    if ((isLooking || me.seen === undefined) && me.seen !== last) {
      me.seen = last;
      save(me);
    }
    const count = replies.length - 1 - replies.findIndex(({ id }) => id === me.seen);
    if (count > me.unread && !me.open && ui) ui.live.textContent = `New in the chat: ${messageCount(count)}`;
    me.unread = count;
    paint(me);
  }

  const messageCount = (count) => `${count} new ${count === 1 ? "message" : "messages"}`;

  // ---- The face ----
  // DOM calls and a constructed style sheet only: strict CSPs with Trusted Types allow that.

  const CSS = `
.root { --ground: #fff; --ink: #211e3b; --soft: #625e7e; --line: #e3e0f1; --mine: #5748d8; --theirs: #f1effb; --bad: #b3261e;
  font: 1em/1.45 system-ui, sans-serif; color: var(--ink); color-scheme: light; }
:where(.root *) { box-sizing: border-box; margin: 0; padding: 0; font: inherit; color: inherit; }
[hidden] { display: none !important; }
.quiet { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
:where(button) { cursor: pointer; border: 1px solid transparent; background: none; }
svg { display: block; width: 24px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
:focus-visible { outline: 3px solid #8f83ff; outline-offset: 2px; }
.launcher, .close, .send { flex: none; display: grid; place-items: center; border-radius: 50%; width: 44px; height: 44px; }
.launcher, .send, .header, [data-author=visitor] .text { color: #fff; background: var(--mine); }
.launcher, .panel { position: fixed; right: calc(20px + env(safe-area-inset-right)); bottom: calc(20px + env(safe-area-inset-bottom)); }
.launcher { width: 56px; height: 56px; box-shadow: 0 6px 20px rgb(60 46 180 / .38); }
[aria-expanded=false] .down, [aria-expanded=true] .chat { display: none; }
.badge { position: absolute; top: -4px; right: -4px; min-width: 22px; padding: 0 6px; border-radius: 11px; font-size: 12px;
  font-weight: 600; line-height: 20px; background: #c4314b; border: 1px solid var(--ground); }
.panel { margin-bottom: 72px; width: min(376px, 100vw - 40px); height: min(580px, 100dvh - 112px); display: flex;
  flex-direction: column; overflow: hidden; background: var(--ground); border: 1px solid var(--line); border-radius: 20px;
  box-shadow: 0 12px 40px rgb(20 14 70 / .26); animation: rise .18s ease-out; }
@keyframes rise { from { opacity: 0; transform: translateY(8px); } }
.header { display: flex; align-items: center; justify-content: space-between; padding: 10px 10px 10px 20px; }
.title { font-size: 1.0625em; font-weight: 600; }
.close:focus-visible { outline-color: #fff; outline-offset: -4px; }
.middle { flex: 1; min-height: 0; display: flex; position: relative; }
.messages { flex: 1; overflow-y: auto; overscroll-behavior: contain; padding: 18px 16px 10px; display: flex; flex-direction: column;
  gap: 12px; outline-offset: -4px; }
.messages > :first-child { margin-top: auto; }
.empty { position: absolute; inset: 0; display: grid; place-content: center; justify-items: center; gap: 12px; padding: 24px;
  text-align: center; color: var(--soft); }
.message { max-width: 84%; align-self: start; display: flex; flex-direction: column; align-items: start; gap: 3px; }
[data-author=visitor] { align-self: end; align-items: end; }
.text { padding: 9px 14px; border-radius: 18px 18px 18px 6px; background: var(--theirs); border: 1px solid transparent;
  white-space: pre-wrap; overflow-wrap: anywhere; }
[data-author=visitor] .text { border-radius: 18px 18px 6px; }
[data-status=failed] .text { background: none; border-color: var(--bad); color: inherit; }
.who, .meta, .status { font-size: .8125em; color: var(--soft); padding: 0 6px; }
.again { color: var(--bad); text-decoration: underline; padding: 3px 0; }
.status:not(:empty) { padding: 8px 20px; border-top: 1px solid var(--line); }
.form { display: flex; align-items: end; gap: 8px; padding: 12px; border-top: 1px solid var(--line); }
.input { flex: 1; min-width: 0; field-sizing: content; min-height: 44px; max-height: 8.5em; resize: none; padding: 9px 14px;
  background: var(--ground); border: 1px solid #8580a8; border-radius: 22px; }
.input:focus-visible { outline-offset: -2px; }
.input::placeholder { color: var(--soft); opacity: 1; }
:placeholder-shown + .send { background: var(--theirs); color: var(--soft); }
@media (max-width: 480px), (max-height: 480px) {
  .panel { inset: 0; margin: 0; width: auto; height: 100dvh; border: 0; border-radius: 0;
    padding: env(safe-area-inset-top) 0 env(safe-area-inset-bottom); }
  .launcher[aria-expanded=true] { display: none; }
}
@media (prefers-color-scheme: dark) {
  .root { --ground: #1c1a2c; --ink: #edebfa; --soft: #aba7c9; --line: #363350; --mine: #6454e0; --theirs: #2c2944; --bad: #ffb3ab;
    color-scheme: dark; }
}
@media (prefers-reduced-motion) { .panel { animation: none; } }
@media (forced-colors: active) { button, .text { border-color: currentColor; } }
@media print { .root { display: none; } }`;

  const CHAT = "M21 11.5a8.5 8.5 0 0 1-12.6 7.4L3 21l2.1-5.4A8.5 8.5 0 1 1 21 11.5z";
  const SVG = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }
  const el = (tag, name, attributes, ...children) =>
    fill(document.createElement(tag), { class: name, "data-kaltalk": name, ...attributes }, children);
  const button = (name, attributes, ...children) => el("button", name, { type: "button", ...attributes }, ...children);
  const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
  const icon = (d, name = "") => svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: name }, svg("path", { d }));
  const listen = (node, type, fn) => node.addEventListener(type, safe(fn));

  function mount(me) {
    if (me !== life) return;
    if (document.readyState === "loading") {
      listen(document, "DOMContentLoaded", () => mount(me));
      return;
    }
    const host = document.createElement("div");
    host.id = "kaltalk-widget";
    // The page's rules reach this element: a fixed box without a size moves nothing, not even in a flex body.
    host.style.cssText = "all: initial !important; position: fixed !important; z-index: 2147483000 !important";
    const shadow = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    shadow.adoptedStyleSheets = [sheet];
    const badge = el("span", "badge", { "aria-hidden": "true" });
    const icons = [icon(CHAT, "chat"), icon("M6 9l6 6 6-6", "down")];
    const launcher = button("launcher", { "aria-controls": "panel" }, ...icons, badge);
    const live = el("div", "quiet", { role: "status" });
    const root = el("div", "root", { dir: "ltr", lang: "en" }, launcher, live);
    listen(launcher, "click", () => toggle(me, !me.open));
    listen(root, "keydown", (event) => {
      if (event.key !== "Escape" || !me.open || event.isComposing) return;
      event.stopPropagation();
      toggle(me, false);
    });
    shadow.append(root);
    document.body.append(host);
    ui = { host, root, launcher, badge, live };
    if (me.open) toggle(me, true);
    paint(me);
  }

  function buildPanel(me) {
    const close = button("close", { "aria-label": "Close chat" }, icon("M6 6l12 12M18 6L6 18"));
    const header = el("div", "header", {}, el("h2", "title", { id: "title" }, "Chat with us"), close);
    const empty = el("div", "empty", {}, icon(CHAT), "Write to us. Replies show up here.");
    const list = el("div", "messages", { role: "log", "aria-live": "polite", "aria-label": "Messages", tabindex: "0" });
    const middle = el("div", "middle", {}, empty, list);
    const status = el("p", "status", { role: "status" });
    const label = el("label", "quiet", { for: "input" }, "Your message");
    const input = el("textarea", "input", { id: "input", rows: "1", dir: "auto", placeholder: "Write a message…" });
    const send = button("send", { type: "submit", "aria-label": "Send" }, icon("M5 12h14M13 6l6 6-6 6"));
    const form = el("form", "form", {}, label, input, send);
    const dialog = { id: "panel", role: "dialog", "aria-labelledby": "title" };
    const panel = el("section", "panel", dialog, header, middle, status, form);
    listen(close, "click", () => toggle(me, false));
    input.value = me.draft;
    listen(input, "input", () => {
      me.draft = input.value;
      save(me);
      paint(me);
    });
    listen(form, "submit", (event) => {
      event.preventDefault();
      submit(me);
    });
    listen(input, "keydown", (event) => {
      // keyCode 229: Safari's Enter that ends a composition comes after its end.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      submit(me);
    });
    // To the page these keys are keys on a plain <div>: its shortcuts would fire while people type.
    for (const type of ["keydown", "keypress", "keyup"]) {
      listen(panel, type, (event) => event.key === "Escape" || event.stopPropagation());
    }
    ui.root.prepend(panel);
    Object.assign(ui, { panel, list, empty, status, input });
    for (const row of me.thread) drawRow(me, row);
  }

  function toggle(me, open) {
    const hadFocus = ui?.panel?.contains(ui.host.shadowRoot.activeElement);
    me.open = open;
    if (!ui) return;
    if (!ui.panel && open) buildPanel(me);
    if (ui.panel) ui.panel.hidden = !open;
    paint(me);
    if (open) {
      ui.live.textContent = "";
      ui.list.scrollTop = ui.list.scrollHeight;
      ui.input.focus({ preventScroll: true });
      countUnread(me);
      wake(me);
    } else if (hadFocus) ui.launcher.focus({ preventScroll: true });
  }

  function submit(me) {
    const text = ui.input.value.trim();
    ui.input.focus();
    if (!text || text.length > TEXT_LIMIT) return;
    ui.input.value = me.draft = "";
    compose(me, { text: text.toWellFormed?.() ?? text, clientMessageId: uuid() });
    save(me);
    tryNow(me);
  }

  function tryNow(me) {
    if (me.phase === "refused") me.phase = "connecting";
    paint(me);
    wake(me);
  }

  function statusLine({ phase, refusal, trouble, attempt, thread, identity }) {
    const kept = thread.some(({ status }) => status === "sending") ? " Your message is kept and will be sent." : "";
    const extra = ui.input.value.trim().length - TEXT_LIMIT;
    if (phase === "refused") return refusal === "expired" ? "Reload the page to go on." : "Chat is not available right now.";
    if (trouble === "offline") return `You are offline.${kept}`;
    if (trouble && attempt > 1) return `Chat is ${trouble} right now.${kept}`; // one failure among many is no news
    if (phase === "connecting") return "Connecting…";
    if (extra > 0) return `Too long by ${extra} characters.`;
    // Replies to a proven customer go to nobody else: a page that has lost its proof must be told how to get them.
    return identity?.reason === "expired" ? "Reload the page to see new replies." : "";
  }

  function paint(me) {
    if (!ui || me !== life) return;
    if (!ui.host.isConnected) document.body.append(ui.host); // the page replaced its body
    ui.launcher.setAttribute("aria-expanded", me.open);
    ui.launcher.setAttribute("aria-label", me.open ? "Close chat" : `Open chat${me.unread ? `, ${messageCount(me.unread)}` : ""}`);
    ui.badge.textContent = me.unread > 9 ? "9+" : me.unread;
    ui.badge.hidden = !me.unread || me.open;
    if (!ui.panel) return;
    ui.empty.hidden = me.thread.length > 0 || me.phase === "refused"; // "Write to us", and nobody there
    const line = statusLine(me);
    if (ui.status.textContent === line) return; // the same text again would be read out again
    keepEnd(() => (ui.status.textContent = line));
  }

  /** Changes something, and shows the thread's end afterwards where it showed before. */
  function keepEnd(change, isMine) {
    const { list } = ui;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
    change();
    if (isAtEnd || isMine) list.scrollTop = list.scrollHeight;
  }

  function drawRow(me, row, next) {
    if (!ui?.list) return;
    const { list } = ui;
    const isMine = row.author === "visitor";
    if (!row.node) {
      const who = el("span", isMine ? "quiet" : "who", { dir: "auto" }, isMine ? "You" : String(row.name || "Support"));
      const text = el("p", "text", { dir: "auto", lang: "" }, row.text);
      row.node = el("div", "message", { "data-author": row.author }, who, text, el("div", "meta", {}));
      fillRow(me, row);
    }
    const before = next?.node ?? null;
    const isThere = row.node.parentNode === list && row.node.nextSibling === before; // what moves is read out again
    if (!isThere) keepEnd(() => list.insertBefore(row.node, before), isMine);
    paint(me);
  }

  /** Renews the line below a message, and only that: a screen reader reads again what is replaced. */
  function fillRow(me, row) {
    const { node, status, createdAt } = row;
    if (!node) return;
    node.dataset.status = status;
    node.lastChild.replaceChildren(status === "sending" ? "Sending…" : status === "sent" ? clock(createdAt) : againButton(me, row));
  }

  function againButton(me, row) {
    const again = button("again", {}, "Not sent – try again");
    listen(again, "click", () => {
      row.isRefused = false;
      setStatus(me, row, "sending");
      ui.input.focus();
      tryNow(me);
    });
    return again;
  }

  function clock(createdAt) {
    const time = new Date(createdAt);
    if (Number.isNaN(time.getTime())) return "";
    const day = time.toDateString() === new Date().toDateString() ? {} : { day: "numeric", month: "short" };
    return el("time", "time", { datetime: createdAt }, time.toLocaleString([], { ...day, hour: "2-digit", minute: "2-digit" }));
  }

  // ---- The API ----

  function init(raw) {
    const options = readOptions(raw);
    if (!script) return warn("script", "load kaltalk.js with a plain <script src>: from its address it learns where KalTalk is.");
    if (!options.organizationId) return complain("missing_organization", "KalTalk.init needs {organizationId}");
    const me = life;
    if (!me || me.key !== PREFIX + options.organizationId || !isSame(me.options.who, options.who)) {
      endLife();
      return begin(options);
    }
    const isAgain = me.options.print === options.print && me.phase !== "refused";
    me.options = isAgain ? Object.assign(me.options, { getUserJwt: options.getUserJwt }) : options;
    if (isAgain) return undefined;
    const { userJwt } = options.claims;
    if (!isStale(userJwt, me.userJwt)) me.userJwt = userJwt; // a cached page may bring an older one
    Object.assign(me, { stale: true, fresh: false, asks: 0, phase: "connecting" });
    return wake(me);
  }

  function endLife() {
    clearTimeout(life?.timer);
    life = null;
    ui?.host.remove();
    ui?.root.replaceChildren(); // for kept references
    ui = null;
  }

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

  function on(event, listener) {
    if (!Object.hasOwn(listeners, event) || typeof listener !== "function") {
      warn("on", 'KalTalk.on takes "identity", "message" or "error", and a function.');
      return () => {};
    }
    const entry = { listener };
    listeners[event].add(entry);
    if (event === "identity" && life?.identity) tell(event, entry, life.identity);
    return () => void listeners[event].delete(entry);
  }

  /** Wakes up; also the host may be asked once more. */
  function look(me) {
    if (me.asks) {
      me.asks = Math.min(me.asks, HOST_TRIES - 1);
      me.renewAt = me.askAfter;
    }
    wake(me);
  }

  const show = (open) => (life ? toggle(life, open) : open && warn("open", "KalTalk.open needs KalTalk.init first."));

  const api = Object.freeze({
    init: safe((options) => void init(options)),
    shutdown: safe(() => shutDownEverywhere()),
    open: safe(() => void show(true)),
    close: safe(() => void show(false)),
    on: safe(on, () => {}),
  });

  /** Replaces the snippet's stub, or anything else of that name, and replays the queue. */
  function install(real) {
    const stub = window.KalTalk;
    if (stub === real) return;
    window.KalTalk = real;
    const call = ([name, ...args]) => Object.hasOwn(real, name) && real[name](...args);
    const queue = stub?.queue;
    if (!Array.isArray(queue)) return;
    const early = queue.splice(0);
    queue.push = (...entries) => entries.forEach(safe(call)); // for code that kept the stub
    early.forEach(safe(call));
  }

  safe(() => {
    if (window[MARK]) return install(window[MARK]); // loaded twice
    Object.defineProperty(window, MARK, { value: api });
    listen(window, "online", () => {
      if (!life || life.mustWait) return; // not before Retry-After
      Object.assign(life, { notBefore: 0, askAfter: 0 });
      look(life);
    });
    listen(document, "visibilitychange", () => {
      hiddenSince = elapsed();
      if (document.visibilityState !== "visible" || !life) return;
      countUnread(life);
      look(life);
    });
    // "Back" to a cached page after a logout: its thread must not be seen.
    listen(window, "pageshow", ({ persisted }) => {
      if (!persisted || !life) return;
      const { key, visitor, who, asked, options } = life;
      const found = recall(key);
      if (found && found.visitor === visitor && (visitor || isSame(found.who, who))) return;
      endLife();
      if (found && !visitor && isSame(found.who, asked ?? options.who)) begin(options); // a later page was answered first
    });
    return install(api);
  })();
})();
