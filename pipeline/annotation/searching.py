"""Search for the evidence of a batch of claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, get_args

from claimhound.data.records import Json, Query
from claimhound.indexes.conditions import Conditions
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.annotation.batches import Batch, Question
from claimhound.pipeline.annotation.known import KnownClaims
from claimhound.pipeline.annotation.output import OutputFormat
from claimhound.pipeline.annotation.records import claim_record
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.serving.devices import n_threads_available

Found: TypeAlias = dict[Question, dict[str, Json]]
"""The record of each new question of a batch, without the claim's own id and fields."""

_MOST_WORKERS = 4
# A CPU gains nothing from larger batches, and an interrupted job loses one batch; a GPU is busy only with many pairs,
# and an index caches the documents of no more claims than these.
_CLAIMS_ON_CPU = 16
_CLAIMS_ON_ACCELERATOR = 64


@dataclass(frozen=True)
class AnnotationSettings:
    """Search settings for each claim, as for `find_evidence`, and the output format.

    `folding` makes near-copies one piece of evidence. `batch_size` claims are searched together; None picks a number
    for the device. `n_known` known claims are shown with each claim, if there are any. `plain_csv` writes a CSV for
    programs rather than spreadsheets. Evidence is dated before the day `before` and has the values of `where`; if
    claims have their own dates, the earlier day counts for each.
    """

    k: int = 5
    adaptive: bool = False
    min_score: float | None = None
    folding: bool = True
    output_format: OutputFormat = "jsonl"
    batch_size: int | None = None
    n_known: int = 5
    plain_csv: bool = False
    before: str | None = None
    where: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.output_format not in get_args(OutputFormat):
            raise ValueError(f"output_format is one of {', '.join(get_args(OutputFormat))}, got {self.output_format!r}")


class Searcher(NamedTuple):
    """A pipeline, the claims that were already checked, and how many batches to search at a time.

    None for `n_workers` is the number of cores, at most 4. `index_name` stands in the output for the path of the index.
    `in_turn` makes the call that searches a batch, and so decides when and in which thread.
    """

    pipeline: EvidencePipeline
    known: KnownClaims | None = None
    n_workers: int | None = None
    index_name: str | None = None
    in_turn: Callable[[Callable[[], Found]], Found] = lambda search: search()

    def origin(self) -> tuple[dict[str, Json], dict[str, Json]]:
        """Return the facts about index and models in every record."""
        index, models = self.pipeline.origin()
        return (index if self.index_name is None else index | {"path": self.index_name}), models


def batch_size(settings: AnnotationSettings, pipeline: EvidencePipeline) -> int:
    """Return the number of claims to search together, by default one that suits the device."""
    if settings.batch_size is not None:
        return settings.batch_size
    is_on_cpu = pipeline.reranker is not None and pipeline.reranker.runtime_name.endswith("cpu")
    return _CLAIMS_ON_CPU if is_on_cpu else _CLAIMS_ON_ACCELERATOR


def for_threads(searcher: Searcher) -> list[Searcher]:
    """Return a searcher for each worker thread: threads share the models, but not an index snapshot."""
    pipeline = searcher.pipeline
    index = pipeline.index
    if not isinstance(index, IndexSnapshot):
        return [searcher]
    others = (
        EvidencePipeline(
            index.for_another_thread(), pipeline.encoder, pipeline.reranker, pipeline.config, pipeline.stance
        )
        for _ in range((searcher.n_workers or min(_MOST_WORKERS, n_threads_available())) - 1)
    )
    return [searcher, *(searcher._replace(pipeline=other) for other in others)]


def search_batch(searcher: Searcher, batch: Batch, settings: AnnotationSettings) -> Found:
    """Return the records of a batch's new questions."""
    of_day: dict[str | None, list[str]] = {}
    for text, before in batch.new_questions():
        of_day.setdefault(before, []).append(text)
    found: Found = {}
    for before, texts in of_day.items():
        answers = searcher.pipeline.find_evidence(
            texts,
            settings.k,
            adaptive=settings.adaptive,
            min_score=settings.min_score,
            conditions=Conditions(before, settings.where),
            folding=settings.folding,
        )
        known = None if searcher.known is None else searcher.known.nearest(texts, settings.n_known)
        for row, (text, answer) in enumerate(zip(texts, answers, strict=True)):
            nearest = None if known is None else known[row]
            found[Question(text, before)] = claim_record(Query("", text), answer, nearest, before=before)
    return found
