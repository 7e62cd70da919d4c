"""A teacher's logits on pairs to learn: passages that an index retrieves for claims, and labelled pairs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.taught_pairs import HEADS, TaughtPair, joined, write_taught_pairs
from claimhound.data.progress import Progress, batches, silent
from claimhound.data.records import Qrels, Query
from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.text_form import read_form
from claimhound.pipeline.model_folders.files import read_json
from claimhound.pipeline.model_folders.finding import find_model_dir
from claimhound.pipeline.models.cross_encoders import CrossEncoderModel, load_stance
from claimhound.pipeline.models.stance_labels import RELEVANT, label_names
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.serving.compute import Compute, Notify, ignore

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
    notify: Notify = ignore,
) -> list[TaughtPair]:
    """Return pairs of each claim with passages of its fused list, and with those judged relevant wherever they rank.

    A judged passage has the relevance 1 or 0. An unjudged one has none: judgments are sparse, and the teacher knows.
    A claim's draw depends on the seed and its id alone. `notify` hears how many relevant passages the index lacks.
    """
    pairs: list[TaughtPair] = []
    n_missing = 0
    for batch in batches(claims, _CLAIMS_AT_A_TIME, "searching", on_progress):
        found = pipeline.rank([claim.text for claim in batch])
        wanted: dict[str, list[str]] = {}
        for claim, rankings in zip(batch, found, strict=True):
            grades = qrels.get(claim.query_id, {})
            listed = [hit.doc_id for hit in rankings.first_stage[: settings.pool_k]]
            relevant = [doc_id for doc_id, grade in grades.items() if grade > 0]
            held = pipeline.index.positions_of(relevant)
            n_missing += len(relevant) - len(held)
            chosen = [*_drawn(claim.query_id, listed, settings), *filter(held.__contains__, relevant)]
            wanted[claim.query_id] = list(dict.fromkeys(chosen))
        doc_ids = sorted({doc_id for of_claim in wanted.values() for doc_id in of_claim})
        texts = {document.doc_id: read_form(document) for document in pipeline.index.documents(doc_ids)}
        for claim in batch:
            grades = qrels.get(claim.query_id, {})
            for doc_id in wanted[claim.query_id]:
                relevance = float(grades[doc_id] > 0) if doc_id in grades else None
                pairs.append(TaughtPair(searched_text(claim.text), texts[doc_id], relevance=relevance))
    if n_missing:
        notify(f"judged evidence missing from the index: {n_missing:,}")
    return pairs


def _drawn(query_id: str, listed: Sequence[str], settings: ListSettings) -> list[str]:
    first, others = listed[: settings.n_first], listed[settings.n_first :]
    shuffler = random.Random(f"{settings.seed}:{query_id}")
    return [*first, *shuffler.sample(others, min(settings.n_drawn, len(others)))]


def teach(
    teacher: CrossEncoderModel, pairs: Iterable[TaughtPair], output_path: Path, *, on_progress: Progress = silent
) -> int:
    """Write the pairs with the teacher's logits in one atomic step, and return their number.

    A pair that is repeated is written once, with all its labels; see `joined`. Raises InputError if there are none or
    the file cannot be written, and ValueError for a teacher without both heads.
    """
    distinct = joined(pairs)
    if not distinct:
        raise InputError("no pairs to teach: the claims find nothing in the index, or all of them are excluded")
    write_taught_pairs(_taught(teacher, distinct, on_progress), output_path)
    return len(distinct)


def load_teacher(
    model: str,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
) -> CrossEncoderModel:
    """Load a cross-encoder with both heads as `load_stance` does; raises ModelError naming a head that it lacks."""
    folder = find_model_dir("stance", model)
    try:
        names = label_names(read_json(folder / "config.json"))
    except ValueError as error:
        raise ModelError(f"{folder}: {error}") from error
    lacking = "stance" if len(names) == 1 else "relevance" if RELEVANT not in names else None
    if lacking is not None:
        raise ModelError(
            f"{folder}: has no {lacking} head (its labels are {', '.join(names)}); a teacher has {', '.join(HEADS)} "
            "(train one with: claimhound train cross-encoder)"
        )
    return load_stance(model, compute)


def _taught(teacher: CrossEncoderModel, pairs: Sequence[TaughtPair], on_progress: Progress) -> Iterator[TaughtPair]:
    for batch in batches(pairs, _PAIRS_AT_A_TIME, "teaching", on_progress):
        read = [(pair.claim, pair.text) for pair in batch]
        # One pass for both heads: such a model remembers the pairs of its last call.
        logits = np.column_stack([teacher.score(read).logits, teacher.stance_logits(read).logits])
        for pair, of_pair in zip(batch, logits, strict=True):
            yield pair._replace(teacher=tuple(map(float, of_pair)))
