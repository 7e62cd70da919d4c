"""What claims that were held out tell of a trained stance head: its measures, and its temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from claimhound.data.labelled_sets.stances import STANCES, StanceSet
from claimhound.data.progress import Progress, batches
from claimhound.pipeline.evaluation.stance import SetEvaluation, measure_set
from claimhound.pipeline.models.cross_encoders import CrossEncoderModel, StanceScores
from claimhound.pipeline.models.temperature import fit_temperature, log_loss, softmax

_PAIRS_AT_A_TIME = 512


@dataclass(frozen=True)
class TemperatureFit:
    """The temperature, and the mean log loss of the held-out pairs without it and with it."""

    temperature: float
    loss_before: float
    loss_after: float


def fit_on_held_out(
    model: CrossEncoderModel, sets: Sequence[StanceSet], seed: int, on_progress: Progress
) -> tuple[tuple[SetEvaluation, ...], TemperatureFit]:
    """Return the measures of held-out sets, and the temperature that their pairs fit."""
    pairs = [pair for one in sets for pair in one.pairs]
    found = [
        model.stance_logits([(pair.claim, pair.text) for pair in batch])
        for batch in batches(pairs, _PAIRS_AT_A_TIME, "measuring", on_progress)
    ]
    logits, cut = (np.concatenate(parts) for parts in zip(*found, strict=True))
    labels = np.array([STANCES.index(pair.stance) for pair in pairs], dtype=np.int64)
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits, temperature)
    measured: list[SetEvaluation] = []
    start = 0
    for one in sets:
        rows = slice(start, start + len(one.pairs))
        measured.append(measure_set(one, StanceScores(probabilities[rows], cut[rows]), seed=seed))
        start = rows.stop
    losses = log_loss(logits, labels), log_loss(logits, labels, temperature)
    return tuple(measured), TemperatureFit(temperature, *losses)
