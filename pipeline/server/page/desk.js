// The desk: what the address asks is answered, shown and worked with.

import { emptyQuestion, fragmentOf, questionOf, searchOf } from "./address.js";
import { answerElements } from "./answer.js";
import * as form from "./asking.js";
import { citation, claimReview, plainText } from "./citing.js";
import { claimList } from "./claim_list.js";
import { copyText, readyByHand } from "./clipboard.js";
import { byId, element } from "./elements.js";
import { findingsOn, hideFindings, keep, showFindings, wereCopied, wouldBeLost, writeNote } from "./findings.js";
import { startJobs } from "./jobs.js";
import { listenToKeys } from "./keyboard.js";
import { showKept } from "./pieces.js";
import { getJson, onTokenNeeded, onWaiting, search, searchAll } from "./server.js";
import { askForToken } from "./token_form.js";
import { counted } from "./words.js";

const MOST_REMEMBERED = 200;
const MORE = [10, 20, 50, 100, 200, 500, 1000];
// What was asked in this tab, by fragment: going back shows it again without asking.
const asked = new Map();
let limits = { claims: 1000, body_bytes: 4000000, k: 1000 };
let current = null;

/** Something asked: answers by the number of their claim, `refused` likewise, and why it ended early. */
function newAsked(fragment, question) {
  return {
    fragment,
    question,
    answers: new Map(),
    refused: new Map(),
    state: "new",
    error: null,
    list: null, // the list that this claim was opened from, with the claim's number
    stop: new AbortController(),
    scroll: 0,
  };
}

function remember(one) {
  asked.delete(one.fragment);
  asked.set(one.fragment, one);
  for (const [fragment, old] of asked) {
    if (asked.size <= MOST_REMEMBERED) break;
    if (old !== one && old !== one.list?.from && old.state !== "running") asked.delete(fragment);
  }
}

/* Asking */

function submit() {
  let question;
  try {
    question = form.read();
  } catch (error) {
    form.tellFault(error.message);
    byId("claim").focus();
    return;
  }
  form.tellFault(null);
  go(question, { fresh: true, focus: true });
}

/** Go to a question's address; `fresh` asks again what was asked before. */
function go(question, { fresh = false, focus = false } = {}) {
  // Too long for an address: a word stands for it, which means nothing in another tab.
  const fragment = fragmentOf(question) ?? `list=${asked.size + 1}`;
  const known = asked.get(fragment);
  if (known === undefined || fresh) {
    known?.stop.abort();
    remember(newAsked(fragment, question));
  }
  if (decodeURIComponentOrNot(location.hash.slice(1)) !== decodeURIComponentOrNot(fragment)) {
    history.pushState(null, "", `#${fragment}`);
  }
  follow({ focus });
}

