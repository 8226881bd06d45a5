/*
 * Keeps an open inbox current: asks the server every three seconds, while the tab is seen, for the parts of the page
 * that change, and sends replies without leaving the page. All of it works without this script, by reloading.
 *
 * The parts are HTML that the server escaped. They are parsed in an inert document, so nothing in them runs.
 */
(() => {
  "use strict";

  const EVERY = 3_000; // ms, like all times here
  const LONGEST = 60_000;
  const PATIENCE = 20_000;
  const LIVE = { "X-KalTalk-Live": "1" };
  const SHIELD = "[data-shield]";

  const columns = document.querySelector(".columns");
  const form = document.querySelector("form.reply");
  const lines = document.querySelector("[data-live=lines]");
  const scroller = document.querySelector(".lines");
  const regions = new Map([...document.querySelectorAll("[data-live]")].map((region) => [region.dataset.live, region]));
  const shown = new Map([...regions].map(([name, region]) => [name, region.innerHTML.trim()]));

  let wait = EVERY;
  let timer = 0;
  let turn = 0; // an answer that was overtaken by a newer request is dropped
  let isSending = false;

  // ---- Times, in the reader's own zone ----

  const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

  function localTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      const isToday = moment.toDateString() === new Date().toDateString();
      time.textContent = isToday ? CLOCK.format(moment) : `${DAY.format(moment)}, ${CLOCK.format(moment)}`;
      time.title = FULL.format(moment);
    }
  }

  // ---- Showing an answer ----

  /** Show the parts of an answer; false when it is not one of ours. `isReply`: it answers a reply, not a poll. */
  function show(html, isReply) {
    const answer = new DOMParser().parseFromString(html, "text/html").querySelector("[data-title]");
    if (answer === null) return false;
    document.title = answer.dataset.title;
    for (const part of answer.querySelectorAll("[data-part]")) {
      const name = part.dataset.part;
      if (name === "problem" && !isReply) continue; // it stays until the next attempt
      if (name === "lines") addLines(part);
      else replace(name, part);
    }
    if (isReply) form.elements.client_message_id.value = answer.querySelector("[data-fresh-id]").value;
    return true;
  }

  function addLines(part) {
    const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
    const known = new Set([...lines.children].map((line) => line.dataset.message));
    const fresh = [...part.children].filter((line) => !known.has(line.dataset.message));
    fresh.forEach((line) => localTimes(line));
    lines.append(...fresh);
    if (fresh.length > 0 && isAtEnd) scrollToEnd();
  }

  function scrollToEnd() {
    if (scroller !== null) scroller.scrollTop = scroller.scrollHeight;
  }

  function replace(name, part) {
    const region = regions.get(name);
    const html = part.innerHTML.trim();
    if (region === undefined || shown.get(name) === html) return;
    shown.set(name, html);
    const before = region.querySelector(SHIELD)?.textContent;
    const focused = region.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const { scrollTop } = region;
    localTimes(part);
    region.replaceChildren(...part.childNodes);
    region.scrollTop = scrollTop;
    if (focused !== null) region.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    if (name === "head") announce(before, region.querySelector(SHIELD)?.textContent);
  }

  function announce(before, after) {
    if (before !== after) document.querySelector("[data-announce]").textContent = `Identity changed: ${after ?? "not checked"}.`;
  }

  function say(sentence, link) {
    const place = document.querySelector("[data-connection]");
    if (place.textContent === sentence + (link ?? "")) return;
    place.textContent = sentence;
    if (link === undefined) return;
    const anchor = document.createElement("a");
    Object.assign(anchor, { href: columns.dataset.liveUrl, target: "_blank", textContent: link });
    place.append(anchor);
  }

  const sayLoggedOut = () => say("You are logged out. What you typed stays here. ", "Log in again in a new tab");

  // ---- Asking ----

  function schedule(delay) {
    clearTimeout(timer);
    timer = setTimeout(poll, delay * (0.9 + Math.random() * 0.2));
  }

  const ask = (url, options) =>
    fetch(url, { headers: LIVE, redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE), ...options });

  async function poll() {
    if (document.visibilityState !== "visible" || isSending) return; // whoever ends that state asks again
    const mine = ++turn;
    try {
      const answer = await ask(columns.dataset.liveUrl);
      const html = answer.ok ? await answer.text() : "";
      if (mine !== turn) return;
      if (answer.type === "opaqueredirect") sayLoggedOut();
      else if (!show(html, false)) throw new Error("no answer of ours");
      else say("");
      wait = EVERY;
    } catch {
      if (mine !== turn) return;
      say("Connection lost, trying again.");
      wait = Math.min(wait * 2, LONGEST);
    }
    schedule(wait);
  }

  async function send() {
    const text = form.elements.text.value;
    isSending = true;
    turn += 1;
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await ask(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (answer.type === "opaqueredirect") sayLoggedOut();
      else if (!show(await answer.text(), true)) say("Not sent. Send it again in a moment: it arrives once.");
      else if (answer.ok) accepted(text);
    } catch {
      say("Not sent: the connection was lost. Send it again: it arrives once.");
    }
    isSending = false;
    form.removeAttribute("aria-busy");
    schedule(EVERY);
  }

  function accepted(text) {
    say("");
    if (form.elements.text.value === text) form.elements.text.value = "";
    scrollToEnd();
  }

  // ---- Beginning ----

  localTimes(document);
  scrollToEnd();
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!isSending) send();
  });
  form?.elements.text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) form.requestSubmit();
  });
  document.addEventListener("visibilitychange", () => schedule(0));
  addEventListener("online", () => schedule(0));
  addEventListener("pageshow", (event) => event.persisted && schedule(0));
  schedule(EVERY);
})();
