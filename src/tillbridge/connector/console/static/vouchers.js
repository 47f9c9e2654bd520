// Looks again while an action with a voucher is not known yet. Without it the page reloads itself.
"use strict";

(() => {
  const say = document.getElementById("say");

  async function look() {
    const old = document.getElementById("voucher");
    if (!old?.dataset.again) return;
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
      if (answer.redirected || !answer.ok) return void location.reload();
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("voucher");
      if (!fresh?.dataset.again) return void location.reload();
      if (fresh.dataset.say !== old.dataset.say) {
        old.replaceWith(fresh);
        say.textContent = fresh.dataset.say;
      }
    } catch {
      // The connector is away for a moment: it is asked again.
    }
    setTimeout(look, 1000);
  }

  setTimeout(look, 1000);
})();