function decodeURIComponentOrNot(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Show what the address asks. */
function follow({ focus = false } = {}) {
  const fragment = location.hash.slice(1);
  if (current !== null) {
    current.scroll = scrollY;
    if (!current.question.isList && current.state === "running" && current.fragment !== fragment) current.stop.abort();
  }
  if (!fragment) {
    current = null;
    form.write(emptyQuestion());
    showNothing();
    return;
  }
  let one = asked.get(fragment);
  if (one === undefined) {
    if (fragment.startsWith("list=")) {
      current = null;
      showNothing();
      tellProblem("These claims were too long for an address, and this tab no longer has them: paste them again.");
      return;
    }
    one = newAsked(fragment, questionOf(fragment));
    remember(one);
  }
  current = one;
  byId("welcome").hidden = true;
  showRunning(one.state === "running");
  form.write(one.question);
  if (!one.question.claims.length) {
    showNothing();
    return;
  }
  if (one.state === "stopped") {
    one.stop = new AbortController();
    one.state = "new";
    one.error = null;
  }
  if (one.question.isList) showList(one, focus);
  else showClaim(one, focus);
}

function showNothing() {
  document.title = "claimhound";
  byId("result").replaceChildren();
  byId("reading").hidden = true;
  byId("copy-link").hidden = true;
  byId("welcome").hidden = false;
  tellProblem(null);
  tell("");
  hideFindings();
  showRunning(false);
}

/* One claim */

async function showClaim(one, focus) {
  const claim = one.question.claims[0];
  document.title = `${claim.slice(0, 80)} – claimhound`;
  tellProblem(null);
  if (one.state === "new") {
    await run(one, async () => {
      tell("Looking for evidence…");
      one.answers.set(0, await search({ ...searchOf(one.question), claim }, one.stop.signal));
    });
  }
  if (current !== one) return;
  if (one.answers.has(0)) showAnswer(one, focus);
  else if (one.state !== "running") showFailure(one);
}

function showAnswer(one, focus) {
  const answer = one.answers.get(0);
  const findings = findingsOn(answer);
  const desk = deskOf(one, answer, findings);
  const result = byId("result");
  const before = document.activeElement?.closest?.(".answer-foot") ? result.querySelectorAll(".piece").length : null;
  result.replaceChildren(...answerElements(answer, desk));
  showKept(result, answer, desk);
  showFindings(findings, desk.keep);
  showReading(answer.evidence.some((hit) => hit.stages.rerank), answer.summary !== null, answer.evidence.length > 0);
  const n = answer.evidence.length;
  tell(n ? `${counted(n, "piece")} of evidence` : "No evidence was found");
  if (before !== null && focus) result.querySelectorAll(".piece")[before]?.focus();
  else if (focus) byId("answer-heading").focus({ preventScroll: true });
}

function deskOf(one, answer, findings) {
  const desk = {
    keptAs: (hit) => findings.pieces.get(hit.doc_id)?.side ?? null,
    keep(hit, side) {
      keep(findings, hit, side);
      showFindings(findings, desk.keep);
      showKept(byId("result"), answer, desk);
      const now = desk.keptAs(hit);
      tell(now === null ? "No longer kept" : now === "aside" ? "Set aside" : `Kept ${now} the claim`);
    },
    neighbours(hit, n) {
      const query = new URLSearchParams({ context: String(n), index: answer.index.path });
      return getJson(`v1/documents/${encodeURIComponent(hit.doc_id)}?${query}`, one.stop.signal);
    },
    copy: (hit) => copied(`${citation(hit)}\n`, `Piece ${hit.rank} copied with its source`),
    crumbs: crumbsOf(one),
    more: moreOf(one, answer),
  };
  return desk;
}

/** The way back to the list, and to its other claims, if the claim was opened from one. */
function crumbsOf(one) {
  if (one.list === null) return [];
  const { from, number } = one.list;
  const n = from.question.claims.length;
  const crumbs = element("p", { class: "crumbs" }, element("a", { href: `#${from.fragment}` }, `← All ${counted(n, "claim")}`));
  for (const [step, words] of [[-1, "Previous"], [1, "Next"]]) {
    const href = hrefInList(from, number + step);
    if (href !== null) crumbs.append(element("a", { href }, `${words} claim`));
  }
  return [crumbs];
}

function moreOf(one, answer) {
  const k = MORE.find((more) => more > one.question.k && more <= limits.k);
  if (answer.evidence.length < one.question.k || k === undefined) return null;
  const button = element("button", { type: "button" }, `Show up to ${k.toLocaleString("en")}`);
  button.addEventListener("click", () => {
    const question = { ...one.question, k };
    go(question, { focus: true });
    const next = asked.get(location.hash.slice(1));
    if (next !== undefined) next.list = one.list;
  });
  return button;
}

/* A list of claims */

function showList(one, focus) {
  const { claims } = one.question;
  document.title = `${counted(claims.length, "claim")} – claimhound`;
  tellProblem(null);
  hideFindings();
  const list = claimList(claims);
  byId("result").replaceChildren(...list.elements);
  one.view = list;
  showReading(true, true, true);
  for (const [number, answer] of one.answers) showInList(one, number, answer);
  for (const [number, words] of one.refused) list.refuse(number, words);
  if (focus) byId("answer-heading").focus({ preventScroll: true });
  else requestAnimationFrame(() => scrollTo(0, one.scroll));
  if (one.state === "new") runList(one);
  else if (one.state !== "running" && one.error !== null) showFailure(one);
  else if (one.state === "done") tell(`All ${counted(claims.length, "claim")} answered`);
}

async function runList(one) {
  const { claims } = one.question;
  const wanted = [];
  claims.forEach((claim, number) => {
    const why = form.tooLong(claim);
    if (one.answers.has(number) || one.refused.has(number)) return;
    if (why === null) wanted.push(number);
    else refuse(one, number, why);
  });
  await run(one, async () => {
    tell(`Looking for evidence on ${counted(wanted.length, "claim")}…`);
    const texts = wanted.map((number) => claims[number]);
    let told = performance.now();
    for await (const [at, answer] of searchAll(searchOf(one.question), texts, limits, one.stop.signal)) {
      one.answers.set(wanted[at], answer);
      if (current !== one) continue;
      showInList(one, wanted[at], answer);
      // A screen reader would otherwise read on without an end.
      if (performance.now() - told > 5000) {
        told = performance.now();
        tell(`${one.answers.size} of ${claims.length} claims answered`);
      }
    }
  });
  if (current !== one) return;
  if (one.error === null && one.state === "done") tell(`All ${counted(claims.length, "claim")} answered`);
  else showFailure(one);
}

function showInList(one, number, answer) {
  const question = { ...one.question, claims: [one.question.claims[number]], isList: false };
  const fragment = fragmentOf(question) ?? `list=${number + 1}of-${one.fragment}`;
  if (asked.get(fragment)?.answers.get(0) !== answer) {
    const single = newAsked(fragment, question);
    single.answers.set(0, answer);
    single.state = "done";
    single.list = { from: one, number };
    asked.set(fragment, single);
  }
  one.view.show(number, answer, `#${fragment}`, findingsOn(answer).pieces.size);
}

function hrefInList(from, number) {
  if (!from.answers.has(number)) return null;
  const question = { ...from.question, claims: [from.question.claims[number]], isList: false };
  const fragment = fragmentOf(question);
  return fragment === null ? null : `#${fragment}`;
}

function refuse(one, number, words) {
  one.refused.set(number, words);
  one.view.refuse(number, words);
}

/* What both have in common */

async function run(one, work) {
  one.state = "running";
  showRunning(true);
  try {
    await work();
    one.state = "done";
  } catch (error) {
    one.state = "stopped";
    one.error = error;
  } finally {
    if (current === one) showRunning(false);
  }
}

function showRunning(isRunning) {
  byId("result").setAttribute("aria-busy", String(isRunning));
  byId("stop").hidden = !isRunning;
}

function showFailure(one) {
  if (!one.question.isList) {
    byId("result").replaceChildren();
    byId("reading").hidden = true;
    hideFindings();
  }
  tell("");
  if (one.error?.name === "AbortError") tellProblem("Stopped.", () => follow());
  else tellProblem(sentence(one.error.message), () => follow());
}

function sentence(words) {
  const whole = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

function tell(words) {
  byId("status").textContent = words;
}

function tellProblem(words, again = null) {
  const place = byId("problem");
  place.hidden = words === null;
  place.replaceChildren();
  if (words === null) return;
  place.append(element("p", { dir: "auto" }, words));
  if (again !== null) place.append(element("button", { type: "button", onclick: again }, "Try again"));
}

function showReading(hasProbabilities, hasStance, isShown) {
  byId("copy-link").hidden = location.hash.startsWith("#list=");
  byId("reading").hidden = !(isShown && hasProbabilities);
  byId("reading-stance").hidden = !hasStance;
}

async function copied(text, words) {
  if (await copyText(text)) tell(words);
}

function listenToFindings() {
  const shown = () => current?.answers.get(0);
  byId("note").addEventListener("input", (event) => {
    writeNote(findingsOn(shown()), event.target.value);
    byId("note-printed").textContent = event.target.value;
  });
  byId("copy-text").addEventListener("click", () => {
    const { pieces, note } = findingsOn(shown());
    wereCopied();
    copied(plainText(shown(), [...pieces.values()], note, location.href), "Copied as text");
  });
  byId("copy-review").addEventListener("click", () => {
    const { pieces, note } = findingsOn(shown());
    wereCopied();
    copied(claimReview(shown(), [...pieces.values()], note), "ClaimReview draft copied: rating and author are left empty");
  });
  addEventListener("beforeunload", (event) => {
    if (wouldBeLost()) event.preventDefault();
  });
}

async function start() {
  onTokenNeeded(askForToken);
  onWaiting((seconds) => tell(`The server is busy: asking again in ${seconds} s`));
  listenToKeys();
  form.listenToForm(submit);
  listenToFindings();
  readyByHand();
  byId("copy-link").addEventListener("click", () => copied(location.href, "Link copied"));
  byId("stop").addEventListener("click", () => current?.stop.abort());
  byId("skip").addEventListener("click", () => (byId("answer-heading") ?? byId("result")).focus());
  addEventListener("popstate", () => follow());
  await open();
}

async function open() {
  tellProblem(null);
  let described;
  try {
    described = await getJson("v1/indexes");
  } catch (error) {
    tellProblem(sentence(error.message), open);
    return;
  }
  limits = described.limits;
  form.offer(described);
  byId("corpus").textContent = described.indexes
    .slice(0, 3)
    .map((index) => `${index.name} · ${counted(index.n_docs, "document")}`)
    .join("   ");
  startJobs(() => form.filters());
  follow();
  if (!location.hash) byId("claim").focus();
}

start();
