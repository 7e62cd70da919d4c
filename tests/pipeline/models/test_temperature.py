"""Temperature scaling: by hand, against scipy and scikit-learn, and as a file."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claimhound.data.errors import ModelError
from claimhound.pipeline.models.temperature import (
    fit_temperature,
    load_temperature,
    log_loss,
    save_temperature,
    softmax,
)

LOGITS = np.array([[math.log(4), 0.0, 0.0], [0.0, math.log(4), 0.0]])


def test_probabilities_by_hand():
    # Shares 4 : 1 : 1; at temperature 2 the roots of these, 2 : 1 : 1.
    np.testing.assert_allclose(softmax(LOGITS), [[4 / 6, 1 / 6, 1 / 6], [1 / 6, 4 / 6, 1 / 6]])
    np.testing.assert_allclose(softmax(LOGITS, 2.0), [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])


def test_large_logits_and_no_rows_are_no_trouble():
    assert softmax(np.array([[1e4, -1e4, 0.0]])).tolist() == [[1.0, 0.0, 0.0]]
    assert softmax(np.zeros((0, 3))).shape == (0, 3)


def test_the_log_loss_is_scikit_learns():
    from sklearn.metrics import log_loss as oracle

    logits = np.random.default_rng(1).normal(size=(40, 3)) * 3
    labels = np.arange(40) % 3
    assert log_loss(logits, labels, 1.7) == pytest.approx(oracle(labels, softmax(logits, 1.7)))


def test_of_four_pairs_three_right_the_likeliest_probability_is_three_quarters():
    # Two labels: sigmoid(2 / T) = 3/4 where 2 / T = log 3.
    logits = np.array([[2.0, 0.0]] * 4)
    assert fit_temperature(logits, np.array([0, 0, 0, 1])) == pytest.approx(2 / math.log(3), rel=1e-4)


@settings(deadline=None)  # the first example imports scipy
@given(st.integers(0, 10_000), st.floats(0.3, 5))
def test_the_temperature_is_the_one_that_scipy_finds_and_no_worse_than_none(seed, spread):
    from scipy.optimize import minimize_scalar

    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(60, 3)) * spread
    labels = np.array([generator.choice(3, p=row) for row in softmax(logits, 1.5)])
    found = fit_temperature(logits, labels)
    best = minimize_scalar(lambda cold: log_loss(logits, labels, 1 / cold), bounds=(1 / 20, 20), method="bounded")
    assert log_loss(logits, labels, found) == pytest.approx(best.fun, abs=1e-6)
    assert log_loss(logits, labels, found) <= log_loss(logits, labels) + 1e-9


def test_without_labels_there_is_nothing_to_fit():
    with pytest.raises(ValueError, match="got none"):
        fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=np.int64))


def test_what_is_saved_is_loaded_and_a_folder_without_one_has_temperature_one(tmp_path):
    assert load_temperature(tmp_path) == 1.0
    save_temperature(1.375, tmp_path)
    assert load_temperature(tmp_path) == 1.375


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "is not a JSON object"),
        ("{", "is not JSON"),
        ('{"format": 2, "temperature": 1.0}', "has format 2, this version reads 1"),
        ('{"format": 1, "temperature": 0}', "a number above 0, not 0"),
        ('{"format": 1, "temperature": true}', "a number above 0, not True"),
        ('{"format": 1}', "a number above 0, not None"),
    ],
)
def test_a_file_that_holds_no_temperature_is_refused(tmp_path, text, message):
    (tmp_path / "temperature.json").write_text(text)
    with pytest.raises(ModelError, match=message):
        load_temperature(tmp_path)
