"""Temperature of a classifier: one number that calibrates its probabilities."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.files import read_json

Floats: TypeAlias = NDArray[np.float64]

_FILE = "temperature.json"
_FORMAT = 1
_COOLEST, _HOTTEST = 0.05, 20.0


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Return (n, labels) probabilities of (n, labels) logits; a temperature above 1 makes them less confident."""
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities: Floats = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def log_loss(logits: Floats, labels: NDArray[np.int64], temperature: float = 1.0) -> float:
    """Return the mean negative log-likelihood of (n,) label numbers; lower is better."""
    scaled = logits / temperature
    highest = scaled.max(axis=1)
    log_sums = highest + np.log(np.exp(scaled - highest[:, None]).sum(axis=1))
    return float((log_sums - scaled[np.arange(len(labels)), labels]).mean())


def fit_temperature(logits: Floats, labels: NDArray[np.int64]) -> float:
    """Return the temperature in [0.05, 20] with the highest likelihood of the labels of held-out pairs.

    The loss is convex in 1 / temperature, so a golden-section search finds its minimum. Raises ValueError without any
    label.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2.
    """
    if not len(labels):
        raise ValueError("fitting a temperature needs labelled pairs, got none")
    ratio = (math.sqrt(5) - 1) / 2
    low, high = 1 / _HOTTEST, 1 / _COOLEST
    while high - low > 1e-6 * high:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if log_loss(logits, labels, 1 / left) <= log_loss(logits, labels, 1 / right):
            high = right
        else:
            low = left
    return 2 / (low + high)


def save_temperature(temperature: float, model_dir: Path) -> None:
    """Write `temperature.json` into the model folder."""
    record = {"format": _FORMAT, "temperature": temperature}
    (model_dir / _FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def load_temperature(model_dir: Path) -> float:
    """Return the temperature of a model folder, 1 if it has none; raises ModelError for an invalid file."""
    path = model_dir / _FILE
    if not path.exists():
        return 1.0
    record = read_json(path)
    if record.get("format") != _FORMAT:
        raise ModelError(f"{path}: has format {record.get('format')!r}, this version reads {_FORMAT}")
    value = record.get("temperature")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ModelError(f"{path}: the temperature must be a number above 0, not {value!r}")
    return float(value)
