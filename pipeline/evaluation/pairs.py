"""Evaluation of a reranker on labelled pairs of claim and evidence.

The figures are those on a published reranker's model card: sentence-transformers' CrossEncoderClassificationEvaluator.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.pairs import JudgedPair
from claimhound.data.progress import Progress, batches, silent
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.evaluation.classification import FIGURES, Bools, Classification
from claimhound.pipeline.evaluation.statistics import clustered_intervals
from claimhound.pipeline.models.blending import Blend, Floats, sigmoid
from claimhound.pipeline.models.cross_encoders import PairScores, Reranker

# 10,000 pairs of 3,333 claims take 4 s, and of 151 claims 0.6 s.
N_RESAMPLES = 1_999
# Between two progress reports: a second or two on a CPU. Scoring all at once would be 3 % faster.
_PAIRS_AT_A_TIME = 512


class Figure(NamedTuple):
    """A figure in [0, 1], higher is better, with its 95 % interval; `low` and `high` are NaN for pairs of one claim.

    A pair counts as relevant from the probability `threshold`; average precision has no threshold. `always_relevant` is
    the figure for calling every pair relevant: the baseline to beat.
    """

    value: float
    low: float
    high: float
    threshold: float | None
    always_relevant: float


@dataclass(frozen=True)
class PairEvaluation:
    """The figures by name, and each pair's scores in the order of the pairs.

    `threshold` was fixed beforehand; None means that it was chosen on the pairs. `probabilities` are the plain sigmoid
    of the logits. `notes` are caveats in sentences.
    """

    model: str
    weights_sha256: str
    figures: Mapping[str, Figure]
    n_pairs: int
    n_relevant: int
    n_claims: int
    n_truncated: int
    threshold: float | None
    seed: int
    scores: PairScores
    probabilities: Floats
    notes: tuple[str, ...]

    @property
    def share_relevant(self) -> float:
        """The share of relevant pairs."""
        return self.n_relevant / self.n_pairs


def evaluate_pairs(
    pairs: Sequence[JudgedPair],
    reranker: Reranker,
    *,
    threshold: float | None = None,
    seed: int = 0,
    on_progress: Progress = silent,
) -> PairEvaluation:
    """Score the pairs and measure how well the scores separate relevant pairs from the others.

    A pair's probability is the plain sigmoid of the logit: the reranker's blend weighs first-stage ranks, which a
    single pair does not have. Without `threshold`, accuracy and F1 are the best that any threshold gives, and precision
    and recall are those at F1's threshold. Such a threshold lies halfway between two probabilities; of equally good
    thresholds the highest is taken. With `threshold`, all four figures count pairs of at least that probability as
    relevant.

    Intervals draw whole claims 1,999 times (claims with the same words are one) and choose the thresholds again each
    time. Raises InputError unless there are pairs of both kinds, and ValueError for a threshold outside [0, 1].
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"a threshold is a probability in [0, 1], got {threshold}")
    relevant = np.array([pair.relevant for pair in pairs], dtype=np.bool_)
    n_relevant = int(relevant.sum())
    if n_relevant in (0, len(pairs)):
        raise InputError(
            f"{n_relevant:,} of {len(pairs):,} pairs are relevant; accuracy, F1 and average precision need both kinds"
        )
    scores = _score(pairs, reranker, on_progress)
    probabilities = sigmoid(scores.logits)
    claims = [normalize_text(pair.query) or pair.query for pair in pairs]
    return PairEvaluation(
        model=reranker.name,
        weights_sha256=reranker.weights_sha256,
        figures=measure(probabilities, relevant, claims, threshold=threshold, seed=seed),
        n_pairs=len(pairs),
        n_relevant=n_relevant,
        n_claims=len(set(claims)),
        n_truncated=int(scores.truncated.sum()),
        threshold=threshold,
        seed=seed,
        scores=scores,
        probabilities=probabilities,
        notes=tuple(_notes(reranker.blend, threshold, len(set(claims)))),
    )


def measure(
    probabilities: Floats,
    relevant: Bools,
    claims: Sequence[str],
    *,
    threshold: float | None = None,
    seed: int = 0,
    n_resamples: int = N_RESAMPLES,
) -> dict[str, Figure]:
    """Return the figures of (n,) scores; rows of the same claim are drawn together. See `evaluate_pairs`."""
    classification = Classification(probabilities, relevant)
    share = float(relevant.mean())
    always = (share, 2 * share / (1 + share), share, 1.0, share)
    thresholds: tuple[float | None, ...]
    if threshold is None:
        accuracy_threshold, f1_threshold = classification.best_thresholds()
        thresholds = (accuracy_threshold, f1_threshold, f1_threshold, f1_threshold, None)
    else:
        thresholds = (threshold,) * 4 + (None,)
    intervals = clustered_intervals(lambda rows: classification.figures(rows, threshold), claims, seed, n_resamples)
    return {
        name: Figure(value, low, high, at, all_relevant)
        for name, (value, low, high), at, all_relevant in zip(FIGURES, intervals, thresholds, always, strict=True)
    }


def _score(pairs: Sequence[JudgedPair], reranker: Reranker, on_progress: Progress) -> PairScores:
    found = [
        reranker.score([(pair.query, pair.text) for pair in batch])
        for batch in batches(pairs, _PAIRS_AT_A_TIME, "score", on_progress)
    ]
    return PairScores(*(np.concatenate(part) for part in zip(*found, strict=True)))


def _notes(blend: Blend, threshold: float | None, n_claims: int) -> list[str]:
    notes = []
    if threshold is None:
        notes.append(
            "The thresholds were chosen on these pairs, which flatters every figure but average precision; "
            "use --threshold to measure at a threshold fixed beforehand."
        )
    if blend != Blend():
        notes.append(
            "A pair's score is the plain sigmoid of the reranker's logit. The blend with first-stage ranks, which a "
            "search shows as p, does not apply to pairs on their own."
        )
    if n_claims < 2:
        notes.append("All pairs belong to one claim, so there are no intervals.")
    return notes


def write_pair_scores(pairs: Sequence[JudgedPair], evaluation: PairEvaluation, path: Path) -> list[Path]:
    """Write a JSON line for each pair, in order, and return the path; the file is written atomically.

    `score` is the probability, the sigmoid of `logit`. Raises InputError if the file cannot be written.
    """
    with write_atomically(path) as file:
        for pair, logit, truncated, score in zip(pairs, *evaluation.scores, evaluation.probabilities, strict=True):
            record = {
                "id": pair.pair_id,
                "claim": pair.query,
                "evidence": pair.text,
                "relevant": pair.relevant,
                "score": float(score),
                "logit": float(logit),
                "truncated": bool(truncated),
            }
            file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
    return [path]
