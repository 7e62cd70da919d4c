// Single keys, which a reader can turn off, and help on them.

import { byId } from "./elements.js";

const ITEMS = ".piece, .claim-item";

/** Listen to keys. Nothing is done while somebody writes, and modified keys are the browser's. */
export function listenToKeys() {
  const help = byId("help");
  byId("help-open").addEventListener("click", () => help.showModal());
  byId("help-close").addEventListener("click", () => help.close());
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]") || isWriting(event.target)) return;
    const item = event.target.closest?.(ITEMS) ?? null;
    if (act(event.key, item, event.target, help)) event.preventDefault();
  });
}

function isWriting(target) {
  return target.isContentEditable || target.matches?.("textarea, select, input:not([type=checkbox])");
}

function act(key, item, target, help) {
  // Arrow keys belong to the piece that has the focus; elsewhere they scroll.
  if (item === target && (key === "ArrowDown" || key === "ArrowUp")) return move(item, key === "ArrowDown" ? 1 : -1);
  if (item === target && key === "Enter") return open(item);
  if (!byId("keys-on").checked) return false;
  switch (key) {
    case "/":
      byId("claim").focus();
      byId("claim").select();
      return true;
    case "?":
      help.showModal();
      return true;
    case "j":
      return move(item, 1);
    case "k":
      return move(item, -1);
    default:
      return press(item, key);
  }
}

function move(item, step) {
  const items = [...document.querySelectorAll(ITEMS)];
  const at = item === null ? (step > 0 ? 0 : -1) : items.indexOf(item) + step;
  const next = items[at];
  if (next === undefined) return item !== null;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function open(item) {
  const link = item.querySelector("a.claim-link[href]");
  link?.click();
  return link !== null;
}

function press(item, key) {
  const button = [...(item?.querySelectorAll("[data-key]") ?? [])].find((one) => one.dataset.key === key);
  button?.click();
  return button !== undefined;
}
