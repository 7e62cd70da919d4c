"""Rule of a claim's summary: from the scores of both sides to SUPPORTS, REFUTES, DISPUTED or NOT_ENOUGH_INFO."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import ModelError
from claimhound.data.labelled_sets.stances import SIDES, Side, Verdict
from claimhound.data.records import Json
from claimhound.pipeline.models.blending import Blend
from claimhound.pipeline.models.relevance import number_in

SUMMARY_FILE = "summary.json"
_FORMAT = 1

Combination: TypeAlias = Literal["maximum", "noisy-or", "sum"]
COMBINATIONS: tuple[Combination, ...] = get_args(Combination)


@dataclass(frozen=True)
class SideMeasures:
    """How often claims are rightly called `side`, with 95 % intervals; NaN where nothing was called or labelled.

    `n_claims` claims were summarised, of which `n_labelled` have the label `side`; `n_called` were called so, and
    `n_right` of these have the label. `precision` is the share of the called that are right, `share` that of the
    labelled that are called; in figures over several fields each field weighs the same.
    """

    side: Side
    n_claims: int
    n_labelled: int
    n_called: int
    n_right: int
    precision: float
    precision_low: float
    precision_high: float
    share: float
    share_low: float
    share_high: float

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> SideMeasures:
        """Return the measures from their record; raises KeyError, TypeError or ValueError if it is invalid."""
        if record["side"] not in SIDES:
            raise ValueError(f"side must be one of {', '.join(SIDES)}, not {record['side']!r}")
        return cls(
            side=record["side"],
            n_claims=int(number_in(record, "n_claims")),
            n_labelled=int(number_in(record, "n_labelled")),
            n_called=int(number_in(record, "n_called")),
            n_right=int(number_in(record, "n_right")),
            precision=_number_or_nan(record, "precision"),
            precision_low=_number_or_nan(record, "precision_low"),
            precision_high=_number_or_nan(record, "precision_high"),
            share=_number_or_nan(record, "share"),
            share_low=_number_or_nan(record, "share_low"),
            share_high=_number_or_nan(record, "share_high"),
        )


@dataclass(frozen=True)
class SummaryRule:
    """When a claim is called SUPPORTS or REFUTES.

    `combination` makes a side's score of its pieces of evidence, see `side_scores`. A side is called if its score
    reaches the threshold and the other side's is less than `other_share` of it; None means that nothing is said for
    this side. `relevance_sha256` is the scale of relevance that the thresholds are for, see `relevance_sha256`.
    `target` is the precision they were chosen for, and `measured` what they reached on claims that did not choose them;
    both are empty for a rule that was not fitted.
    """

    combination: Combination
    supports: float | None
    refutes: float | None
    other_share: float = 0.5
    relevance_sha256: str = ""
    target: float | None = None
    measured: tuple[SideMeasures, ...] = ()

    def __post_init__(self) -> None:
        if self.combination not in COMBINATIONS:
            raise ValueError(f"combination must be one of {', '.join(COMBINATIONS)}, not {self.combination!r}")
        for name in ("supports", "refutes"):
            threshold = getattr(self, name)
            if threshold is not None and not 0 < threshold < math.inf:
                raise ValueError(f"the threshold of {name} must be above 0, got {threshold}")
        if not 0 < self.other_share <= 1:
            raise ValueError(f"other_share must be in (0, 1], got {self.other_share}")
        if self.target is not None and not 0 < self.target < 1:
            raise ValueError(f"target must be in (0, 1), got {self.target}")

    def threshold(self, side: Side) -> float | None:
        """Return the least score at which a side is called, None if it never is."""
        return self.supports if side == "SUPPORTS" else self.refutes

    def verdict(self, supports: float, refutes: float) -> Verdict:
        """Return what a claim is called given the scores of both sides.

        It is DISPUTED if both reach their threshold and neither outweighs the other.
        """
        for_it = self.supports is not None and supports >= self.supports
        against_it = self.refutes is not None and refutes >= self.refutes
        if for_it and outweighs(supports, refutes, self.other_share):
            return "SUPPORTS"
        if against_it and outweighs(refutes, supports, self.other_share):
            return "REFUTES"
        return "DISPUTED" if for_it and against_it else "NOT_ENOUGH_INFO"


UNMEASURED = SummaryRule("maximum", 0.5, 0.5)
"""The rule without a measured one: a piece must more probably than not be relevant and point to the side."""


def outweighs(score: float, other: float, other_share: float) -> bool:
    """Return whether the other side's score is less than this share of the score."""
    return other < other_share * score


def relevance_sha256(weights_sha256: str, blend: Blend) -> str:
    """Return the fingerprint of a reranker's scale of relevance: its weights, and how a logit becomes a probability.

    Thresholds on another scale mean something else.
    """
    scale = [weights_sha256, blend.intercept, [list(weight) for weight in blend.weights]]
    return hashlib.sha256(json.dumps(scale).encode()).hexdigest()


def summary_record(rule: SummaryRule) -> dict[str, Json]:
    """Return the content of `summary.json`; null where there is no number."""
    measured: list[Json] = [measures_record(one) for one in rule.measured]
    return {"format": _FORMAT, **asdict(rule), "measured": measured}


def measures_record(measures: SideMeasures) -> dict[str, Json]:
    """Return the measures as JSON; null where there is no number."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(measures).items()
    }


def save_summary_rule(rule: SummaryRule, model_dir: Path) -> None:
    """Write `summary.json` into the model folder, atomically.

    Raises InputError if the folder cannot be written.
    """
    with write_atomically(model_dir / SUMMARY_FILE) as file:
        file.write(json.dumps(summary_record(rule), indent=2, allow_nan=False) + "\n")


def load_summary_rule(model_dir: Path) -> SummaryRule | None:
    """Return the rule of a model folder, None if it has none.

    Raises ModelError for an invalid file, and for a format that this version does not know.
    """
    path = model_dir / SUMMARY_FILE
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != _FORMAT:
            raise ModelError(f"{path}: has format {record['format']!r}, this version reads {_FORMAT}")
        if not isinstance(record["relevance_sha256"], str):
            raise TypeError(f"relevance_sha256 must be a string, not {record['relevance_sha256']!r}")
        return SummaryRule(
            combination=record["combination"],
            supports=_number_or_none(record, "supports"),
            refutes=_number_or_none(record, "refutes"),
            other_share=number_in(record, "other_share"),
            relevance_sha256=record["relevance_sha256"],
            target=_number_or_none(record, "target"),
            measured=tuple(SideMeasures.from_record(one) for one in record["measured"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path}: is not a valid rule of summaries ({type(error).__name__}: {error}); "
            "delete it and fit it again with: claimhound evaluate-summary --fit"
        ) from error


def _number_or_none(record: Mapping[str, Any], name: str) -> float | None:
    return None if record[name] is None else number_in(record, name)


def _number_or_nan(record: Mapping[str, Any], name: str) -> float:
    return math.nan if record[name] is None else number_in(record, name)
