"""Cross-validation of settings over claims."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from claimhound.pipeline.evaluation.measures import Values
from claimhound.pipeline.search.config import PipelineConfig

# Means that differ by less count as equal: sums in another order differ in the last bits.
_EQUAL = 1e-9


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
