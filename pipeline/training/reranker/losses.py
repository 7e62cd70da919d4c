"""Losses of a cross-encoder: on single pairs, or on a claim's passages as a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.pipeline.training.length_batches import length_grouped_batches
from claimhound.pipeline.training.watched_trainer import Lesson

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

PAIRWISE, LISTWISE = "bce", "listwise"
LOSSES = {
    PAIRWISE: "binary cross-entropy on each pair",
    LISTWISE: "LambdaLoss (NDCG-Loss2++) on each claim's list",
}


def pairwise_lesson(model: CrossEncoder, pairs: Sequence[TrainingPair]) -> Lesson:
    """Return a lesson with a row for each pair."""
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    columns: dict[str, Sequence[Any]] = {
        "query": [pair.query for pair in pairs],
        "text": [pair.text for pair in pairs],
        "label": [float(pair.label) for pair in pairs],
    }
    return Lesson(columns, BinaryCrossEntropyLoss(model), length_grouped_batches)


def listwise_lesson(model: CrossEncoder, pairs: Sequence[TrainingPair], mini_batch_size: int) -> Lesson:
    """Return a lesson with a row for each claim and its passages.

    `mini_batch_size` pairs are computed at a time. Source: Wang et al., "The LambdaLoss Framework for Ranking Metric
    Optimization", CIKM 2018.
    """
    from sentence_transformers.cross_encoder.losses import LambdaLoss

    lists: dict[tuple[str, str], list[TrainingPair]] = {}
    for pair in pairs:
        lists.setdefault((pair.query_id, pair.query), []).append(pair)
    columns: dict[str, Sequence[Any]] = {
        "query": [query for _, query in lists],
        "texts": [[pair.text for pair in of_claim] for of_claim in lists.values()],
        "labels": [[float(pair.label) for pair in of_claim] for of_claim in lists.values()],
    }
    return Lesson(columns, LambdaLoss(model, mini_batch_size=mini_batch_size))
