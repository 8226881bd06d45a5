// What is asked of KalTalk's API.

/** What the server said; status 0 when nothing came back. Never rejects. */
async function request(method, path, { body, token, keepalive }) {
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
