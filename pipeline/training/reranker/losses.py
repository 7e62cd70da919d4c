"""What a cross-encoder learns from: each pair by itself, or the passages of a claim as a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.pipeline.training.length_batches import length_grouped_batches

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

PAIRWISE, LISTWISE = "bce", "listwise"
LOSSES = {
    PAIRWISE: "binary cross-entropy on each pair",
    LISTWISE: "LambdaLoss (NDCG-Loss2++) on each claim's list",
}


def loss_arguments(
    model: CrossEncoder, pairs: Sequence[TrainingPair], loss: str, mini_batch_size: int
) -> dict[str, Any]:
    """Return a trainer's `train_dataset` and `loss`, and the `batch_sampler` of its arguments where it needs one.

    A row is a pair, or with `listwise` a claim with all of its passages, of which `mini_batch_size` are computed at a
    time. LambdaLoss: Wang et al., "The LambdaLoss Framework for Ranking Metric Optimization", CIKM 2018.
    """
    from datasets import Dataset
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss, LambdaLoss

    if loss == PAIRWISE:
        rows: dict[str, list[Any]] = {
            "query": [pair.query for pair in pairs],
            "text": [pair.text for pair in pairs],
            "label": [float(pair.label) for pair in pairs],
        }
        return {
            "train_dataset": Dataset.from_dict(rows),
            "loss": BinaryCrossEntropyLoss(model),
            "batch_sampler": length_grouped_batches,
        }
    lists: dict[tuple[str, str], list[TrainingPair]] = {}
    for pair in pairs:
        lists.setdefault((pair.query_id, pair.query), []).append(pair)
    rows = {
        "query": [query for _, query in lists],
        "texts": [[pair.text for pair in of_claim] for of_claim in lists.values()],
        "labels": [[float(pair.label) for pair in of_claim] for of_claim in lists.values()],
    }
    return {
        "train_dataset": Dataset.from_dict(rows),
        "loss": LambdaLoss(model, mini_batch_size=mini_batch_size),
    }


def n_rows(pairs: Sequence[TrainingPair], loss: str) -> int:
    """Return how many rows `loss_arguments` makes of the pairs."""
    return len(pairs) if loss == PAIRWISE else len({(pair.query_id, pair.query) for pair in pairs})
