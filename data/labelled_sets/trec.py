"""Runs in TREC form, compatible with trec_eval and ir_measures, and predictions of a course task."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.json_records import read_json
from claimhound.data.formats.sources import Source, locate_text
from claimhound.data.formats.streams import read_lines
from claimhound.data.formats.trec_ids import escaped_id, unescaped_id
from claimhound.data.labelled_sets.evidence_lists import listed_evidence, listed_ids
from claimhound.data.notices import Notices
from claimhound.data.read_options import Format
from claimhound.data.records import Ranking, Run, ScoredDoc
from claimhound.data.rejects import rejecter

_COLUMNS = 6
_FORMATS: tuple[Format, ...] = ("json",)
_LARGEST = float(np.finfo(np.float32).max)


def read_run(source: str | Path) -> Run:
    """Return the run in a TREC file `query_id Q0 doc_id rank score tag` (or .gz, .xz, .zst), or on standard input, `-`.

    Ids are those given to `write_run`. Queries are in the order of their first occurrence. A ranking is ordered as in
    trec_eval, to give its figures: by score in 32 bits, highest first, ties by doc_id in descending order. Scores
    keep their full precision; the column `rank` is ignored. `tied_queries` names the queries with ties.

    A .json file is an object `claim id -> object` whose `evidences` lists ids, best first, as in the predictions of a
    course task: n ids get the scores n to 1, and a claim with an empty list has no hits.

    Raises RecordError for a line with another number of columns, a score that is not a finite number, a duplicate
    document of a query, and a duplicate claim of an object; InputError for a file without a query.
    """
    located = locate_text(source, formats=_FORMATS)
    run = _read_predictions(located) if located.format == "json" else _read_trec(located)
    if not run:
        raise InputError(f"{located.name}: contains no rankings")
    return run


def tied_queries(run: Run) -> list[str]:
    """Return the ids of the queries with two hits that have the same score in 32 bits, in the order of the run.

    `read_run` orders such hits by document id alone, as trec_eval does.
    """
    return [query_id for query_id, ranking in run.items() if _has_ties(ranking)]


def write_run(run: Run, path: str | Path, tag: str) -> None:
    """Write the run in TREC form, each ranking by score, highest first, ties by doc_id, ranks from 1.

    trec_eval keeps scores in 32 bits and breaks ties by doc_id in the opposite order. So every written score is lower
    than the one above it in 32 bits too: otherwise the next lower 32-bit number is written. All other scores are
    written in full, so reading gives the same run except for the lowered scores.

    White space in ids is escaped, see `escaped_id`; `read_run` undoes that. The file is written atomically. A query
    without hits has no line. Raises InputError if the file cannot be written; ValueError for a tag that is not one
    word, a duplicate document in a ranking, and a score outside the range of 32 bits.
    """
    if len(tag.split()) != 1 or tag != tag.strip():
        raise ValueError(f"a tag must be one word, not {tag!r}")
    with write_atomically(Path(path)) as file:
        for query_id, ranking in run.items():
            query_word = escaped_id(query_id)
            file.writelines(
                f"{query_word} Q0 {escaped_id(doc_id)} {rank} {score!r} {tag}\n"
                for rank, (doc_id, score) in enumerate(_strictly_decreasing(query_id, ranking), 1)
            )


def _read_trec(source: Source) -> Run:
    scores: dict[str, dict[str, float]] = {}
    for line_number, line in read_lines(source, rejecter("stop")):
        cells = line.split()
        if len(cells) != _COLUMNS:
            reason = f"expected {_COLUMNS} columns (query id, Q0, document id, rank, score, tag), got {len(cells)}"
            raise RecordError(source.name, line_number, reason)
        query_id, doc_id, score = unescaped_id(cells[0]), unescaped_id(cells[2]), cells[4]
        ranking = scores.setdefault(query_id, {})
        if doc_id in ranking:
            raise RecordError(source.name, line_number, _twice(query_id, doc_id))
        ranking[doc_id] = _parse_score(source.name, line_number, score)
    return {query_id: _in_order_of_trec_eval(ranking) for query_id, ranking in scores.items()}


def _read_predictions(source: Source) -> Run:
    run: Run = {}
    numbers: dict[str, int] = {}
    for number, key, value in read_json(source, rejecter("stop"), (), Notices()):
        if key is None or isinstance(value, str):
            reason = "expected an object `claim id -> object with evidences`; a run in TREC form is not a .json file"
            raise RecordError(source.name, number, reason)
        query_id = key.strip()
        if not query_id:
            raise RecordError(source.name, number, "an id is blank")
        first = numbers.setdefault(query_id, number)
        if first != number:
            raise RecordError(source.name, number, f"duplicate id {query_id!r}, first seen at {source.name}:{first}")
        doc_ids = listed_ids(source, number, query_id, listed_evidence(source, number, query_id, value))
        if len(set(doc_ids)) < len(doc_ids):
            repeated = next(doc_id for doc_id in doc_ids if doc_ids.count(doc_id) > 1)
            raise RecordError(source.name, number, _twice(query_id, repeated))
        run[query_id] = [ScoredDoc(doc_id, float(len(doc_ids) - rank)) for rank, doc_id in enumerate(doc_ids)]
    return run


def _twice(query_id: str, doc_id: str) -> str:
    return f"{query_id!r} has the document {doc_id!r} twice"


def _in_order_of_trec_eval(scores: dict[str, float]) -> Ranking:
    """Order by score in 32 bits, ties by doc_id, both from high to low.

    trec_eval compares ids by their bytes in UTF-8, which is the order of the characters' numbers.
    """
    hits = zip(_in_32_bits(scores.values()), scores, strict=True)
    return [ScoredDoc(doc_id, scores[doc_id]) for _, doc_id in sorted(hits, reverse=True)]


def _has_ties(ranking: Ranking) -> bool:
    scores = _in_32_bits(hit.score for hit in ranking)
    return len(set(scores)) < len(scores)


def _in_32_bits(scores: Iterable[float]) -> list[float]:
    """Round to the precision of trec_eval; a number that is too large becomes infinite."""
    with np.errstate(over="ignore"):
        rounded: list[float] = np.fromiter(scores, dtype=np.float64).astype(np.float32).tolist()
    return rounded


def _parse_score(source: str, line_number: int, word: str) -> float:
    try:
        score = float(word)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise RecordError(source, line_number, f"the score is not a finite number: {word!r}")
    return score


def _strictly_decreasing(query_id: str, ranking: Ranking) -> Iterator[tuple[str, float]]:
    # Plain tuples: runs with a thousand hits per claim take most of the time of writing an evaluation.
    ordered = sorted((-float(score), doc_id) for doc_id, score in ranking)
    _require_distinct(query_id, [doc_id for _, doc_id in ordered])
    above = math.inf
    for (negated, doc_id), rounded in zip(ordered, _in_32_bits(-negated for negated, _ in ordered), strict=True):
        # Below the lowest number, a tie cannot be lowered.
        if not abs(rounded) <= _LARGEST or above == -_LARGEST:
            reason = f"does not fit in 32 bits: {-negated!r}"
            raise ValueError(f"the score of {doc_id!r} for {query_id!r} {reason}")
        if rounded < above:
            yield doc_id, -negated
            above = rounded
        else:
            above = float(np.nextafter(np.float32(above), np.float32(-np.inf)))
            yield doc_id, above


def _require_distinct(query_id: str, doc_ids: list[str]) -> None:
    if len(set(doc_ids)) < len(doc_ids):
        twice = next(doc_id for place, doc_id in enumerate(doc_ids) if doc_id in doc_ids[:place])
        raise ValueError(_twice(query_id, twice))
