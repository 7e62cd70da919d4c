// The page's address: its fragment holds the claim and the filters, and never reaches a server.

const LONGEST = 8000; // characters of a fragment that browsers, chats and mails pass on whole
export const USUAL_K = 5;

/** What is asked: claims, index (null for the first), before, where as [field, value] pairs, sides and k. */
export function emptyQuestion() {
  return { claims: [], isList: false, index: null, before: "", where: [], sides: [], k: USUAL_K };
}

/** The fragment of a question; null if it is too long for an address. */
export function fragmentOf(question) {
  const state = new URLSearchParams();
  if (question.isList) state.set("claims", question.claims.join("\n"));
  else if (question.claims.length) state.set("claim", question.claims[0]);
  if (question.index !== null) state.set("index", question.index);
  if (question.before) state.set("before", question.before);
  for (const [field, value] of question.where) state.append("where", `${field}=${value}`);
  if (question.sides.length) state.set("side", question.sides.join(","));
  if (question.k !== USUAL_K) state.set("k", String(question.k));
  const fragment = state.toString();
  return fragment.length > LONGEST ? null : fragment;
}

/** The question of a fragment; what cannot be read in it is left at its default. */
export function questionOf(fragment) {
  const state = new URLSearchParams(fragment);
  const question = emptyQuestion();
  if (state.has("claims")) {
    question.claims = linesOf(state.get("claims"));
    question.isList = true;
  } else if (state.get("claim")?.trim()) {
    question.claims = [state.get("claim")];
  }
  question.index = state.get("index");
  question.before = state.get("before") ?? "";
  question.where = state.getAll("where").map(conditionOf).filter((pair) => pair !== null);
  question.sides = ["SUPPORTS", "REFUTES"].filter((side) => (state.get("side") ?? "").split(",").includes(side));
  const k = Number(state.get("k"));
  if (Number.isInteger(k) && k > 0) question.k = k;
  return question;
}

/** The claims of a text with one on each line. */
export function linesOf(text) {
  return text.split(/\r\n|[\n\r]/).map((line) => line.trim()).filter(Boolean);
}

/** `source=Reuters` as a pair; null for what has no field. */
export function conditionOf(text) {
  const at = text.indexOf("=");
  return at > 0 ? [text.slice(0, at).trim(), text.slice(at + 1).trim()] : null;
}

/** The body of the search that a question is, its claims apart. */
export function searchOf(question) {
  const record = { k: question.k };
  if (question.index !== null) record.index = question.index;
  if (question.before) record.before = question.before;
  if (question.where.length) record.where = Object.fromEntries(question.where);
  if (question.sides.length) record.sides = question.sides;
  return record;
}
