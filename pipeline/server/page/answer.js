// The answer to one claim: what it is called, notes, and its evidence.

import { element, isolated } from "./elements.js";
import { claimWords } from "./marking.js";
import { pieceElement } from "./pieces.js";
import { counted, printable, summaryLine } from "./words.js";

const NOTHING = "Probably nothing relevant";

/** The notes of an answer, as sentences. */
export function notesOf(answer) {
  const notes = [...answer.notes];
  if (answer.nothing_relevant && !notes.some((note) => note.startsWith(NOTHING))) notes.unshift(`${NOTHING}.`);
  return notes;
}

/** The elements of an answer; `desk` is that of `pieceElement`, with `crumbs`, elements to go above, and `more`, a button or null. */
export function answerElements(answer, desk) {
  const words = claimWords(answer.claim);
  const head = element(
    "header",
    { class: "answer-head" },
    ...desk.crumbs,
    element("h2", { dir: "auto", tabindex: "-1", id: "answer-heading" }, isolated(printable(answer.claim))),
  );
  const line = summaryLine(answer);
  if (line !== null) head.append(element("p", { class: "verdict" }, element("b", {}, "Stance: "), line));
  for (const note of notesOf(answer)) head.append(element("p", { class: "note" }, isolated(printable(note))));
  const list = element("ol", { class: "evidence", role: "list", "aria-label": "Evidence, best first" });
  for (const hit of answer.evidence) list.append(element("li", {}, pieceElement(answer, hit, words, desk)));
  const parts = [head, list];
  if (!answer.evidence.length) {
    list.remove();
    parts[1] = element("p", { class: "nothing" }, "No evidence. Other words for the same thing, or fewer filters, may find some.");
  }
  parts.push(element("p", { class: "answer-foot soft" }, foundIn(answer), desk.more));
  return parts;
}

/** Where and how fast the answer was found. */
export function foundIn(answer) {
  const spent = Object.values(answer.timings_ms).reduce((sum, ms) => sum + ms, 0);
  const { path, generation, n_docs: n } = answer.index;
  return `${counted(answer.evidence.length, "piece")} from ${counted(n, "document")} of ${path}, generation ${generation}, in ${(spent / 1000).toFixed(2)} s `;
}
