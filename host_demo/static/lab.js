// The lab: asks the shop for what an experiment sends, sends it to KalTalk itself, and shows what came of it.
// Everything is put on the page as text: there is no HTML from anywhere, so Trusted Types have nothing to object to.
const lab = document.getElementById("lab");
const $ = (id) => document.getElementById(id);
const PARTS = ["header", "payload", "signature"];
const OUTCOMES = { verified: "green", unverified: "amber", none: "no shield", refused: "refused" };
let run = 0; // only the last pressed button may write on the page

/** An element with a class, and children that are elements or text. */
function el(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function put(id, ...children) {
  $(id).replaceChildren(...children.filter(Boolean));
  $(id).classList.remove("unknown");
}

/** Text in which the three parts of the token have their colours, wherever it stands. */
function code(text, token) {
  const made = el("pre", "code");
  const [before, ...after] = token ? text.split(token.parts.join(".")) : [text];
  made.append(before, ...after.flatMap((rest) => [...coloured(token.parts), rest]));
  return made;
}

function coloured(parts) {
  return parts.flatMap((part, index) => [...(index ? ["."] : []), el("span", PARTS[index], part)]);
}

function shield(kind, instead) {
  return kind ? $(`shield-${kind}`).content.firstElementChild.cloneNode(true) : el("span", "no-shield", instead);
}

async function ask(address, fields) {
  const headers = { "X-CSRFToken": lab.dataset.csrf };
  const response = await fetch(address, { method: "POST", headers, body: new URLSearchParams(fields), redirect: "manual" });
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  if (!isJson) throw new Error("The shop did not go along. Load this page again; you may have been logged out.");
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.problem);
  return answer;
}

/** Sends JSON to KalTalk, as the chat would: no cookies, the exact text that is shown. */
async function send(path, body, session) {
  const headers = { "Content-Type": "application/json" };
  if (session) headers.Authorization = `Bearer ${session}`;
  const response = await fetch(lab.dataset.kaltalk + path, { method: "POST", headers, body, credentials: "omit" });
  const isJson = /^application\/(problem\+)?json/.test(response.headers.get("Content-Type"));
  if (!isJson) throw new Error(`Something that is not KalTalk answered with ${response.status}. Is the demo still running?`);
  return { status: response.status, body: await response.json() };
}

async function experiment(button) {
  const mine = ++run;
  const name = button.dataset.experiment;
  for (const other of document.querySelectorAll(".experiment")) other.setAttribute("aria-pressed", other === button);
  lab.setAttribute("aria-busy", "true");
  delete $("result").dataset.done;
  try {
    const prepared = await ask(lab.dataset.prepare, { experiment: name });
    const path = `/v1/organizations/${lab.dataset.organization}/identify`;
    const answer = await send(path, prepared.body);
    const session = answer.body.session?.token;
    if (session) {
      const text = `From the lab: ${prepared.label}`;
      const sent = await send("/v1/messages", JSON.stringify({ text, clientMessageId: crypto.randomUUID() }), session);
      if (sent.status !== 201) throw new Error(`The message was not taken (${sent.status}): ${sent.body.detail}`);
    }
    const seen = await ask(lab.dataset.seen, session ? { experiment: name, session } : { experiment: name });
    if (mine !== run) return;
    showMode(prepared.mode);
    showToken(prepared);
    put("step-request", code(`POST ${lab.dataset.kaltalk}${path}\nContent-Type: application/json\n\n${prepared.body}`, prepared.token));
    showAnswer(prepared, answer);
    showRecord(seen.record, answer);
    showInbox(seen.row);
    showOutlook(prepared);
    showResult(name, prepared, answer, seen);
  } catch (error) {
    if (mine === run) stop(error);
  } finally {
    if (mine === run) lab.removeAttribute("aria-busy");
  }
}

function stop(error) {
  Object.assign($("result").dataset, { state: "stopped", shield: "", status: "", reason: "", done: "" });
  $("result-title").textContent = "That did not work";
  for (const place of document.querySelectorAll("[id^=step-], #outlook")) { // what stands there is of another button
    place.replaceChildren();
    place.classList.add("unknown");
    delete place.dataset.verified;
  }
  put("verdict", el("p", "", error instanceof TypeError ? "KalTalk did not answer. Is the demo still running?" : error.message));
}

/** The mode may have been changed elsewhere since this page was loaded. */
function showMode({ chosen }) {
  for (const button of document.querySelectorAll("[name=mode]")) {
    const isChosen = button.value === chosen;
    button.setAttribute("aria-pressed", isChosen);
    if (isChosen) $("mode-title").textContent = `KalTalk’s mode is ${button.textContent}`;
  }
}

function showToken({ known, token, snippet }) {
  put("step-known", facts(known.map(([name, value]) => [name, el("bdi", "", value)])));
  put("step-snippet", code(snippet, token));
  if (!token) return put("step-token", el("p", "", "This time no token is signed."));
  const clock = (seconds) => new Date(seconds * 1000).toLocaleString();
  const [signed, end] = token.times;
  put(
    "step-token",
    el("pre", "code whole", ...coloured(token.parts)),
    part("header", token.header),
    part("payload", token.payload, `Signed ${clock(signed)}, good until ${clock(end)} on your clock.`),
    part("signature", token.parts[2] || "(empty)"),
  );
}

function part(name, text, note) {
  return el("div", `part ${name}`, el("h3", "", name), el("pre", "", text), note ? el("p", "hint", note) : null);
}

function facts(rows) {
  return el("dl", "facts", ...rows.map(([name, ...values]) => el("div", "", el("dt", "", name), el("dd", "", ...values))));
}

