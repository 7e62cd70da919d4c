"""Runs in TREC form, so that trec_eval and ir_measures can read ours and we theirs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data.atomic import write_atomically
from data.errors import InputError, RecordError
from data.records import Ranking, Run, ScoredDoc
from data.rejects import rejecter
from data.sources import locate_text
from data.streams import read_lines

_COLUMNS = 6
_LARGEST = float(np.finfo(np.float32).max)


def read_run(source: str | Path) -> Run:
    """Return the run of a TREC file `query_id Q0 doc_id rank score tag`, also .gz, .xz or .zst, or of `-`.

    Queries come in the order that they are met. A ranking is ordered by score, highest first, ties by doc_id; the
    column `rank` counts for nothing, as in trec_eval. Raises RecordError for a line of another number of columns, a
    score that is not a finite number, and a document that a query has twice; InputError for a file without a line.
    """
    located = locate_text(source)
    scores: dict[str, dict[str, float]] = {}
    for line_number, line in read_lines(located, rejecter("stop")):
        cells = line.split()
        if len(cells) != _COLUMNS:
            reason = f"expected {_COLUMNS} columns (query id, Q0, document id, rank, score, tag), got {len(cells)}"
            raise RecordError(located.name, line_number, reason)
        query_id, _, doc_id, _, score, _ = cells
        ranking = scores.setdefault(query_id, {})
        if doc_id in ranking:
            raise RecordError(located.name, line_number, f"{query_id!r} has the document {doc_id!r} twice")
        ranking[doc_id] = _parse_score(located.name, line_number, score)
    if not scores:
        raise InputError(f"{located.name}: holds no rankings")
    return {query_id: _ordered(ScoredDoc(*item) for item in ranking.items()) for query_id, ranking in scores.items()}


def write_run(run: Run, path: str | Path, tag: str) -> None:
    """Write the run in TREC form, each ranking by score, highest first, ties by doc_id, ranks from 1.

    trec_eval keeps scores in 32 bits and breaks ties by doc_id the other way round, so every written score is lower
    than the one above it in 32 bits too: one that is not is written as the next lower 32-bit number. All others are
    written in full, so that reading gives the same run, but for the scores that were lowered.

    The file appears whole or not at all. A query without hits leaves no line. Raises InputError for an id with white
    space in it and where the file cannot be written; ValueError for a tag that is not one word, a document twice in a
    ranking, and a score that 32 bits do not hold.
    """
    if len(tag.split()) != 1 or tag != tag.strip():
        raise ValueError(f"a tag is one word, not {tag!r}")
    with write_atomically(Path(path)) as file:
        for query_id, ranking in run.items():
            checked_id(query_id)
            for rank, hit in enumerate(_strictly_decreasing(query_id, ranking), 1):
                file.write(f"{query_id} Q0 {checked_id(hit.doc_id)} {rank} {hit.score!r} {tag}\n")


def checked_id(record_id: str) -> str:
    """Return the id if it can stand in a TREC file; raises InputError if it is empty or has white space."""
    if record_id.split() != [record_id]:
        raise InputError(f"the id {record_id!r} cannot be written in TREC form: it is empty or has white space")
    return record_id


def _ordered(hits: Iterator[ScoredDoc]) -> Ranking:
    return sorted(hits, key=lambda hit: (-hit.score, hit.doc_id))


def _parse_score(source: str, line_number: int, word: str) -> float:
    try:
        score = float(word)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise RecordError(source, line_number, f"the score is not a finite number: {word!r}")
    return score


def _strictly_decreasing(query_id: str, ranking: Ranking) -> Iterator[ScoredDoc]:
    above = np.float32(np.inf)
    seen: set[str] = set()
    for doc_id, score in _ordered(ScoredDoc(hit.doc_id, float(hit.score)) for hit in ranking):
        if doc_id in seen:
            raise ValueError(f"{query_id!r} has the document {doc_id!r} twice")
        seen.add(doc_id)
        # The last of many hits with the lowest number of all could not be lowered.
        if not abs(score) <= _LARGEST or above == -_LARGEST:
            raise ValueError(f"the score of {doc_id!r} for {query_id!r} is not a number that 32 bits hold: {score!r}")
        rounded = np.float32(score)
        if rounded < above:
            yield ScoredDoc(doc_id, score)
            above = rounded
        else:
            above = np.nextafter(above, np.float32(-np.inf))
            yield ScoredDoc(doc_id, float(above))
