// The claim's words in a text: rougher than the index, which stems and knows numbers and acronyms.
//
// Two words match if they are equal, case folded, or if they begin alike: at least four letters, after which the shorter
// word has one letter more at most and the longer one four. So `vaccine` marks `vaccines` and `vaccinated`, and now and
// then `state` marks `station`: the marks help the eye, and decide nothing. In scripts without spaces, pairs of
// characters match.

const WORD = /\p{N}+(?:[.,]\p{N}+)*|[\p{L}\p{M}\p{N}]+/gu;
const UNSPACED = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]{2,}$/u;
const LEAST_ALIKE = 4;
const LONGEST_ENDING = 4;
const STOP_WORDS = new Set(
  (
    "a about all also an and any are around as at be been but by can could did do does for from had has have he her his " +
    "i if in into is it its just may might more most no not of on only or our out over she since so some such than that " +
    "the their them then there these they this to up very was we were what when which who will with would you your"
  ).split(" "),
);

function folded(word) {
  return word.normalize("NFKC").toLowerCase().replace(/(?<=\p{N}),(?=\p{N})/gu, "");
}

function matches(word, other) {
  if (word === other) return true;
  const [short, long] = word.length <= other.length ? [word, other] : [other, word];
  if (short.length < LEAST_ALIKE || long.length - short.length > LONGEST_ENDING || /^\p{N}/u.test(short)) return false;
  let alike = 0;
  while (alike < short.length && short[alike] === long[alike]) alike += 1;
  return alike >= LEAST_ALIKE && short.length - alike <= 1 && long.length - alike <= LONGEST_ENDING;
}

/** The claim's words to look for: those that are not stop words, or all if there are no others. */
export function claimWords(claim) {
  const all = [...new Set(Array.from(claim.matchAll(WORD), (found) => folded(found[0])))];
  const telling = all.filter((word) => !STOP_WORDS.has(word));
  const words = telling.length ? telling : all;
  const pairs = new Set();
  for (const word of words.filter((one) => UNSPACED.test(one))) {
    const letters = [...word];
    for (let at = 0; at + 1 < letters.length; at += 1) pairs.add(letters[at] + letters[at + 1]);
  }
  return { words, pairs };
}

/** The text in parts, `[text, isMarked]`, whose texts together are the text. */
export function marked(text, { words, pairs }) {
  const known = new Map();
  const isMarked = (word) => {
    if (!known.has(word)) known.set(word, words.some((other) => matches(folded(word), other)));
    return known.get(word);
  };
  const parts = [];
  let done = 0;
  const mark = (start, end) => {
    if (start > done) parts.push([text.slice(done, start), false]);
    parts.push([text.slice(start, end), true]);
    done = end;
  };
  for (const found of text.matchAll(WORD)) {
    const word = found[0];
    if (isMarked(word)) {
      mark(found.index, found.index + word.length);
    } else if (pairs.size && UNSPACED.test(word)) {
      for (const [start, end] of runs(word, pairs)) mark(found.index + start, found.index + end);
    }
  }
  if (done < text.length) parts.push([text.slice(done), false]);
  return parts;
}

function runs(word, pairs) {
  const spans = [];
  let at = 0;
  const letters = [...word];
  for (let number = 0; number + 1 < letters.length; number += 1) {
    const end = at + letters[number].length + letters[number + 1].length;
    if (pairs.has(letters[number] + letters[number + 1])) {
      if (spans.length && spans.at(-1)[1] >= at) spans.at(-1)[1] = end;
      else spans.push([at, end]);
    }
    at += letters[number].length;
  }
  return spans;
}

/** The claim's words that the text holds, and those it lacks, as written in the claim. */
export function sharedWords(claim, text) {
  const { words } = claimWords(claim);
  const held = new Set(Array.from(text.matchAll(WORD), (found) => folded(found[0])));
  const asWritten = new Map();
  for (const [word] of claim.matchAll(WORD)) if (!asWritten.has(folded(word))) asWritten.set(folded(word), word);
  const holds = (word) => [...held].some((other) => matches(word, other));
  return {
    shared: words.filter(holds).map((word) => asWritten.get(word)),
    lacking: words.filter((word) => !holds(word)).map((word) => asWritten.get(word)),
  };
}
