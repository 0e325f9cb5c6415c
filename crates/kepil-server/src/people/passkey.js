// Lets a page use passkeys. The page is whole without it: what needs a script is hidden until
// this one has found that the browser can do it.
for (const form of document.querySelectorAll("form[data-passkey]")) {
  const able = window.PublicKeyCredential?.parseRequestOptionsFromJSON;
  if (!able) continue;
  form.hidden = false;
  const said = form.querySelector("[role=status]");
  const ask = async (step, body) => {
    const answer = await fetch(`${form.action}/${step}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = form.dataset.wait;
    const fields = Object.fromEntries(new FormData(form));
    try {
      const { ticket, options } = await ask("start", fields);
      const { publicKey } = options;
      const credential =
        form.dataset.passkey === "add"
          ? await navigator.credentials.create({
              publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey),
            })
          : await navigator.credentials.get({
              publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey),
            });
      const { to } = await ask("finish", { ticket, credential: credential.toJSON(), then: fields.then });
      location.assign(to);
    } catch (error) {
      // What the device says is for the console; the page says what to do.
      console.info(error);
      said.textContent = form.dataset.failed;
    }
  });
}
