// The words in which answers are told: those of `claimhound search` in a terminal.

/** A probability in two digits, but never rounded to 0 or 1. */
export function probability(value) {
  const shown = value.toFixed(2);
  if (shown === "0.00") return "<.01";
  if (shown === "1.00") return ">.99";
  return shown.replace(/^0/, "");
}

export const STAGES = [
  ["bm25", "by words (bm25)", 1],
  ["dense", "by meaning (dense)", 2],
  ["fused", "both together (fused)", 4],
  ["rerank", "read with the claim (rerank)", 3],
];

export const SIDES = {
  supports: { mark: "+", word: "supports", label: "SUPPORTS" },
  refutes: { mark: "−", word: "refutes", label: "REFUTES" },
  neither: { mark: "~", word: "neither", label: "NOT_ENOUGH_INFO" },
};

/** Which side the answer's summary lists a piece on: only then is it called so. Null without a stance model. */
export function sideOf(answer, hit) {
  if (answer.summary === null) return null;
  if (answer.summary.supports.includes(hit.doc_id)) return "supports";
  return answer.summary.refutes.includes(hit.doc_id) ? "refutes" : "neither";
}

/** `DISPUTED (for: #2; against: #1, #3)`; null where the terminal says nothing. */
export function summaryLine(answer) {
  if (answer.summary === null || answer.summary.label === "NOT_ENOUGH_INFO") return null;
  const ranks = (ids) => answer.evidence.filter((hit) => ids.includes(hit.doc_id)).map((hit) => `#${hit.rank}`);
  const sides = [["for", answer.summary.supports], ["against", answer.summary.refutes]]
    .map(([word, ids]) => [word, ranks(ids)])
    .filter(([, found]) => found.length)
    .map(([word, found]) => `${word}: ${found.join(", ")}`);
  return sides.length ? `${answer.summary.label} (${sides.join("; ")})` : answer.summary.label;
}

/** Whether a score is a probability: it is if a reranker read the piece. */
export function isProbability(hit) {
  return hit.score !== null && hit.stages.rerank != null;
}

export function scoreOf(hit) {
  if (hit.score === null) return "none";
  return isProbability(hit) ? `p ${probability(hit.score)}` : `score ${Number(hit.score.toPrecision(3))}`;
}

export function counted(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/**
 * The text without characters that hide or reorder others, in one line, as the terminal shows it. Joiners stay, since
 * scripts and emoji need them; control characters are spelt out.
 */
export function printable(text) {
  return text
    .replace(/\s/gu, " ")
    .replace(/(?![\u200c\u200d])\p{Cf}/gu, "")
    .replace(/[\p{Cc}\p{Cs}]/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** An address only if it is http or https and leads where it appears to: no user name before the host. */
export function linkOf(url) {
  if (!url || printable(url) !== url || !/^https?:\/\/[^\s/?#@\\]+([/?#]\S*)?$/iu.test(url)) return null;
  try {
    return new URL(url).href;
  } catch {
    return null;
  }
}

export function hostOf(link) {
  return new URL(link).host;
}
