"""Confidence intervals of means over claims, and tests of differences, by scipy's resampling."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

LEVEL = 0.95
SIGNIFICANT = 0.05
"""A difference with a p below this counts as more than chance."""
N_RESAMPLES = 9_999
# Resampled at a time: 64 MB.
_NUMBERS_AT_A_TIME = 8_000_000


class Interval(NamedTuple):
    """A mean with its 95 % interval; `low` and `high` are NaN for fewer than two values."""

    mean: float
    low: float
    high: float


class PairedTest(NamedTuple):
    """The difference between two systems on the same claims, B minus A, in the measure's units.

    `p` is the two-sided probability of a difference this large if the systems were interchangeable; `p_holm` is `p`
    corrected for all differences that were tested together. `won`, `lost` and `tied` count claims.
    """

    difference: Interval
    p: float
    p_holm: float
    won: int
    lost: int
    tied: int


def mean_intervals(values: Floats, seed: int) -> list[Interval]:
    """Return the mean and percentile bootstrap interval of each row of (m, n) values, over the n claims.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; 9,999 resamples, which draw the
    same claims in all rows.
    """
    if values.ndim != 2:
        raise ValueError(f"expected (m, n) values, got the shape {values.shape}")
    n_rows, n = values.shape
    means = values.mean(axis=1) if n else np.full(n_rows, np.nan)
    if n < 2 or not n_rows:
        return [Interval(float(mean), np.nan, np.nan) for mean in means]
    low, high = _percentile_bootstrap(values, np.mean, seed, batch=max(1, _NUMBERS_AT_A_TIME // values.size))
    # The mean of equal values can differ from its resamples' in the last bit.
    return [
        Interval(float(mean), min(float(mean), float(below)), max(float(mean), float(above)))
        for mean, below, above in zip(means, low, high, strict=True)
    ]


def paired_tests(first: Floats, second: Floats, seed: int) -> list[PairedTest]:
    """Test each row of `second` against the same row of `first`, both (m, n), over the n claims.

    The sign of each claim's difference is flipped at random 9,999 times (if there are no more combinations than that,
    each is taken once); p is the share of flips, our own sample included, whose mean is as far from 0.

    Source: Smucker, Allan and Carterette, CIKM 2007; Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(f"expected two arrays of one shape (m, n), got {first.shape} and {second.shape}")
    from scipy import stats

    differences = second - first
    # Sums in another order differ in the last bits; such claims are ties.
    differences[np.abs(differences) < 1e-12] = 0.0
    n_rows, n = differences.shape
    if n < 2 or not n_rows:
        p_values = [1.0] * n_rows
    else:
        found = stats.permutation_test(
            (differences,),
            np.mean,
            permutation_type="samples",
            vectorized=True,
            n_resamples=N_RESAMPLES,
            batch=max(1, _NUMBERS_AT_A_TIME // differences.size),
            axis=-1,
            rng=np.random.default_rng(seed),
        )
        p_values = [float(p) for p in np.atleast_1d(found.pvalue)]
    return [
        PairedTest(interval, p, p_holm, int((row > 0).sum()), int((row < 0).sum()), int((row == 0).sum()))
        for interval, p, p_holm, row in zip(
            mean_intervals(differences, seed), p_values, holm(p_values), differences, strict=True
        )
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected for their number, in the same order: never smaller than before, at most 1.

    The i-th smallest of m, from 0, is multiplied by m - i, and is never below the corrected value of a smaller one.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6, 1979.
    """
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for i, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        highest = max(highest, min(1.0, (len(p_values) - i) * p_values[place]))
        corrected[place] = highest
    return corrected


def clustered_interval(
    statistic: Callable[[NDArray[np.int64]], float], clusters: Sequence[Hashable], seed: int, n_resamples: int = 1_999
) -> Interval:
    """Return a statistic of some rows with its percentile bootstrap interval, drawing whole clusters of rows.

    `clusters` names each row's cluster: pairs of one claim depend on each other, and drawing them one by one would make
    the interval too narrow. `statistic` is called with row numbers, which may repeat.
    """
    number_of = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    numbers_of_rows = np.array([number_of[cluster] for cluster in clusters], dtype=np.int64)
    rows = np.argsort(numbers_of_rows, kind="stable")  # cluster after cluster
    sizes = np.bincount(numbers_of_rows)
    starts = np.cumsum(sizes) - sizes
    whole = statistic(np.arange(len(clusters), dtype=np.int64))
    if len(sizes) < 2:
        return Interval(whole, np.nan, np.nan)

    def of_drawn(drawn: Floats, axis: int = -1) -> float:  # noqa: ARG001 (scipy's signature)
        chosen = drawn.astype(np.int64)
        lengths = sizes[chosen]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return statistic(rows[np.repeat(starts[chosen], lengths) + within])

    numbers = np.arange(len(sizes), dtype=np.float64)
    low, high = _percentile_bootstrap(numbers, of_drawn, seed, n_resamples=n_resamples, vectorized=False)
    return Interval(whole, min(whole, float(low)), max(whole, float(high)))


def clustered_intervals(
    statistics: Callable[[NDArray[np.int64]], Floats], clusters: Sequence[Hashable], seed: int, n_resamples: int = 1_999
) -> list[Interval]:
    """Return the interval of each of several statistics of the same rows; see `clustered_interval`.

    All use the same draws, because drawing takes longer than computing.
    """
    kept: list[Floats] = []

    def first(rows: NDArray[np.int64]) -> float:
        kept.append(statistics(rows))
        return float(kept[-1][0])

    clustered_interval(first, clusters, seed, n_resamples)
    whole, samples = kept[0], np.array(kept[1:])  # (statistics,), (n_resamples, statistics)
    if not len(samples):
        return [Interval(float(value), np.nan, np.nan) for value in whole]
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(samples, (tail, 100 - tail), axis=0)
    return [
        Interval(float(value), min(float(value), float(below)), max(float(value), float(above)))
        for value, below, above in zip(whole, low, high, strict=True)
    ]


def wilson_interval(share: float, n: float) -> Interval:
    """Return the share of n independent trials that succeeded, with its 95 % score interval; NaN for no trial.

    n may be the effective number of weighted trials, see `effective_number`.

    Source: Wilson, Journal of the American Statistical Association 22, 1927.
    """
    if n <= 0:
        return Interval(np.nan, np.nan, np.nan)
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    return Interval(
        share, max(0.0, min(share, wilson_bound(share, n, -z))), min(1.0, max(share, wilson_bound(share, n, z)))
    )


def wilson_bound(share: Any, n: Any, z: float) -> Any:
    """Return the end of Wilson's interval z standard errors above the share, below it for a negative z.

    `share` and `n`, above 0, may be arrays.
    """
    centre = share + z * z / (2 * n)
    return (centre + z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))) / (1 + z * z / n)


def effective_number(weights: Floats) -> float:
    """Return how many equal trials tell as much as these weighted ones: (sum of weights)^2 / sum of squares.

    Source: Kish, Survey Sampling, 1965.
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def _percentile_bootstrap(
    values: Floats,
    statistic: Callable[..., Any],
    seed: int,
    *,
    n_resamples: int = N_RESAMPLES,
    vectorized: bool = True,
    batch: int | None = None,
) -> tuple[Any, Any]:
    from scipy import stats

    found = stats.bootstrap(
        (values,),
        statistic,
        n_resamples=n_resamples,
        batch=batch,
        vectorized=vectorized,
        axis=-1,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return found.confidence_interval.low, found.confidence_interval.high
