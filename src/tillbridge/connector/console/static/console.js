// Renews an open page when something has changed, and only what has changed. Everything works without it.
"use strict";

(() => {
  const PAUSE = 400; // milliseconds between two renewals: a burst of changes is one
  const LATER = 1200; // and one more after it: some events reach the journal only with the next commit
  const ASK_AGAIN = 3000; // milliseconds until a lost stream or page is asked for anew

  const live = document.getElementById("live");
  const say = document.getElementById("say");
  let source = null;
  let reached = true; // whether the last renewal came through
  let timer = 0;
  let running = false;
  let missed = false;

  function show() {
    const connected = reached && source.readyState === EventSource.OPEN;
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

  // A list keeps the elements that did not change, where they are, so that focus and selection stay there too.
  function renewList(old, fresh) {
    const known = new Map([...old.children].map((child) => [child.id, child]));
    const next = [...fresh.children].map((child) => {
      const same = known.get(child.id);
      return same && same.outerHTML === child.outerHTML ? same : child;
    });
    const staying = new Set(next);
    for (const child of [...old.children]) if (!staying.has(child)) child.remove();
    let place = old.firstElementChild;
    for (const child of next) {
      if (child === place) place = place.nextElementSibling;
      else old.insertBefore(child, place);
    }
  }

  function frame(region) {
    const copy = region.cloneNode(true);
    copy.querySelector("[data-list]")?.replaceChildren();
    return copy.innerHTML;
  }

  function renewRegion(old, fresh) {
    if (old.innerHTML === fresh.innerHTML) return;
    const [oldList, freshList] = [old.querySelector("[data-list]"), fresh.querySelector("[data-list]")];
    if (oldList && freshList && frame(old) === frame(fresh)) renewList(oldList, freshList);
    else old.replaceChildren(...fresh.childNodes);
  }

  function purpose(element) {
    return element.getAttribute("aria-label") ?? element.getAttribute("href") ?? element.textContent;
  }

  function keepFocus(change) {
    const focused = document.activeElement;
    const region = focused?.closest("[data-live]");
    change();
    if (!region || document.activeElement === focused) return;
    const again = [...region.querySelectorAll(focused.tagName)].find((one) => purpose(one) === purpose(focused));
    (again ?? document.getElementById("main")).focus({ preventScroll: true });
  }

  // A copy button shows itself only where there is a script to serve it.
  function showCopying(page) {
    for (const button of page.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
  }

  function put(page) {
    showCopying(page);
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
      reached = answer.status < 500; // a page that does not exist was not found by a connector that is there
      if (answer.redirected) location.assign(answer.url);
      else if (answer.ok) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      reached = false;
    } finally {
      running = false;
      show();
      if (missed) soon();
      else if (!reached) setTimeout(soon, ASK_AGAIN);
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
    source = new EventSource("/live");
    source.addEventListener("open", () => {
      show();
      soon(); // whatever changed while nobody listened
    });
    source.addEventListener("change", changed);
    source.addEventListener("beat", soon);
    source.addEventListener("error", () => {
      show();
      if (source.readyState !== EventSource.CLOSED) return;
      soon(); // a session that has ended leads to the sign-in page
      setTimeout(listen, ASK_AGAIN);
    });
  }

  async function copy(button) {
    const words = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(words);
    } catch {
      // Plain http from another computer: there browsers keep the clipboard to the older way.
      const field = document.createElement("textarea");
      field.value = words;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      button.focus();
    }
    say.textContent = button.dataset.done;
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), LATER);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) copy(button);
  });

  // What no payment announces (bytes of a wire under test) is looked for at regular times.
  const pace = document.querySelector("[data-renew]")?.dataset.renew;
  if (pace) setInterval(soon, Number(pace));

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && missed) soon();
  });
  showCopying(document);
  listen();
})();
