"""The precision used is the first preferred one that agrees with float32 and is nearly as fast as any."""

from __future__ import annotations

import numpy as np
import pytest

from claimhound.pipeline.serving.agreement import LogitAgreement, VectorAgreement, logit_agreement, vector_agreement
from claimhound.pipeline.serving.precision import Candidate, choose

GOOD = VectorAgreement(0.999, 0.99)
BAD = VectorAgreement(0.958, 0.69)


@pytest.mark.parametrize(
    ("candidates", "served"),
    [
        # A processor with matrix units: bfloat16 is exact and as fast as int8.
        ([("bf16", 9.0, GOOD), ("int8", 10.0, GOOD), ("f32", 2.0, GOOD)], "bf16"),
        # bfloat16 without matrix units: int8 is fast enough to be worth its error.
        ([("bf16", 7.9, GOOD), ("int8", 10.0, GOOD), ("f32", 5.0, GOOD)], "int8"),
        ([("bf16", 8.0, GOOD), ("int8", 10.0, GOOD), ("f32", 5.0, GOOD)], "bf16"),
        # The speed of a precision that does not agree does not matter.
        ([("bf16", 7.0, GOOD), ("int8", 10.0, BAD), ("f32", 5.0, GOOD)], "bf16"),
        ([("bf16", 9.0, BAD), ("int8", 10.0, BAD), ("f32", 1.0, GOOD)], "f32"),
        ([("bf16", 0.1, None), ("int8", 10.0, GOOD), ("f32", 4.0, GOOD)], "int8"),
        # int8 no faster than float32: use float32.
        ([("int8", 3.0, GOOD), ("f32", 4.0, GOOD)], "f32"),
        ([("bf16", 9.0, BAD), ("int8", 10.0, BAD), ("f32", 1.0, BAD)], None),
        ([], None),
    ],
    ids=str,
)
def test_the_chosen_precision(candidates, served):
    chosen = choose([Candidate(*values) for values in candidates])
    assert (chosen and chosen.precision) == served


def test_a_precision_that_cannot_run_is_not_chosen():
    assert choose([Candidate("bf16", failure="no such instructions"), Candidate("f32", 1.0, GOOD)]).precision == "f32"


def test_vectors_are_compared_by_direction():
    reference = np.array([[2.0, 0.0], [0.0, 1.0]])
    assert vector_agreement(np.array([[1.0, 0.0], [0.0, 5.0]]), reference) == VectorAgreement(1.0, 1.0)
    found = vector_agreement(np.array([[1.0, 0.0], [3.0, 4.0]]), reference)
    assert found == pytest.approx((0.9, 0.8, 0.0))
    assert not found.suffices


@pytest.mark.parametrize(
    ("mean", "least", "suffices"), [(0.995, 0.98, True), (0.9949, 0.99, False), (0.999, 0.979, False)]
)
def test_the_thresholds_for_vectors(mean, least, suffices):
    assert VectorAgreement(mean, least).suffices is suffices


def test_lengths_are_compared_on_request():
    reference = np.array([[2.0, 0.0], [0.0, 1.0]])
    longer = np.array([[2.1, 0.0], [0.0, 1.0]])
    assert vector_agreement(longer, reference).suffices
    found = vector_agreement(longer, reference, with_lengths=True)
    assert found.length_error == pytest.approx(0.05)
    assert not found.suffices


def test_logits_are_compared_by_error_and_order():
    reference = np.array([[0.0], [1.0], [2.0], [3.0]])  # deviations ±1.5, ±.5: root mean square 1.118
    found = logit_agreement(reference + np.array([[0.1], [-0.1], [0.1], [-0.1]]), reference)
    assert found == pytest.approx((0.1, 1.1180, 1.0), abs=1e-4)
    assert found.suffices
    swapped = logit_agreement(reference[[1, 0, 2, 3]], reference)
    assert swapped == pytest.approx((0.7071, 1.1180, 0.8), abs=1e-4)
    assert not swapped.suffices


def test_an_offset_between_labels_does_not_count_as_spread():
    reference = np.array([[0.0, 100.0], [1.0, 101.0]])
    assert logit_agreement(reference, reference) == pytest.approx((0.0, 0.5, 1.0))


def test_the_worst_label_counts():
    reference = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    other = reference.copy()
    other[[1, 2], 1] = other[[2, 1], 1]
    assert logit_agreement(other, reference).spearman == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("error", "spearman", "suffices"), [(0.1, 0.995, True), (0.11, 1.0, False), (0.0, 0.994, False)]
)
def test_the_thresholds_for_logits(error, spearman, suffices):
    assert LogitAgreement(error, 1.0, spearman).suffices is suffices


def test_nan_agrees_with_nothing():
    assert not vector_agreement(np.array([[np.nan, 1.0]]), np.array([[0.0, 1.0]])).suffices
    assert not logit_agreement(np.array([[np.nan], [1.0]]), np.array([[0.0], [1.0]])).suffices


def test_constant_logits_agree_only_with_constant_logits():
    same, other = np.zeros((3, 1)), np.array([[0.0], [1.0], [2.0]])
    assert logit_agreement(same, same).suffices
    assert not logit_agreement(same, other).suffices
