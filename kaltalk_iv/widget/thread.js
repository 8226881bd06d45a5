// The thread: sending and reading, and what is known of each message.

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

// Plain http pages have no crypto.randomUUID.
const randomDigit = (c) => (c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (c / 4)))).toString(16);
const uuid = () => "10000000-1000-4000-8000-100000000000".replace(/[018]/g, randomDigit);

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
  showDraft(me);
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
