// Lets the browser ask for a passkey, and sends its answer with the form. Without script these forms stay hidden.
"use strict";

(() => {
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  // What the portal says, as the browser wants it.
  const asked = (options) => ({
    ...options,
    challenge: bytes(options.challenge),
    ...(options.user && { user: { ...options.user, id: bytes(options.user.id) } }),
    ...(options.allowCredentials && { allowCredentials: named(options.allowCredentials) }),
    ...(options.excludeCredentials && { excludeCredentials: named(options.excludeCredentials) }),
  });

  // What the browser says, as the portal reads it.
  const told = (credential) => {
    const answer = credential.response;
    const response = { clientDataJSON: text(answer.clientDataJSON) };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (answer[part]) {
        response[part] = text(answer[part]);
      }
    }
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
  };

  const ask = async (purpose) => {
    const reply = await fetch(`/passkeys/options?for=${purpose}`, { headers: { Accept: "application/json" } });
    if (!reply.ok) {
      throw new Error(`the portal answers ${reply.status}`);
    }
    const publicKey = asked(await reply.json());
    return purpose === "enrol" ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey });
  };

  const prepare = (form) => {
    const button = form.querySelector("button[type=submit]");
    const said = form.querySelector(":scope > .wrong");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      said.hidden = true;
      try {
        form.elements.credential.value = told(await ask(form.dataset.passkey));
        form.submit();
      } catch {
        said.textContent = form.dataset.said;
        said.hidden = false;
        button.disabled = false;
      }
    });
    form.hidden = false;
  };

  if (window.PublicKeyCredential) {
    document.querySelectorAll("form[data-passkey]").forEach(prepare);
  }
})();
