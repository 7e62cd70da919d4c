"""A teacher's logits on pairs to learn: passages that an index retrieves for claims, and labelled pairs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.taught_pairs import HEADS, TaughtPair, write_taught_pairs
from claimhound.data.progress import Progress, batches, silent
from claimhound.data.records import Qrels, Query
from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.text_form import read_form
from claimhound.pipeline.models.cross_encoders import CrossEncoderModel
from claimhound.pipeline.search.evidence import EvidencePipeline

_CLAIMS_AT_A_TIME = 64
_PAIRS_AT_A_TIME = 256


@dataclass(frozen=True)
class ListSettings:
    """The passages drawn from a claim's fused list: the first `n_first`, and `n_drawn` others of the first `pool_k`.

    The seed and the claim's id decide the draw.
    """

    n_first: int = 4
    n_drawn: int = 12
    pool_k: int = 100
    seed: int = 42

    def __post_init__(self) -> None:
        if min(self.n_first, self.n_drawn) < 0 or self.n_first + self.n_drawn < 1:
            raise InputError("n_first and n_drawn must be at least 0, and one of them above 0")
        if self.pool_k < self.n_first:
            raise InputError(f"pool_k must be at least n_first ({self.n_first}), not {self.pool_k}")


def listed_pairs(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    settings: ListSettings = ListSettings(),
    *,
    on_progress: Progress = silent,
) -> list[TaughtPair]:
    """Return pairs of each claim with passages of its fused list, and with those judged relevant wherever they rank.

    A judged passage has the relevance 1 or 0. An unjudged one has none: judgments are sparse, and the teacher knows.
    """
    pairs: list[TaughtPair] = []
    for batch in batches(claims, _CLAIMS_AT_A_TIME, "searching", on_progress):
        found = pipeline.rank([claim.text for claim in batch])
        wanted = {}
        for claim, rankings in zip(batch, found, strict=True):
            grades = qrels.get(claim.query_id, {})
            listed = [hit.doc_id for hit in rankings.first_stage[: settings.pool_k]]
            relevant = [doc_id for doc_id, grade in grades.items() if grade > 0]
            wanted[claim.query_id] = dict.fromkeys([*_drawn(claim.query_id, listed, settings), *relevant])
        doc_ids = sorted({doc_id for of_claim in wanted.values() for doc_id in of_claim})
        held = pipeline.index.positions_of(doc_ids) if doc_ids else {}
        texts = {
            document.doc_id: read_form(document)
            for document in pipeline.index.documents([doc_id for doc_id in doc_ids if doc_id in held])
        }
        for claim in batch:
            grades = qrels.get(claim.query_id, {})
            for doc_id in filter(texts.get, wanted[claim.query_id]):
                relevance = float(grades[doc_id] > 0) if doc_id in grades else None
                pairs.append(TaughtPair(searched_text(claim.text), texts[doc_id], relevance=relevance))
    return pairs


def _drawn(query_id: str, listed: Sequence[str], settings: ListSettings) -> list[str]:
    first, others = listed[: settings.n_first], listed[settings.n_first :]
    shuffler = random.Random(f"{settings.seed}:{query_id}")
    return [*first, *shuffler.sample(others, min(settings.n_drawn, len(others)))]


def teach(
    teacher: CrossEncoderModel, pairs: Iterable[TaughtPair], output_path: Path, *, on_progress: Progress = silent
) -> int:
    """Write the pairs with the teacher's logits in one atomic step, and return their number.

    Pairs that are repeated with the same labels are written once. Raises InputError if there are none or the file
    cannot be written, and ModelError for a teacher without both heads.
    """
    distinct = list(dict.fromkeys(pairs))
    if not distinct:
        raise InputError("no pairs to teach")
    require_two_heads(teacher)
    write_taught_pairs(_taught(teacher, distinct, on_progress), output_path)
    return len(distinct)


def require_two_heads(teacher: CrossEncoderModel) -> None:
    """Raise ModelError for a teacher that lacks the relevance or the stance head."""
    if not teacher.has_two_heads:
        raise ModelError(
            f"{teacher.name}: a teacher has the labels {', '.join(HEADS)} (train one with: claimhound train "
            "cross-encoder)"
        )


def _taught(teacher: CrossEncoderModel, pairs: Sequence[TaughtPair], on_progress: Progress) -> Iterator[TaughtPair]:
    for batch in batches(pairs, _PAIRS_AT_A_TIME, "teaching", on_progress):
        read = [(pair.claim, pair.text) for pair in batch]
        # Both heads come from one pass: the model remembers the pairs of its last call.
        logits = np.column_stack([teacher.score(read).logits, teacher.stance_logits(read).logits])
        for pair, of_pair in zip(batch, logits, strict=True):
            yield pair._replace(teacher=tuple(map(float, of_pair)))
