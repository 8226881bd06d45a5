// Logging out also ends the chat, in every tab, so that the next person at this browser sees nothing of it.
// Works before kaltalk.js has loaded (the stub keeps the call), and never keeps anyone from logging out.
document.getElementById("log-out")?.addEventListener("submit", () => {
  try {
    window.KalTalk?.shutdown();
  } catch (error) {
    console.warn("The chat could not be ended.", error);
  }
});
