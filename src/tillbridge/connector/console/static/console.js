// Renews an open page when something has changed, and only what has changed. Everything works without it.
"use strict";

(() => {
  const PAUSE = 400; // milliseconds between two renewals: a burst of changes is one
  const LATER = 1200; // and one more after it: some events reach the journal only with the next commit
  const ASK_AGAIN = 3000; // milliseconds until a lost stream is asked for anew

  const live = document.getElementById("live");
  const say = document.getElementById("say");
  let timer = 0;
  let running = false;
  let missed = false;

  function show(connected) {
    live.hidden = false;
    live.classList.toggle("off", !connected);
    document.getElementById("live-words").textContent = connected ? live.dataset.on : live.dataset.off;
  }

  function sayings(root) {
    const found = new Map();
    for (const one of root.querySelectorAll("[data-say]")) found.set(one.id || one.parentElement.id, one.dataset.say);
    return found;
  }

  function announce(before, after) {
    const news = [...after].filter(([id, words]) => before.get(id) !== words).map(([, words]) => words);
    if (news.length) say.textContent = [...new Set(news)].slice(0, 3).join(". ");
  }

  // A list keeps the elements that did not change, so that focus and selection stay where they are.
  function renewList(old, fresh) {
    const known = new Map([...old.children].map((child) => [child.id, child]));
    const next = [...fresh.children].map((child) => {
      const same = known.get(child.id);
      return same && same.outerHTML === child.outerHTML ? same : child;
    });
    old.replaceChildren(...next);
  }

  function renewRegion(old, fresh) {
    if (old.innerHTML === fresh.innerHTML) return;
    const [oldList, freshList] = [old.querySelector("[data-list]"), fresh.querySelector("[data-list]")];
    if (oldList && freshList) {
      renewList(oldList, freshList);
      if (old.innerHTML === fresh.innerHTML) return;
    }
    old.replaceChildren(...fresh.childNodes);
  }

  function keepFocus(change) {
    const focused = document.activeElement;
    const link = focused && focused.getAttribute("href");
    const region = focused && focused.closest("[data-live]");
    change();
    if (!region || focused.isConnected) return;
    const again = link && [...region.querySelectorAll("a")].find((one) => one.getAttribute("href") === link);
    (again || document.getElementById("main")).focus({ preventScroll: true });
  }

  function put(page) {
    const before = sayings(document);
    keepFocus(() => {
      for (const old of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(old.id);
        if (fresh) renewRegion(old, fresh);
      }
    });
    document.title = page.title;
    announce(before, sayings(document));
  }

  async function renew() {
    timer = 0;
    if (document.hidden || running) {
      missed = true;
      return;
    }
    running = true;
    missed = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected) location.assign(answer.url);
      else if (answer.ok) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      show(false);
    } finally {
      running = false;
      if (missed) soon();
    }
  }

  function soon() {
    if (!timer) timer = setTimeout(renew, PAUSE);
  }

  function changed() {
    soon();
    setTimeout(soon, LATER);
  }

  function listen() {
    const source = new EventSource("/live");
    source.addEventListener("open", () => {
      show(true);
      soon();
    });
    source.addEventListener("change", changed);
    source.addEventListener("beat", soon);
    source.addEventListener("error", () => {
      show(false);
      if (source.readyState !== EventSource.CLOSED) return;
      soon(); // a session that has ended leads to the sign-in page
      setTimeout(listen, ASK_AGAIN);
    });
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && missed) soon();
  });
  listen();
})();
