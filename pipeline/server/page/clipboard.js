// The clipboard, or where the browser keeps it from the page, a field to copy from by hand.

import { byId } from "./elements.js";

/** Copy a text; returns whether it was, rather than shown to be copied by hand. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No secure context (http from another machine), or a browser that is locked down.
    const field = byId("by-hand-text");
    field.value = text;
    byId("by-hand").showModal();
    field.focus();
    field.select();
    return false;
  }
}

export function readyByHand() {
  byId("by-hand-close").addEventListener("click", () => byId("by-hand").close());
}
