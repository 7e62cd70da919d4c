"""Cross-validation of settings over claims."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import InputError
from claimhound.data.records import Query
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.evaluation.measures import Values
from claimhound.pipeline.search.config import PipelineConfig

# Means that differ by less count as equal: sums in another order differ in the last bits.
_EQUAL = 1e-9


def claim_folds(claims: Sequence[Query], n_folds: int, seed: int) -> NDArray[np.int64]:
    """Return (n,) fold numbers from 0, drawn by the seed; claims with the same text share a fold.

    The order of the claims makes no difference. Raises InputError if there are fewer distinct texts than folds.
    """
    texts = sorted({normalize_text(claim.text) for claim in claims})
    if len(texts) < n_folds:
        raise InputError(f"{len(texts)} distinct judged claims are too few for {n_folds} folds")
    random.Random(seed).shuffle(texts)
    fold_of = {text: number % n_folds for number, text in enumerate(texts)}
    return np.array([fold_of[normalize_text(claim.text)] for claim in claims], dtype=np.int64)


def best_setting(values: Values, settings: Sequence[PipelineConfig]) -> int:
    """Return the row of (n_settings, n_claims) values with the highest mean; of equal rows the first.

    In the order of `tuning_grid` the default comes first, then the cheapest.
    """
    if len(values) != len(settings):
        raise ValueError(f"{len(settings)} settings need as many rows of values, got {len(values)}")
    means = values.mean(axis=1)
    return int(np.flatnonzero(means >= means.max() - _EQUAL)[0])


def cross_validated(
    values: Values, folds: NDArray[np.int64], settings: Sequence[PipelineConfig]
) -> tuple[Values, list[int]]:
    """Return (n_claims,) values, each from the setting that is best without the claim's fold, and each fold's choice.

    A fold's own values have no influence on the choice that is measured on them.
    """
    held_out = np.zeros(values.shape[1], dtype=np.float64)
    choices: list[int] = []
    for fold in range(int(folds.max()) + 1):
        choice = best_setting(values[:, folds != fold], settings)
        held_out[folds == fold] = values[choice, folds == fold]
        choices.append(choice)
    return held_out, choices
