"""Agreement of a model's output with that of the same model in float32, and how much is enough."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

_LEAST_MEAN_COSINE = 0.995
LEAST_COSINE = 0.98
"""For texts of the sample, the bundled encoder's worst cosine to float32 is .9999 in bfloat16 and .993 in int8. It was
.55 in int8 with a bfloat16 hint on a processor with AMX. Two different sentences have .59 at most."""
# As a share of the logits' standard deviation; an error of a tenth preserves the order of texts.
_LARGEST_ERROR_SHARE = 0.1
_LEAST_SPEARMAN = 0.995
LARGEST_LENGTH_ERROR = 0.02

Output: TypeAlias = NDArray[np.floating]


class VectorAgreement(NamedTuple):
    """The mean and least cosine between two vectors of the same text.

    `length_error` is the largest relative difference between their lengths, 0 if lengths do not matter.
    """

    mean_cosine: float
    least_cosine: float
    length_error: float = 0.0

    @property
    def suffices(self) -> bool:
        """Whether the vectors are interchangeable."""
        is_near = self.mean_cosine >= _LEAST_MEAN_COSINE and self.least_cosine >= LEAST_COSINE
        return is_near and self.length_error <= LARGEST_LENGTH_ERROR

    def __str__(self) -> str:
        lengths = f", lengths off by {self.length_error:.3f}" if self.length_error else ""
        return f"cosine {self.mean_cosine:.3f}, least {self.least_cosine:.3f}{lengths}"


class LogitAgreement(NamedTuple):
    """The root mean square error of logits, their standard deviation in float32, and their rank correlation.

    With several labels, the standard deviation is around each label's own mean, and the lowest correlation counts.
    """

    rms_error: float
    standard_deviation: float
    spearman: float

    @property
    def suffices(self) -> bool:
        """Whether the logits are interchangeable."""
        return self.rms_error <= _LARGEST_ERROR_SHARE * self.standard_deviation and self.spearman >= _LEAST_SPEARMAN

    def __str__(self) -> str:
        return (
            f"logits off by {self.rms_error:.3f} of {self.standard_deviation:.2f}, rank correlation {self.spearman:.4f}"
        )


Agreement: TypeAlias = VectorAgreement | LogitAgreement


def vector_agreement(vectors: Output, reference: Output, *, with_lengths: bool = False) -> VectorAgreement:
    """Compare two (n, dim) arrays of nonzero vectors row by row; NaN agrees with nothing.

    Use `with_lengths` if the vectors' lengths matter.
    """
    products = (vectors * reference).sum(axis=1, dtype=np.float64)
    lengths, wanted = np.linalg.norm(vectors, axis=1), np.linalg.norm(reference, axis=1)
    cosines = products / (lengths * wanted)
    if not np.isfinite(cosines).all():
        return VectorAgreement(-1.0, -1.0)
    length_error = float(np.abs(lengths / wanted - 1).max()) if with_lengths else 0.0
    return VectorAgreement(float(cosines.mean()), float(cosines.min()), length_error)


def logit_agreement(logits: Output, reference: Output) -> LogitAgreement:
    """Compare two (n, labels) arrays of logits; NaN agrees with nothing."""
    deviation = float(np.sqrt(np.mean((reference - reference.mean(axis=0)) ** 2)))
    if not np.isfinite(logits).all():
        return LogitAgreement(float("inf"), deviation, -1.0)
    error = float(np.sqrt(np.mean((logits - reference) ** 2)))
    by_label = [_rank_correlation(*columns) for columns in zip(logits.T, reference.T, strict=True)]
    return LogitAgreement(error, deviation, min(by_label))


def _rank_correlation(left: Output, right: Output) -> float:
    """Return Spearman's correlation; for a constant column, 1 if both are constant, otherwise 0."""
    from scipy.stats import spearmanr

    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return float(np.ptp(left) == np.ptp(right))
    return float(spearmanr(left, right).statistic)
