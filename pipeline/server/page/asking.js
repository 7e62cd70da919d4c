// The form: a question is written into it and read from it.

import { USUAL_K, conditionOf, emptyQuestion, linesOf } from "./address.js";
import { byId, element } from "./elements.js";
import { counted } from "./words.js";

let limits = { claim_characters: 10000, k: 1000 };

/** Offer the server's indexes, and keep to its limits. */
export function offer(described) {
  limits = described.limits;
  byId("k").max = String(limits.k);
  const select = byId("index");
  select.replaceChildren(
    ...described.indexes.map((index) => element("option", { value: index.name }, `${index.name} (${counted(index.n_docs, "document")})`)),
  );
  byId("index-control").hidden = described.indexes.length < 2;
  byId("side-control").hidden = described.indexes.every((index) => !index.models.stance);
}

export function write(question) {
  byId("claim").value = question.claims.join("\n");
  byId("one-claim").checked = !question.isList && linesOf(byId("claim").value).length > 1;
  const select = byId("index");
  if (question.index === null) select.selectedIndex = 0;
  else select.value = question.index;
  byId("before").value = question.before;
  byId("where").value = question.where.map(([field, value]) => `${field}=${value}`).join("; ");
  byId("side").value = question.sides.join(",");
  byId("k").value = String(question.k);
  fit();
}

/** The question in the form. Throws Error with a sentence for people if something in it cannot be asked. */
export function read() {
  const question = emptyQuestion();
  const text = byId("claim").value.trim();
  const lines = linesOf(text);
  if (!lines.length) throw new Error("Write a claim: a sentence to find evidence for.");
  question.isList = lines.length > 1 && !byId("one-claim").checked;
  question.claims = question.isList ? lines : [text];
  if (!question.isList && tooLong(text)) throw new Error(tooLong(text));
  const select = byId("index");
  question.index = select.selectedIndex > 0 ? select.value : null;
  question.before = byId("before").value.trim();
  question.where = conditions();
  question.sides = byId("side-control").hidden ? [] : byId("side").value.split(",").filter(Boolean);
  question.k = Number(byId("k").value);
  if (!Number.isInteger(question.k) || question.k < 1 || question.k > limits.k) {
    throw new Error(`Pieces: a whole number from 1 to ${limits.k.toLocaleString("en")}.`);
  }
  return question;
}

function condition(text) {
  const pair = conditionOf(text);
  if (pair === null) throw new Error(`Where: write field=value, such as source=Reuters; “${text}” has no field.`);
  return pair;
}

/** Why a claim is too long for the server, or null. Characters are counted as the server does, by code points. */
export function tooLong(claim) {
  if (claim.length <= limits.claim_characters) return null;
  const n = [...claim].length;
  if (n <= limits.claim_characters) return null;
  return `The claim has ${n.toLocaleString("en")} characters; the server takes ${limits.claim_characters.toLocaleString("en")}.`;
}

export function tellFault(words) {
  const fault = byId("claim-problem");
  fault.textContent = words ?? "";
  fault.hidden = !words;
}

/** Listen to the form; `submit()` is called when it is sent, and when its filters are cleared. */
export function listenToForm(submit) {
  const claim = byId("claim");
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  claim.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  byId("ask").addEventListener("input", fit);
  byId("clear").addEventListener("click", () => {
    const kept = byId("claim").value;
    write(emptyQuestion());
    byId("claim").value = kept;
    fit();
    if (kept.trim()) submit();
  });
}

/** Let the field grow with its text, say what several lines are taken for, and offer to clear what is set. */
function fit() {
  const claim = byId("claim");
  claim.style.height = "auto";
  claim.style.height = `${Math.min(claim.scrollHeight + 2, 320)}px`;
  byId("clear").hidden = !["before", "where", "side"].some((id) => byId(id).value) && byId("k").value === String(USUAL_K);
  const n = linesOf(claim.value).length;
  byId("one-claim-control").hidden = n < 2;
  const isList = n > 1 && !byId("one-claim").checked;
  byId("submit").textContent = isList ? `Find evidence for ${counted(n, "claim")}` : "Find evidence";
  tellFault(isList ? null : tooLong(claim.value.trim()));
}

/** The filters that count for a file of claims, as fields of a form. Throws Error as `read` does. */
export function filters() {
  const record = { k: byId("k").value };
  const select = byId("index");
  if (select.selectedIndex > 0) record.index = select.value;
  if (byId("before").value.trim()) record.before = byId("before").value.trim();
  const where = conditions();
  if (where.length) record.where = JSON.stringify(Object.fromEntries(where));
  return record;
}

function conditions() {
  const found = byId("where").value.split(";").map((part) => part.trim()).filter(Boolean).map(condition);
  const fields = found.map(([field]) => field);
  const twice = fields.find((field, at) => fields.indexOf(field) < at);
  if (twice !== undefined) throw new Error(`Where: ${twice} can have one value; it is given twice.`);
  return found;
}
