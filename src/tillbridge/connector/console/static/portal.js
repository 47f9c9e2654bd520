// Looks again while a pairing is under way, so that its end shows at once. Without it the page reloads itself.
"use strict";

(() => {
  const say = document.getElementById("say");

  async function look() {
    const old = document.getElementById("portal");
    if (!old?.dataset.again) return;
    try {
      const answer = await fetch("/portal?notice=paired", { headers: { Accept: "text/html" } });
      if (answer.redirected || !answer.ok) return void location.assign("/portal");
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("portal");
      if (!fresh?.dataset.again) return void location.assign("/portal?notice=paired");
      const before = old.querySelector("#portal-progress")?.dataset.say;
      const after = fresh.querySelector("#portal-progress")?.dataset.say;
      if (before !== after) {
        // Only then: somebody may be about to press the button that stops it.
        old.replaceChildren(...fresh.childNodes);
        say.textContent = after;
      }
    } catch {
      // The connector is away for a moment: it is asked again.
    }
    setTimeout(look, Number(old.dataset.again));
  }

  look();
})();
