"""Verdict on the reranker: whether it helps on the judged claims."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from claimhound.data.records import Run
from claimhound.pipeline.evaluation.judged import JudgedClaims
from claimhound.pipeline.evaluation.measures import values_by_claim
from claimhound.pipeline.evaluation.statistics import SIGNIFICANT, PairedTest, paired_tests

VERDICT_MEASURE = "nDCG@10"


def leading_measure(measures: Sequence[str]) -> str:
    """Return the measure that orders claims: nDCG@10 if measured, otherwise the first."""
    return VERDICT_MEASURE if VERDICT_MEASURE in measures else measures[0]


@dataclass(frozen=True)
class Verdict:
    """The reranked list compared in nDCG@10 with the list `before` it.

    `word` is helps, hurts or unclear; the first two need p below .05. `means` holds the means of both lists.
    """

    word: str
    before: str
    means: dict[str, float]
    test: PairedTest

    @property
    def text(self) -> str:
        """The verdict in sentences."""
        what = {
            "helps": "The reranker helps on these claims",
            "hurts": "The reranker HURTS on these claims",
            "unclear": "The reranker makes no significant difference on these claims",
        }[self.word]
        mean, low, high = self.test.difference
        interval = "" if math.isnan(low) else f" [{low:+.3f}, {high:+.3f}]"
        means = ", ".join(f"{mean:.3f} {name}" for name, mean in self.means.items())
        return (
            f"{what}: {VERDICT_MEASURE} {means}, difference {mean:+.3f}{interval}, p = {self.test.p:.4f} in a "
            f"randomisation test. Better on {self.test.won:,}, worse on {self.test.lost:,}, the same on "
            f"{self.test.tied:,}."
        )


def verdict(runs: Mapping[str, Run], judged: JudgedClaims, seed: int) -> Verdict | None:
    """Test the reranked list against the fused one, or against BM25's without vectors; None without a reranker."""
    if "reranked" not in runs:
        return None
    before = "fused" if "fused" in runs else "bm25"
    rows = {
        name: values_by_claim(runs[name], judged.qrels, [VERDICT_MEASURE])[VERDICT_MEASURE]
        for name in (before, "reranked")
    }
    (test,) = paired_tests(rows[before][None], rows["reranked"][None], seed)
    word = "unclear" if test.p >= SIGNIFICANT else "helps" if test.difference.mean > 0 else "hurts"
    return Verdict(word, before, {name: float(row.mean()) for name, row in rows.items()}, test)
