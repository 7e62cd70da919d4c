// What a fact-checker takes along: pieces with their citation as plain text, and a ClaimReview to be filled in.

import { linkOf } from "./words.js";

const GROUPS = [
  ["for", "For the claim"],
  ["against", "Against the claim"],
  ["aside", "Set aside"],
];

/** Title, source, date, address and id of a piece, after its text in quotation marks. */
export function citation(hit) {
  const origin = [hit.title, hit.source, hit.date, hit.url, `[${hit.doc_id}]`].filter(Boolean).join(", ");
  return `“${hit.text}” — ${origin}`;
}

/** The findings as plain text; with nothing kept, all the evidence shown. */
export function plainText(answer, kept, note, address) {
  const lines = [`Claim: ${answer.claim}`, ""];
  if (note.trim()) lines.push(`Note: ${note.trim()}`, "");
  const groups = GROUPS.map(([side, heading]) => [heading, kept.filter((one) => one.side === side).map((one) => one.hit)]);
  const shown = kept.length ? groups : [["Evidence found, not judged", answer.evidence]];
  for (const [heading, hits] of shown) {
    if (!hits.length) continue;
    lines.push(`${heading}:`, ...hits.map((hit, number) => `${number + 1}. ${citation(hit)}`), "");
  }
  const { path, generation } = answer.index;
  lines.push(`Found with claimhound in index ${path}, generation ${generation}, ${today()}.`, address);
  return `${lines.join("\n")}\n`;
}

/**
 * The findings as ClaimReview in JSON-LD: a draft, whose rating, author and address are left empty, because claimhound
 * decides nothing. Pieces set aside are left out.
 */
export function claimReview(answer, kept, note) {
  const record = {
    "@context": "https://schema.org",
    "@type": "ClaimReview",
    creativeWorkStatus: "Draft",
    name: "DRAFT: rating, author, address and date are to be filled in",
    url: "",
    datePublished: "",
    author: { "@type": "Organization", name: "", url: "" },
    claimReviewed: answer.claim,
    itemReviewed: { "@type": "Claim", text: answer.claim, author: { "@type": "Person", name: "" }, datePublished: "", appearance: { "@type": "CreativeWork", url: "" } },
    reviewRating: { "@type": "Rating", alternateName: "", ratingValue: "", bestRating: "", worstRating: "" },
    reviewBody: note.trim(),
    citation: kept.filter((one) => one.side !== "aside").map(({ hit, side }) => cited(hit, side)),
  };
  return `${JSON.stringify(record, null, 2)}\n`;
}

function cited(hit, side) {
  const work = { "@type": "CreativeWork", identifier: hit.doc_id, text: hit.text, description: `evidence ${side} the claim` };
  if (hit.title) work.name = hit.title;
  if (hit.source) work.publisher = hit.source;
  if (hit.date) work.datePublished = hit.date;
  const link = linkOf(hit.url);
  if (link !== null) work.url = link;
  return work;
}

function today() {
  const now = new Date();
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}
