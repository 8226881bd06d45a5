// What the page gives to init: read with care, because it may be anything.

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
