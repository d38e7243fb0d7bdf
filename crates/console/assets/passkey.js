// Passkeys: asks the browser for one where a page has a form for it, and sends what it answers. Every page works without it.
"use strict";
const bytesOf = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const textOf = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const listOf = (text) => (text || "").split(" ").filter(Boolean).map((id) => ({ type: "public-key", id: bytesOf(id) }));

async function answer(ask) {
  const challenge = bytesOf(ask.challenge);
  if (ask.passkey === "create") {
    const made = await navigator.credentials.create({ publicKey: {
      challenge,
      rp: { id: ask.host, name: ask.case },
      user: { id: bytesOf(ask.user), name: ask.name, displayName: ask.name },
      pubKeyCredParams: ask.algorithms.split(" ").map((alg) => ({ type: "public-key", alg: Number(alg) })),
      excludeCredentials: listOf(ask.credentials),
      authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
      attestation: "none",
    } });
    return { attestation: textOf(made.response.attestationObject), client_data: textOf(made.response.clientDataJSON) };
  }
  const said = await navigator.credentials.get({ publicKey: {
    challenge, rpId: ask.host, allowCredentials: listOf(ask.credentials), userVerification: "required",
  } });
  return {
    credential: textOf(said.rawId),
    authenticator_data: textOf(said.response.authenticatorData),
    client_data: textOf(said.response.clientDataJSON),
    assertion: textOf(said.response.signature),
  };
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const told = form.querySelector("[role=alert]");
  if (!window.PublicKeyCredential) continue;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    told.textContent = "";
    try {
      for (const [name, value] of Object.entries(await answer(form.dataset))) form.elements[name].value = value;
    } catch (error) {
      told.textContent = `${form.dataset.failed} (${error.name})`;
      return;
    }
    form.submit();
  });
}
