// What the page and its console are told, and what keeps an error of ours out of the page.

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

const listen = (node, type, fn) => node.addEventListener(type, safe(fn));
