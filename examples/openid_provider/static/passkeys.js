"use strict";
// Shows the forms that need passkeys, and fills in what the authenticator answers.
if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  for (const form of document.querySelectorAll("form.passkey")) {
    form.hidden = false;
    if (form.dataset.get || form.dataset.create) {
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        answer(form);
      });
    }
  }
}

async function answer(form) {
  const problem = form.querySelector("[role=alert]");
  problem.hidden = true;
  try {
    const credential = await ask(form.dataset);
    form.elements.answer.value = JSON.stringify(credential);
    form.submit();
  } catch {
    problem.hidden = false; // cancelled, too late, or there is none
  }
}

function ask({ get, create }) {
  const { credentials } = navigator;
  if (get) {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(get));
    return credentials.get({ publicKey });
  }
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(create));
  return credentials.create({ publicKey });
}
