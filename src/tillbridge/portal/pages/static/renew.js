// Keeps a part of a page up to date while something goes on, and loads the page anew when that is over.
// Without script such pages renew themselves as a whole.
"use strict";

(() => {
  const SECOND = 1000;

  const part = document.querySelector("[data-renew]");
  if (!part) return;

  function put(fresh) {
    // Who hears the page hears it only when something is said that was not said before.
    if (fresh.innerHTML !== part.innerHTML) part.replaceChildren(...document.adoptNode(fresh).childNodes);
  }

  async function renew() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) return location.assign(answer.url);
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(part.id);
      if (!fresh?.dataset.renew) return location.replace(location.pathname);
      put(fresh);
    }
    later();
  }

  function later() {
    setTimeout(() => renew().catch(later), Number(part.dataset.renew) * SECOND);
  }

  later();
})();
