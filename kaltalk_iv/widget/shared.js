// The KalTalk widget: a chat launcher and panel for the customer's own web pages.
//
// It never throws into the page and stores the user token nowhere. It knows nothing of shields. The files of this folder
// are one function when a browser gets them (api/widget_file.py), so what one declares the others see. This one has what
// they share: limits, where KalTalk is, and what changes while the page lives.

const MARK = Symbol.for("kaltalk.widget");
const PREFIX = "kaltalk:";
const REQUEST_LIMIT = 20_000; // ms
const POLL_OPEN = 3_000;
const POLL_REST = 20_000;
const SLEEP_AFTER = 600_000;
const TEXT_LIMIT = 4_000;
const PAGE_FULL = 50;
const TABS_LIMIT = 500; // for another tab to answer
const HOST_PAUSE = 5_000; // after a call of getUserJwt; three times as long after each that brought nothing
const HOST_TRIES = 6; // that bring nothing new; then the page has to be looked at again

const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : "";
const BASE = script.split(/[?#]/)[0].replace(/\/widget\/[^/]*$/, "");

let life = null; // all of one user, from init to shutdown
let ui = null;
let channel = null;
let hiddenSince = 0;
const START = Date.now() - performance.now();
const listeners = { identity: new Set(), message: new Set(), error: new Set() };

// Milliseconds. Sleep counts, which performance.now() may leave out; a clock that is set back stops nothing.
const elapsed = () => Math.max(performance.now(), Date.now() - START);
