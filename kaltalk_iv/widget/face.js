// The face: launcher and panel, in a shadow root. CSS is the text of face.css.
//
// DOM calls and a constructed style sheet only: strict CSPs with Trusted Types allow that.

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
    fit();
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
  new ResizeObserver(safe(fit)).observe(panel);
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

function showDraft(me) {
  if (ui?.input) ui.input.value = me.draft;
  fit();
}

/** Makes the field as high as what is in it. Not every browser knows field-sizing. */
function fit() {
  const { input } = ui ?? {};
  if (!input) return;
  keepEnd(() => {
    input.style.height = 0;
    input.style.height = `${input.scrollHeight + 2}px`; // the borders
  });
}

function submit(me) {
  const text = ui.input.value.trim();
  ui.input.focus();
  if (!text || text.length > TEXT_LIMIT) return;
  me.draft = "";
  showDraft(me);
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