function showAnswer({ checks, mode }, answer) {
  const shown = structuredClone(answer.body);
  if (shown.session) shown.session.token = `${shown.session.token.slice(0, 12)}… (kept in this page)`;
  const lines = (checks?.lines ?? []).map(({ title, passed, detail }) => {
    const word = passed === null ? "Not reached" : passed ? "Passed" : "Failed";
    return el("li", word.toLowerCase().replace(" ", "-"), el("strong", "", el("span", "word", `${word}: `), title), el("span", "hint", detail));
  });
  const unchecked = mode.acts === "off" ? "The mode that acts is Off, so KalTalk only read the token. Had it looked, this is what it would have found." : null;
  put(
    "step-answer",
    checks && unchecked ? el("p", "", unchecked) : null,
    checks ? el("ol", "checks", ...lines) : el("p", "", "No token, so there is nothing to check."),
    checks?.secret ? el("p", "hint", `The ${checks.secret.status} secret made this signature (fingerprint ${checks.secret.fingerprint}).`) : null,
    code(`${answer.status}\n\n${JSON.stringify(shown, null, 2)}`),
  );
}

function showRecord(record, answer) {
  const refused = answer.status === 200 ? null : el("p", "", "Refused: nothing was stored or changed. Your own record stands as before:");
  if (!record) return put("step-record", refused ? el("p", "", "Refused: nothing was stored, and there is no record of you yet.") : el("p", "", "Nobody was named, so there is no record."));
  const labels = { external_id: "Customer id", email: "E-mail", name: "Name" };
  const rows = Object.entries(labels).map(([field, label]) => {
    const { value, hidden, proven } = record[field];
    const words = hidden ? el("em", "", "(not yours, so not shown)") : el("bdi", "", value ?? "–");
    const provenance = el("span", `provenance ${proven ? "proven" : "claimed"}`, proven ? "proven" : "claimed");
    return [label, words, value || hidden ? provenance : null];
  });
  const flag = record.verified ? "yes" : record.downgraded_reason ? `no: taken away, ${record.downgraded_reason}` : "no";
  put("step-record", refused, facts([...rows, ["Verified", el("strong", "", flag)]]));
  $("step-record").dataset.verified = record.verified;
}

function showInbox(row) {
  if (!row) return put("step-inbox", el("p", "", "Nothing: without a session there is no message and no row."));
  const link = el("a", "", "Open it in KalTalk’s inbox (log in as grace or alan)");
  link.href = lab.dataset.kaltalk + row.path;
  const title = row.hidden ? el("em", "", "(somebody else’s name)") : el("bdi", "", row.title);
  put("step-inbox", el("div", "row", el("strong", "", title), el("span", "hint", row.last), shield(row.shield, row.no_shield)), el("p", "why", row.why), link);
}

function showOutlook({ outlook, mode }) {
  const rows = outlook.map((line) => {
    const name = line.mode[0].toUpperCase() + line.mode.slice(1);
    // Below the Pro plan every mode acts as Off, so the reason decides here and not the mode.
    const kind = line.reason === "verification_off" || line.state === "anonymous" ? null : line.state;
    const made = el("tr", "", el("th", "", name, line.mode === mode.acts ? el("span", "acts", "now") : null), el("td", "", String(line.status)),
      el("td", "", line.status === 401 ? "Refused" : shield(kind, "No shield")), el("td", "", line.reason ? el("code", "", line.reason) : "–"), el("td", "", line.effect));
    made.firstChild.scope = "row";
    Object.assign(made.dataset, { mode: line.mode, state: line.state ?? "refused", reason: line.reason ?? "", status: line.status });
    return made;
  });
  const head = ["Mode", "Status", "Shield", "Reason", "Record"].map((words) => Object.assign(el("th", "", words), { scope: "col" }));
  put("outlook", el("table", "", el("thead", "", el("tr", "", ...head)), el("tbody", "", ...rows)));
}

function showResult(name, { label, after, mode }, answer, seen) {
  const isRefused = answer.status !== 200;
  const kind = seen.row?.shield ?? "";
  const reason = (isRefused ? answer.body.code : answer.body.identity.reason) ?? "";
  const outcome = isRefused ? "refused" : kind || "none";
  const guessed = document.querySelector("[name=guess]:checked");
  const difference = mode.chosen === "off" ? "Choose another mode above to see the difference." : "Below the Pro plan no other mode acts.";
  const judged = guessed && (guessed.value === outcome ? "Your guess was right." : `You guessed ${OUTCOMES[guessed.value]}. It is ${OUTCOMES[outcome]}.`);
  if (guessed) guessed.checked = false;
  $("result-title").textContent = label;
  put(
    "verdict",
    el("p", "outcome", isRefused ? el("strong", "refused", `Refused with ${answer.status}`) : shield(kind, seen.row?.no_shield ?? "No shield"), reason ? el("code", "", reason) : null),
    judged ? el("p", "judged", judged) : null,
    el("p", "", isRefused ? `The browser reads: “${answer.body.detail}”` : `The agent reads: “${seen.row.why}”`),
    el("p", "", mode.acts === "off" ? `The mode that acts is Off: no token is verified, whatever it holds. ${difference}` : after),
  );
  const state = isRefused ? "refused" : answer.body.identity.state;
  Object.assign($("result").dataset, { state, reason, shield: kind, status: answer.status, done: name });
  const { top } = $("result").getBoundingClientRect();
  if (top < 0 || top > innerHeight * 0.6) $("result").scrollIntoView({ block: "start" });
}

for (const button of document.querySelectorAll(".experiment")) {
  button.addEventListener("click", () => experiment(button));
  button.disabled = false; // until here a click would have been lost without a word
}
