// What the page calls, and what the browser tells the widget. The last lines put it in place of the snippet's stub.

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
