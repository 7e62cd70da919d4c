"""Notes of an answer: sentences on why there is no evidence, and on how to read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.wording import counted
from claimhound.indexes.analysis.terms import query_terms
from claimhound.indexes.conditions import Conditions, first_day
from claimhound.indexes.memory import MemoryIndex
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.search.ranking import Ranker
from claimhound.pipeline.search.results import Evidence, StageRankings

_NOT_CONDITIONS = frozenset({"text", "doc_id", "id", "span"})
_FIELDS_OF_ALL = frozenset({"title", "source", "url", "date", "parent_id"})
_SAMPLED = 100


def notes_on(
    claim: str,
    stages: StageRankings,
    evidence: Sequence[Evidence],
    ranker: Ranker,
    conditions: Conditions,
    min_score: float | None,
) -> Iterator[str]:
    """Yield the notes for a claim's evidence, which is the first of the hits in `stages`."""
    index = ranker.index
    if index.n_docs == 0:
        yield "The corpus is empty: there is no evidence to find."
        return
    no_document = "no document that meets the conditions" if conditions else "no document"
    no_words = f"{no_document} holds a word of the claim"
    if not query_terms(searched_text(claim)):
        no_words = "the claim holds no word that can be searched for"
    no_meaning = f"{no_document} is near the claim in meaning"
    if not ranker.is_readable(claim):
        no_meaning = "the encoder does not know the claim's words or script"
    if conditions.before is not None:
        yield from _left_out(index, conditions.before)
    final = stages.final()
    reasons = [] if final else list(_why_nothing_meets(index, conditions))
    if reasons:
        yield from reasons
    elif not evidence and final and min_score is not None:
        yield f"No evidence of probability {min_score:g} or more: the best has {final[0].score:.2g}."
    elif not evidence:
        yield f"No evidence found: {no_words}{'' if ranker.encoder is None else f', and {no_meaning}'}."
    elif not stages.bm25:
        yield f"Found by meaning alone: {no_words}."
    elif ranker.encoder is not None and not stages.dense:
        yield f"Found by words alone: {no_meaning}."
    if any(hit.truncated for hit in evidence):
        yield "Claim and evidence were too long together for the reranker and were cut where marked."


def _why_nothing_meets(index: IndexSnapshot | MemoryIndex, conditions: Conditions) -> Iterator[str]:
    """Yield a sentence for each condition that no document can meet, for any claim."""
    if not isinstance(index, IndexSnapshot):
        return
    if conditions.before is not None and index.n_dated == 0:
        yield f"No document is dated, so none is before {conditions.before}."
    elif conditions.before is not None and index.n_meeting(Conditions(conditions.before)) == 0:
        yield f"No document is dated before {conditions.before}."
    for name in dict.fromkeys(name for name, _ in conditions.where):
        if index.has_field(name):
            continue
        if name in _NOT_CONDITIONS:
            yield (
                f"{name!r} is no condition: documents are chosen by title, source, url, date, parent_id and the "
                "further fields of their records."
            )
        else:
            yield f"No document has a field {name!r}{_did_you_mean(index, name)}"


def _did_you_mean(index: IndexSnapshot, name: str) -> str:
    """Return a suggestion of the most similar field name among those of some documents."""
    names = {field for document in index.sample(_SAMPLED, seed=0) for field in document.fields}
    near = get_close_matches(name, sorted(names | _FIELDS_OF_ALL), n=1)
    return f"; did you mean {near[0]!r}?" if near and index.has_field(near[0]) else "."


def _left_out(index: IndexSnapshot | MemoryIndex, before: str) -> Iterator[str]:
    """Yield a sentence on the documents that the date excludes although they may be older."""
    if not isinstance(index, IndexSnapshot):
        return
    n_undated = index.n_docs - index.n_dated
    spans = _dates_that_reach(before)
    n_coarse = sum(index.n_meeting(Conditions(where=(("date", date),))) for date in spans)
    parts = [f"{counted(n_undated, 'document')} without a date"] if 0 < n_undated < index.n_docs else []
    if n_coarse:
        alone = " or ".join(spans)
        parts.append(f"{counted(n_coarse, 'document')} dated {alone} alone, which may be no older")
    if parts:
        yield f"Not counted as before {before}: {' and '.join(parts)}."


def _dates_that_reach(before: str) -> list[str]:
    """Return the year and the month, as dates of documents, that begin before a day and do not end before it."""
    day = f"{first_day(before):08}"
    year, month = day[:4], f"{day[:4]}-{day[4:6]}"
    return [year] * (day[4:] != "0101") + [month] * (day[6:] != "01")
