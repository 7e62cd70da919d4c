// The form that asks for the server's token.

import { byId } from "./elements.js";

/** Ask for the token; promises it, or null if it is not given. `wasRefused` says that the one before was wrong. */
export function askForToken(wasRefused) {
  const dialog = byId("token");
  const input = byId("token-input");
  const fault = byId("token-problem");
  tell(wasRefused ? "The server does not accept that token." : "");
  dialog.showModal();
  input.focus();
  return new Promise((done) => {
    const finish = (token) => {
      input.value = "";
      stop.abort();
      dialog.close();
      done(token);
    };
    const stop = new AbortController();
    const { signal } = stop;
    byId("token-form").addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        const token = input.value.trim();
        if (!/^[!-~]+$/.test(token)) tell("A token is one word of letters, digits and signs.");
        else finish(token);
      },
      { signal },
    );
    byId("token-cancel").addEventListener("click", () => finish(null), { signal });
    dialog.addEventListener("cancel", () => finish(null), { signal });
  });

  function tell(words) {
    fault.textContent = words;
    fault.hidden = !words;
  }
}
