// A list of claims, each with its best evidence as it is found.

import { element, isolated } from "./elements.js";
import { claimWords } from "./marking.js";
import { markedText, originOf } from "./pieces.js";
import { notesOf } from "./answer.js";
import { SIDES, counted, printable, scoreOf, sideOf, summaryLine } from "./words.js";

/** The list, empty of answers: `show(number, answer, href, nKept)` fills in a claim's, `refuse(number, words)` says why there is none. */
export function claimList(claims) {
  const heading = element("h2", { tabindex: "-1", id: "answer-heading" }, counted(claims.length, "claim"));
  const progress = element("progress", { max: claims.length, value: 0, "aria-label": "Claims answered" });
  const told = element("span", { class: "soft" });
  const list = element("ol", { class: "claims", role: "list" });
  const items = claims.map((claim, number) => {
    const link = element("a", { class: "claim-link", dir: "auto" }, isolated(printable(claim)));
    const best = element("div", { class: "best soft" }, "waiting");
    const article = element(
      "article",
      { class: "claim-item", tabindex: "-1", "aria-label": `Claim ${number + 1}` },
      element("span", { class: "number", "aria-hidden": "true" }, `${number + 1}`),
      element("div", {}, element("h3", {}, link), best),
    );
    list.append(element("li", {}, article));
    return { link, best };
  });
  let done = 0;
  const answered = () => {
    done += 1;
    progress.value = done;
    told.textContent = done < claims.length ? `${done} of ${claims.length} answered` : "all answered";
  };
  return {
    elements: [element("header", { class: "answer-head" }, heading, element("p", { class: "progress" }, progress, " ", told)), list],
    show(number, answer, href, nKept) {
      const { link, best } = items[number];
      link.href = href;
      best.classList.remove("soft");
      best.replaceChildren(...bestOf(answer, nKept));
      answered();
    },
    refuse(number, words) {
      items[number].best.replaceChildren(element("p", { class: "fault" }, words));
      answered();
    },
  };
}

function bestOf(answer, nKept) {
  const parts = [];
  const line = summaryLine(answer);
  if (line !== null) parts.push(element("p", { class: "verdict" }, element("b", {}, "Stance: "), line));
  const [hit] = answer.evidence;
  if (hit === undefined) {
    const [note] = notesOf(answer);
    parts.push(element("p", { class: "soft" }, "No evidence. ", note ? isolated(printable(note)) : ""));
  } else {
    const side = sideOf(answer, hit);
    const stance = side === null ? "" : ` ${SIDES[side].mark} ${SIDES[side].word}`;
    parts.push(
      element("p", { class: "text", dir: "auto" }, ...markedText(printable(hit.text), claimWords(answer.claim))),
      element("p", { class: "origin" }, element("b", {}, `${scoreOf(hit)}${stance}`), " · ", ...originOf(hit)),
    );
  }
  const more = [];
  if (answer.evidence.length > 1) more.push(`${counted(answer.evidence.length - 1, "more piece")}`);
  if (nKept) more.push(`${nKept} kept`);
  if (more.length) parts.push(element("p", { class: "soft" }, more.join(" · ")));
  return parts;
}
