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
  const VERIFIED = "Identity verified";

  const columns = document.querySelector(".columns");
  const form = document.querySelector("form.reply");
  const lines = document.querySelector("[data-live=lines]");
  const scroller = document.querySelector(".lines");
  const regions = new Map([...document.querySelectorAll("[data-live]")].map((region) => [region.dataset.live, region]));
  const shown = new Map([...regions].map(([name, region]) => [name, region.innerHTML.trim()]));
  const drawn = new Map([...(lines?.children ?? [])].map((line) => [line.dataset.message, line.outerHTML]));

  let wait = EVERY;
  let timer = 0;
  let turn = 0; // an answer that was overtaken by a newer request is dropped
  let isSending = false;
  let tag = ""; // of the parts that are shown: the server answers 304 while they are the same

  // ---- Times, in the reader's own zone ----

  const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const DATE = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
  const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "full" });
  const OFFSET = new Intl.DateTimeFormat(undefined, { timeZoneName: "shortOffset" });
  const ZONE = new Intl.DateTimeFormat(undefined, { timeZoneName: "long" });

  const zone = (format, moment) => format.formatToParts(moment).find((part) => part.type === "timeZoneName").value;

  /** Put the times in `root` into the reader's zone. One on the other side of a clock change names its own. */
  function localTimes(root) {
    const now = new Date();
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      const day = moment.getFullYear() === now.getFullYear() ? DAY : DATE;
      const isToday = moment.toDateString() === now.toDateString();
      time.textContent = isToday ? CLOCK.format(moment) : `${day.format(moment)}, ${CLOCK.format(moment)}`;
      time.title = FULL.format(moment);
      if (time.closest(".identity, .facts") !== null && moment.getTimezoneOffset() !== now.getTimezoneOffset()) {
        time.textContent += ` ${zone(OFFSET, moment)}`;
      }
    }
    for (const place of root.querySelectorAll("[data-zone]")) {
      place.textContent = `${zone(ZONE, now)} (${zone(OFFSET, now)})`;
    }
    // Buttons that need this script, and a page that may use the clipboard.
    for (const button of root.querySelectorAll("[data-copy]")) button.hidden = navigator.clipboard === undefined;
  }

  // ---- Showing an answer ----

  /** Show the parts of an answer; false when it is not one of ours. It answers a poll, a reply or another button. */
  function show(html, isReply, isPoll = !isReply) {
    const answer = new DOMParser().parseFromString(html, "text/html").querySelector("[data-title]");
    if (answer === null) return false;
    document.title = answer.dataset.title;
    const before = shieldOf(regions.get("head"));
    const seen = isReply ? null : whatWasSeen();
    for (const part of answer.querySelectorAll("[data-part]")) {
      const name = part.dataset.part;
      if (name === "problem" && isPoll) continue; // it stays until the next attempt
      if (name === "lines") addLines(part, answer.querySelector("[data-part=earlier]"));
      else replace(name, part);
    }
    announce(before, shieldOf(regions.get("head")));
    announceUnread(answer.dataset.unread);
    if (seen !== null) {
      Object.entries(seen).forEach(([name, value]) => (form.elements[name].value = value));
      shown.delete("tokens"); // they say something else now than what was drawn, so the next answer draws them
    }
    if (isReply) form.elements.client_message_id.value = answer.querySelector("[data-fresh-id]").value;
    return true;
  }

  const shieldOf = (region) => region?.querySelector(SHIELD)?.textContent;

  /** While something is typed, the form keeps whom it was typed for: the server holds it back when that has changed. */
  function whatWasSeen() {
    if (!form?.elements.text.value.trim()) return null;
    return { seen_state: form.elements.seen_state.value, seen_session: form.elements.seen_session.value };
  }

  function addLines(part, earlier) {
    const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
    const known = new Map([...lines.children].map((line) => [line.dataset.message, line]));
    const [first] = part.children;
    const last = lines.lastElementChild;
    const isGap = first !== undefined && last !== null && Number(first.dataset.position) > Number(last.dataset.position) + 1;
    if (isGap) { // more has been written than an answer holds: begin again from its first line
      lines.replaceChildren();
      known.clear();
      scroller.querySelector("[data-earlier]").replaceChildren(...earlier.childNodes);
    }
    const fresh = [...part.children].filter((line) => !isKnown(line, known.get(line.dataset.message)));
    fresh.forEach((line) => drawn.set(line.dataset.message, line.outerHTML) && localTimes(line));
    lines.append(...fresh);
    if (fresh.length > 0 && isAtEnd) scrollToEnd();
  }

  /** True when the line stands there; what has changed about it (its secret was revoked, say) is changed there. */
  function isKnown(line, there) {
    if (there === undefined) return false;
    const html = line.outerHTML;
    if (drawn.get(line.dataset.message) === html) return true;
    drawn.set(line.dataset.message, html);
    localTimes(line);
    there.replaceWith(line);
    return true;
  }

  async function showEarlier(link) {
    const answer = await ask(link.href);
    const html = answer.ok ? await answer.text() : "";
    const parts = new DOMParser().parseFromString(html, "text/html");
    const part = parts.querySelector("[data-part=lines]");
    if (part === null) return location.assign(link.href);
    const known = new Set([...lines.children].map((line) => line.dataset.message));
    const older = [...part.children].filter((line) => !known.has(line.dataset.message));
    older.forEach((line) => drawn.set(line.dataset.message, line.outerHTML) && localTimes(line));
    const fromEnd = scroller.scrollHeight - scroller.scrollTop;
    scroller.setAttribute("aria-live", "off"); // two hundred lines are not read out
    lines.prepend(...older);
    scroller.querySelector("[data-earlier]").replaceChildren(...parts.querySelector("[data-part=earlier]").childNodes);
    scroller.scrollTop = scroller.scrollHeight - fromEnd;
    (scroller.querySelector("[data-earlier] a") ?? scroller).focus({ preventScroll: true });
    setTimeout(() => scroller.removeAttribute("aria-live"), 1_000);
    document.querySelector("[data-announce]").textContent = `${older.length} earlier lines above.`;
  }

  function scrollToEnd() {
    if (scroller !== null) scroller.scrollTop = scroller.scrollHeight;
  }

  function replace(name, part) {
    const region = regions.get(name);
    const html = part.innerHTML.trim();
    if (region === undefined || shown.get(name) === html) return;
    shown.set(name, html);
    const active = region.contains(document.activeElement) ? document.activeElement : null;
    const focused = ["href", "data-copy", "name"].find((attribute) => active?.hasAttribute(attribute));
    const { scrollTop } = region;
    const keepInSight = name === "list" ? rowInSight(region, part) : () => {};
    localTimes(part);
    region.replaceChildren(...part.childNodes);
    region.scrollTop = scrollTop;
    keepInSight();
    if (focused === undefined) return;
    const same = `[${focused}="${CSS.escape(active.getAttribute(focused))}"]`;
    region.querySelector(same)?.focus({ preventScroll: true });
  }

  /** Return what puts the list back to where it was read, though rows have come in above; at its top, they are seen. */
  function rowInSight(region, part) {
    const list = region.closest(".list");
    const box = getComputedStyle(list).overflowY === "auto" ? list : document.scrollingElement;
    const top = Math.max(0, list.getBoundingClientRect().top);
    const find = (root, row) => root.querySelector(`[data-conversation="${row.dataset.conversation}"]`);
    const moment = (row) => row?.querySelector("time").dateTime;
    const stays = (row) => row.getBoundingClientRect().bottom > top && moment(find(part, row)) === moment(row);
    const row = box.scrollTop > 0 ? [...region.querySelectorAll("[data-conversation]")].find(stays) : undefined;
    const before = row?.getBoundingClientRect().top;
    return () => row && (box.scrollTop += find(region, row).getBoundingClientRect().top - before);
  }

  function announceUnread(count) {
    const isMore = form === null && Number(count) > Number(columns.dataset.unread);
    columns.dataset.unread = count;
    if (isMore) document.querySelector("[data-announce]").textContent = `Unread conversations: ${count}.`;
  }

  function announce(before, after) {
    if (before === after) return;
    document.querySelector("[data-announce]").textContent = `Identity changed: ${after ?? "not checked"}.`;
    const place = document.querySelector("[data-lost]");
    if (place === null) return;
    place.replaceChildren();
    if (before !== VERIFIED) return;
    const cause = document.querySelector("#customer-drawer .identity p").textContent.trim();
    const alarm = document.createElement("p");
    Object.assign(alarm, { className: "problem", textContent: `The identity was lost while this page was open. ${cause}` });
    place.append(alarm);
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
      const answer = await ask(columns.dataset.liveUrl, { headers: { ...LIVE, "If-None-Match": tag } });
      const html = answer.ok ? await answer.text() : "";
      if (mine !== turn) return;
      if (answer.type === "opaqueredirect") sayLoggedOut();
      else if (answer.status !== 304 && !show(html, false)) throw new Error("no answer of ours");
      else say("");
      tag = answer.headers.get("ETag") ?? "";
      wait = EVERY;
    } catch {
      if (mine !== turn) return;
      say("Connection lost, trying again.");
      wait = Math.min(wait * 2, LONGEST);
    }
    schedule(wait);
  }

  async function send(button) {
    const text = form.elements.text.value;
    isSending = true;
    turn += 1;
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await ask(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, button)) });
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

  async function setStatus({ target, submitter }) {
    turn += 1;
    const answer = await ask(target.action, { method: "POST", body: new URLSearchParams(new FormData(target, submitter)) });
    if (answer.type === "opaqueredirect") sayLoggedOut();
    else if (!show(await answer.text(), false, false)) throw new Error("no answer of ours");
  }

  function accepted(text) {
    say("");
    document.querySelector("[data-lost]").replaceChildren();
    if (form.elements.text.value === text) form.elements.text.value = "";
    scrollToEnd();
  }

  // ---- Beginning ----

  localTimes(document);
  scrollToEnd();
  // Said a moment after the page is there: a status that is there from the beginning is not read out.
  document.querySelectorAll("[data-result]").forEach((place) => setTimeout(() => (place.textContent = place.dataset.result), 500));
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!isSending) send(event.submitter);
  });
  document.querySelector("form.status")?.addEventListener("submit", (event) => {
    event.preventDefault(); // a page that is loaded anew would lose what is being typed
    setStatus(event).catch(() => say("Not done. Try again in a moment.")).finally(() => schedule(EVERY));
  });
  scroller?.addEventListener("click", (event) => {
    const link = event.target.closest("[data-earlier] a");
    if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    showEarlier(link).catch(() => location.assign(link.href));
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (button === null) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    document.querySelector("[data-announce]").textContent = "Copied.";
  });
  form?.elements.text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) form.requestSubmit();
  });
  document.addEventListener("visibilitychange", () => schedule(0));
  addEventListener("online", () => schedule(0));
  addEventListener("pageshow", (event) => event.persisted && schedule(0));
  schedule(EVERY);
})();
