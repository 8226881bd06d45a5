/*
 * Makes the settings pleasanter: times in the reader's zone, a countdown, copy buttons, and a revealed secret that hides
 * itself. Nothing here is needed: every form and every word is there without it.
 */
(() => {
  "use strict";

  // ---- Times, in the reader's own zone ----

  const SHORT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

  for (const time of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!("ago" in time.dataset)) time.textContent = SHORT.format(moment);
    time.title = FULL.format(moment);
  }

  // ---- The grace window ----

  for (const countdown of document.querySelectorAll("[data-countdown]")) {
    const end = Date.parse(countdown.dataset.countdown);
    const show = () => {
      const seconds = Math.max(0, Math.round((end - Date.now()) / 1000));
      const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
      countdown.textContent = `${hours} h ${minutes} min ${seconds % 60} s`;
    };
    show();
    setInterval(show, 1000);
  }

  // ---- Copying ----

  for (const button of document.querySelectorAll("[data-copy]")) {
    const words = button.firstChild;
    button.hidden = navigator.clipboard === undefined; // browsers offer it on https and on this machine alone
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        words.data = "Copied";
      } catch {
        words.data = "Select and copy it by hand";
      }
      setTimeout(() => (words.data = "Copy"), 2000);
    });
  }

  // ---- A revealed secret ----

  const revealed = document.querySelector("[data-revealed]");
  if (revealed === null) return;

  const end = Date.now() + Number(revealed.dataset.revealed) * 1000;
  document.querySelector("[data-hides]").hidden = false;

  function hide() {
    clearInterval(timer);
    revealed.remove(); // out of the document, so that no page kept by "back" holds it
    document.querySelector("[data-hidden-now]").hidden = false;
  }

  const timer = setInterval(() => {
    const seconds = Math.ceil((end - Date.now()) / 1000);
    if (seconds <= 0) hide();
    else revealed.querySelector("[data-seconds]").textContent = seconds;
  }, 500);
  addEventListener("pagehide", hide);
  addEventListener("pageshow", (event) => event.persisted && hide());
})();
