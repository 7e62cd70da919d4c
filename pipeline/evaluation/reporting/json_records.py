"""JSON of figures."""

from __future__ import annotations

import json
import math

from claimhound.data.records import Json
from claimhound.pipeline.evaluation.statistics import Interval, PairedTest

FIGURES_SCHEMA = 1
"""The first key of every JSON document of figures, `schema`. Raise it when a key is removed or changes its meaning."""


def json_text(record: Json) -> str:
    """Return JSON with an indent, for files and standard output."""
    return json.dumps(record, ensure_ascii=False, allow_nan=False, indent=2)


def interval_record(interval: Interval) -> dict[str, Json]:
    """Return a figure with its 95 % interval; null where there is no number."""
    value = number(interval.mean)
    # `value` is the name. `mean` is what evaluate and compare called it before there was a schema.
    return {"value": value, "mean": value, "low": number(interval.low), "high": number(interval.high)}


def paired_test_record(test: PairedTest) -> dict[str, Json]:
    """Return a test with the difference that it tests."""
    return test._asdict() | {"difference": interval_record(test.difference)}


def number(value: float) -> float | None:
    """Return a number as JSON can hold it: null for NaN and infinity."""
    return value if math.isfinite(value) else None
