// Shows at once that a shop has been connected, and how long a PIN is still good. Everything works without it.
"use strict";

(() => {
  const ASK_AGAIN = 5000; // milliseconds until a lost stream or page is asked for anew
  const SECOND = 1000;

  const head = document.querySelector("[data-interface]");
  if (!head) return;
  const page = head.dataset.interface;
  const leaves = "leave" in head.dataset; // a page with digits on it: it goes away as soon as they are of no use
  const say = document.getElementById("say");

  const standing = () => document.getElementById("standing");

  function countDown(place) {
    const words = place.querySelector(".left");
    const end = performance.now() + Number(place.dataset.countdown) * SECOND;
    const show = () => {
      const left = Math.max(0, Math.round((end - performance.now()) / SECOND));
      const parts = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
      words.textContent = parts.map((part) => String(part).padStart(2, "0")).join(":");
    };
    show();
    place.hidden = false;
    setInterval(show, SECOND);
  }

  function put(fresh) {
    const before = standing().dataset.say;
    const focused = document.activeElement?.closest("[data-live]");
    for (const old of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(old.id);
      if (next) old.replaceWith(document.adoptNode(next));
    }
    if (focused) document.getElementById("main").focus({ preventScroll: true });
    if (standing().dataset.say !== before) say.textContent = standing().dataset.say;
  }

  async function renew() {
    const answer = await fetch(page, { headers: { Accept: "text/html" } });
    if (answer.redirected) location.assign(answer.url);
    else if (answer.ok) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
  }

  async function changed(state) {
    if (state.mark === standing().dataset.mark) return;
    if (leaves && state.state !== "pin_open") location.replace(page);
    else
      try {
        await renew();
      } catch {
        setTimeout(() => changed(state), ASK_AGAIN);
      }
  }

  function listen() {
    const source = new EventSource(`${page}/events`);
    source.addEventListener("state", (event) => changed(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, ASK_AGAIN);
    });
  }

  for (const place of document.querySelectorAll("[data-countdown]")) countDown(place);
  listen();
})();
