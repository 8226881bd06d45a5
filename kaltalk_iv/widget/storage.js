// What a tab keeps from page to page.

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
