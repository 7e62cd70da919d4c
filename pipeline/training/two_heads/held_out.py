"""What claims that were held out tell of a model with two heads: the measures of both, and the stances' temperature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from claimhound.data.labelled_sets.splits import without_claims
from claimhound.data.labelled_sets.stances import StancePair, StanceSet
from claimhound.data.labelled_sets.taught_pairs import TaughtPair
from claimhound.data.progress import Progress, batches
from claimhound.pipeline.evaluation.classification import FIGURES, Classification
from claimhound.pipeline.evaluation.stance import SetEvaluation
from claimhound.pipeline.models.cross_encoders import CrossEncoderModel
from claimhound.pipeline.training.stance.held_out import TemperatureFit, fit_on_held_out
from claimhound.pipeline.training.two_heads.data import TwoHeadSet

_PAIRS_AT_A_TIME = 512


@dataclass(frozen=True)
class RelevanceMeasure:
    """Average precision of the logit over the held-out pairs of one set."""

    name: str
    n_pairs: int
    share_relevant: float
    average_precision: float


class HeldOutMeasures(NamedTuple):
    """The measures of each set that has labels, and the temperature; None without a held-out pair with a stance."""

    relevance: tuple[RelevanceMeasure, ...]
    stance: tuple[SetEvaluation, ...]
    fit: TemperatureFit | None


def measure_held_out(
    model: CrossEncoderModel, sets: Iterable[TwoHeadSet], claims: set[str], *, seed: int, on_progress: Progress
) -> HeldOutMeasures:
    """Measure the model on the pairs of these claims that have labels, a teacher's own pairs included.

    Relevance is measured where a set has relevant pairs and others.
    """
    relevance, stances = [], []
    for one in sets:
        _, held_out = without_claims(one.pairs, claims, lambda pair: pair.claim)
        judged = [pair for pair in held_out if pair.is_relevant is not None]
        relevant = np.array([pair.is_relevant for pair in judged], dtype=np.bool_)
        if relevant.any() and not relevant.all():
            scores = _logits(model, judged, on_progress)
            figures = Classification(scores, relevant).figures(np.arange(len(judged), dtype=np.int64))
            precision = float(figures[FIGURES.index("average_precision")])
            relevance.append(RelevanceMeasure(one.name, len(judged), float(relevant.mean()), precision))
        pairs = [StancePair("", pair.claim, pair.text, pair.stance) for pair in held_out if pair.stance is not None]
        if pairs:
            stances.append(StanceSet(one.name, pairs, one.tells_refuted))
    measured, fit = fit_on_held_out(model, stances, seed, on_progress) if stances else ((), None)
    return HeldOutMeasures(tuple(relevance), measured, fit)


def _logits(model: CrossEncoderModel, pairs: Sequence[TaughtPair], on_progress: Progress) -> np.ndarray:
    found = [
        model.score([(pair.claim, pair.text) for pair in batch]).logits
        for batch in batches(pairs, _PAIRS_AT_A_TIME, "measuring", on_progress)
    ]
    return np.concatenate(found)
