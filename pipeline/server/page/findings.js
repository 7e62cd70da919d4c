// What is kept for a claim and the note on it, in memory, and the panel that shows it.

import { byId, element } from "./elements.js";
import { originOf } from "./pieces.js";
import { printable } from "./words.js";

const GROUPS = [
  ["for", "For"],
  ["against", "Against"],
  ["aside", "Aside"],
];

const all = new Map();
let uncopied = false;

/** What is kept for the claim of an answer in its index: `pieces` by id, each `{hit, side}`, and `note`. */
export function findingsOn(answer) {
  const key = JSON.stringify([answer.index.path, answer.claim]);
  if (!all.has(key)) all.set(key, { pieces: new Map(), note: "" });
  return all.get(key);
}

/** Keep a piece on a side, or no longer if it is kept there. */
export function keep(findings, hit, side) {
  uncopied = true;
  if (findings.pieces.get(hit.doc_id)?.side === side) findings.pieces.delete(hit.doc_id);
  else findings.pieces.set(hit.doc_id, { hit, side });
}

export function writeNote(findings, text) {
  uncopied = true;
  findings.note = text;
}

/** Call when findings have been copied: leaving the page loses nothing then. */
export function wereCopied() {
  uncopied = false;
}

export function wouldBeLost() {
  return uncopied && [...all.values()].some(({ pieces, note }) => pieces.size || note.trim());
}

/** Show the findings in the panel; `drop(hit, side)` is called to keep a piece no longer. */
export function showFindings(findings, drop) {
  byId("findings").hidden = false;
  const kept = [...findings.pieces.values()];
  const parts = [];
  for (const [side, heading] of GROUPS) {
    const hits = kept.filter((one) => one.side === side).map((one) => one.hit);
    if (!hits.length) continue;
    parts.push(element("h3", { class: `kept-${side}` }, `${heading} (${hits.length})`));
    const list = element("ul", { role: "list" });
    for (const hit of hits) {
      list.append(
        element(
          "li",
          {},
          element("p", { class: "text", dir: "auto" }, printable(hit.text)),
          element("p", { class: "origin" }, ...originOf(hit)),
          element(
            "button",
            { type: "button", class: "plain", "aria-label": `Remove piece ${hit.doc_id}`, onclick: () => drop(hit, side) },
            "Remove",
          ),
        ),
      );
    }
    parts.push(list);
  }
  if (!parts.length) {
    parts.push(element("p", { class: "soft" }, "Mark pieces as for or against the claim, or set them aside: they are gathered here."));
  }
  byId("kept").replaceChildren(...parts);
  const note = byId("note");
  if (note.value !== findings.note) note.value = findings.note;
  byId("note-printed").textContent = findings.note;
}

export function hideFindings() {
  byId("findings").hidden = true;
}
