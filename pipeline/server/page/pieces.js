// A piece of evidence: its text with the claim's words marked, where it comes from, and what can be done with it.

import { bar, element, isolated, joined } from "./elements.js";
import { marked, sharedWords } from "./marking.js";
import { SIDES, STAGES, counted, hostOf, isProbability, linkOf, printable, probability, scoreOf, sideOf } from "./words.js";

const NEIGHBOURS = 2;
const KEEPING = [
  ["for", "For", "f"],
  ["against", "Against", "a"],
  ["aside", "Aside", "s"],
];

/**
 * The element of a piece. `desk` has what its buttons do: `keep(hit, side)`, `keptAs(hit)`, `neighbours(hit, n)`, which
 * promises the document with its context, and `copy(hit)`.
 */
export function pieceElement(answer, hit, words, desk) {
  const side = sideOf(answer, hit);
  const text = element("p", { class: "text", dir: "auto" }, ...markedText(printable(hit.text), words));
  const article = element(
    "article",
    { class: "piece", tabindex: "-1", "aria-label": labelOf(hit, side), "data-doc-id": hit.doc_id },
    placeOf(hit, side),
    element(
      "div",
      { class: "body" },
      element("div", { class: "passage" }, text),
      element("p", { class: "origin" }, ...originOf(hit)),
      copiesOf(hit),
      cutOf(hit),
      actionsOf(answer, hit, desk),
    ),
  );
  return article;
}

/** Show on each piece below `root` whether, and as what, it is kept. */
export function showKept(root, answer, desk) {
  for (const article of root.querySelectorAll(".piece")) {
    const hit = answer.evidence.find((one) => one.doc_id === article.dataset.docId);
    const kept = hit === undefined ? null : desk.keptAs(hit);
    article.classList.toggle("is-kept", kept !== null);
    for (const button of article.querySelectorAll("[data-keep]")) {
      button.setAttribute("aria-pressed", String(button.dataset.keep === kept));
    }
  }
}

export function markedText(text, words) {
  return marked(text, words).map(([part, isMarked]) => (isMarked ? element("mark", {}, part) : part));
}

/** Title, host, source, date and id; the title, or without one the address itself, is the link. */
export function originOf(record) {
  const link = linkOf(record.url);
  const title = record.title ? printable(record.title) : null;
  const parts = [];
  if (link !== null) {
    const shown = title ?? printable(record.url);
    parts.push(
      element("a", { href: link, target: "_blank", rel: "noopener noreferrer", class: title ? null : "whole" }, isolated(shown)),
    );
    if (title) parts.push(isolated(hostOf(link)));
  } else {
    for (const text of [title, record.url && printable(record.url)]) if (text) parts.push(isolated(text));
  }
  for (const text of [record.source, record.date]) if (text) parts.push(isolated(printable(text)));
  parts.push(element("bdi", { class: "doc-id" }, printable(record.doc_id)));
  return joined(parts, " · ");
}

function labelOf(hit, side) {
  const stance = side === null ? "" : `, ${SIDES[side].word}`;
  return `Evidence ${hit.rank}, ${scoreOf(hit)}${stance}`;
}

function placeOf(hit, side) {
  const place = element(
    "div",
    { class: "place" },
    element("p", {}, element("span", { class: "rank" }, `${hit.rank}`), " ", element("b", {}, scoreOf(hit))),
    isProbability(hit) ? bar("relevance", hit.score) : null,
  );
  if (side !== null) {
    const { mark, word, label } = SIDES[side];
    const sure = side === "neither" || hit.stance === null ? "" : ` ${probability(hit.stance.probabilities[label])}`;
    place.append(element("p", { class: `side ${side}` }, element("span", { "aria-hidden": "true" }, `${mark} `), `${word}${sure}`));
  }
  if (hit.stance !== null) place.append(stanceStrip(hit.stance.probabilities));
  return place;
}

function stanceStrip(probabilities) {
  const words = Object.values(SIDES).map(({ word, label }) => `${word} ${probability(probabilities[label] ?? 0)}`);
  const strip = element("span", { class: "strip", role: "img", "aria-label": `Stance: ${words.join(", ")}`, title: words.join(", ") });
  for (const [name, { label }] of Object.entries(SIDES)) {
    const part = element("span", { class: name });
    part.style.setProperty("flex-grow", String(probabilities[label] ?? 0));
    strip.append(part);
  }
  return strip;
}

function copiesOf(hit) {
  if (!hit.n_copies) return null;
  const list = element("ul", {});
  for (const copy of hit.copies) {
    const item = element("li", {}, element("p", { class: "origin" }, ...originOf(copy)));
    if (copy.text !== undefined) item.append(element("p", { class: "copy-text", dir: "auto" }, printable(copy.text)));
    list.append(item);
  }
  if (hit.n_copies > hit.copies.length) {
    list.append(element("li", {}, `and ${counted(hit.n_copies - hit.copies.length, "more copy", "more copies")}`));
  }
  return element("details", { class: "copies" }, element("summary", {}, `and ${counted(hit.n_copies, "copy", "copies")}`), list);
}

function cutOf(hit) {
  const model = hit.truncated ? "reranker" : hit.stance?.truncated ? "stance model" : null;
  if (model === null) return null;
  return element("p", { class: "warning" }, `Cut for the ${model}: claim and evidence are too long together.`);
}

function actionsOf(answer, hit, desk) {
  const why = whyOf(answer, hit);
  const actions = element("div", { class: "actions" });
  const keeping = element("div", { class: "keeping", role: "group", "aria-label": `Keep piece ${hit.rank}` });
  for (const [side, word, key] of KEEPING) {
    keeping.append(
      element(
        "button",
        { type: "button", "data-keep": side, "data-key": key, "aria-pressed": "false", onclick: () => desk.keep(hit, side) },
        word,
      ),
    );
  }
  const neighbours = element("button", { type: "button", class: "plain", "data-key": "n", "aria-expanded": "false" }, "Neighbours");
  neighbours.addEventListener("click", () => toggleNeighbours(neighbours, hit, desk));
  const explain = element("button", { type: "button", class: "plain", "data-key": "w", "aria-expanded": "false" }, "Why is this here");
  explain.addEventListener("click", () => {
    why.hidden = !why.hidden;
    explain.setAttribute("aria-expanded", String(!why.hidden));
  });
  const copy = element("button", { type: "button", class: "plain", "data-key": "c", onclick: () => desk.copy(hit) }, "Copy");
  actions.append(keeping, neighbours, explain, copy);
  return element("div", {}, actions, why);
}

async function toggleNeighbours(button, hit, desk) {
  const passage = button.closest(".body").querySelector(".passage");
  const isOpen = button.getAttribute("aria-expanded") === "true";
  for (const old of passage.querySelectorAll(".neighbour")) old.remove();
  button.setAttribute("aria-expanded", String(!isOpen));
  if (isOpen) return;
  const words = (note) => element("p", { class: "neighbour soft" }, note);
  const waiting = words("Fetching its neighbours…");
  passage.append(waiting);
  try {
    const { context } = await desk.neighbours(hit, NEIGHBOURS);
    if (!waiting.isConnected) return; // closed meanwhile
    const shown = (document) => element("p", { class: "neighbour", dir: "auto" }, printable(document.text));
    passage.prepend(...context.before.map(shown));
    passage.append(...context.after.map(shown));
    if (!context.before.length && !context.after.length) passage.append(words("No neighbours: it is a text of its own."));
  } catch (error) {
    if (error.name === "AbortError") return;
    passage.append(words(error.message));
  } finally {
    waiting.remove();
  }
}

function whyOf(answer, hit) {
  const { shared, lacking } = sharedWords(answer.claim, hit.text);
  const list = element("dl", { class: "why", hidden: true });
  const row = (name, ...values) => list.append(element("div", {}, element("dt", {}, name), element("dd", {}, ...values)));
  row("Shares", shared.length ? isolated(printable(shared.join(", "))) : "no word");
  if (lacking.length) row("Lacks", isolated(printable(lacking.join(", "))));
  for (const [name, words, digits] of STAGES) {
    const place = hit.stages[name];
    row(words, place ? `#${place.rank} (${place.score === null ? "none" : place.score.toFixed(digits)})` : missing(answer, name));
  }
  if (hit.stance !== null) {
    for (const { mark, word, label } of Object.values(SIDES)) {
      const value = hit.stance.probabilities[label] ?? 0;
      row(`Stance: ${mark} ${word}`, element("span", { class: "figure" }, probability(value)), bar("stance", value));
    }
  }
  for (const [name, value] of Object.entries(hit.fields)) {
    row(isolated(printable(name)), isolated(printable(typeof value === "string" ? value : JSON.stringify(value))));
  }
  return list;
}

/** Why a stage has no place for a piece: it did not run, or did not find it. */
function missing(answer, stage) {
  const model = { dense: "encoder", fused: "encoder", rerank: "reranker" }[stage];
  return model !== undefined && !answer.models[model] ? "off" : "not found";
}
