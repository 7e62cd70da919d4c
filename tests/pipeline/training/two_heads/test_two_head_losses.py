"""The loss of a model with two heads, compared with numpy for everything that may be known of a pair."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from claimhound.data.labelled_sets.stances import STANCES
from claimhound.data.labelled_sets.taught_pairs import TaughtPair
from claimhound.pipeline.training.two_heads.losses import two_head_lesson
from claimhound.pipeline.training.two_heads.recipe import TwoHeadRecipe

TEACHER = (1.5, -2.0, 0.5, 3.0)
COMBINATIONS = [
    TaughtPair("sea", "ice", relevance, stance, teacher)
    for relevance, stance, teacher in itertools.product((None, 0.0, 0.25, 1.0), (None, *STANCES), (None, TEACHER))
]


def loss_and_gradient(pairs, logits, recipe):
    """Return the loss of a model that gives these logits, and its gradient with respect to them."""
    import torch

    class Fixed(torch.nn.Module):
        device = torch.device("cpu")

        def __init__(self):
            super().__init__()
            self.logits = torch.nn.Parameter(torch.tensor(np.asarray(logits), dtype=torch.float32))

        def preprocess(self, read, prompt=None, task=None):
            assert read == [(pair.claim, pair.text) for pair in pairs]
            return {"rows": torch.arange(len(read))}

        def forward(self, tokens):
            return {"scores": self.logits[tokens["rows"]]}

    model = Fixed()
    lesson = two_head_lesson(model, pairs, recipe)
    texts = [lesson.columns["query"], lesson.columns["text"]]
    loss = lesson.loss(texts, [torch.tensor(row) for row in lesson.columns["label"]])
    loss.backward()
    return loss.item(), model.logits.grad.numpy()


def by_hand(pair, logits, recipe):
    """Return the loss of one pair."""
    x, stances = float(logits[0]), np.asarray(logits[1:], dtype=np.float64)
    log_probabilities = stances - math.log(np.exp(stances).sum())
    own, taught = {}, {}
    if pair.relevance is not None:
        p = 1 / (1 + math.exp(-x))
        own["relevance"] = -pair.relevance * math.log(p) - (1 - pair.relevance) * math.log(1 - p)
    if pair.stance is not None:
        own["stance"] = -log_probabilities[STANCES.index(pair.stance)]
    if pair.teacher is not None:
        taught["relevance"] = (x - pair.teacher[0]) ** 2 / 8
        powers = np.exp(pair.teacher[1:])
        taught["stance"] = -(powers / powers.sum() * log_probabilities).sum()
    total = 0.0
    for head, weight in (("relevance", recipe.relevance_weight), ("stance", 1.0)):
        if head in own and head in taught:
            total += weight * ((1 - recipe.teacher_share) * own[head] + recipe.teacher_share * taught[head])
        else:
            total += weight * own.get(head, taught.get(head, 0.0))
    return total


def test_the_loss_of_equal_logits_can_be_worked_out_by_hand():
    recipe = TwoHeadRecipe(teacher_share=0.75, relevance_weight=2.0)
    nothing_said = [[0.0] * 4]
    relevant = TaughtPair("sea", "ice", relevance=1.0)
    refuting = TaughtPair("sea", "ice", stance="REFUTES")
    taught = TaughtPair("sea", "ice", teacher=(2.0, 0.0, 0.0, 0.0))
    assert loss_and_gradient([relevant], nothing_said, recipe)[0] == pytest.approx(2 * math.log(2))
    assert loss_and_gradient([refuting], nothing_said, recipe)[0] == pytest.approx(math.log(3))
    # The square of 2 is 4, an eighth of it one half, twice that 1.
    assert loss_and_gradient([taught], nothing_said, recipe)[0] == pytest.approx(1 + math.log(3))
    both = taught._replace(relevance=1.0)
    assert loss_and_gradient([both], nothing_said, recipe)[0] == pytest.approx(
        0.25 * 2 * math.log(2) + 0.75 * 1 + math.log(3)
    )


@pytest.mark.parametrize(("share", "weight"), [(0.7, 1.0), (0.0, 1.0), (1.0, 0.5)])
def test_every_combination_of_labels_and_teacher_has_the_loss_of_the_formulas(share, weight):
    recipe = TwoHeadRecipe(teacher_share=share, relevance_weight=weight)
    logits = np.random.default_rng(3).normal(0, 2, (len(COMBINATIONS), 4)).astype(np.float32)
    expected = [by_hand(pair, row, recipe) for pair, row in zip(COMBINATIONS, logits, strict=True)]
    for pair, row, one in zip(COMBINATIONS, logits, expected, strict=True):
        assert loss_and_gradient([pair], [row], recipe)[0] == pytest.approx(one, rel=1e-4, abs=1e-6), pair
    assert loss_and_gradient(COMBINATIONS, logits, recipe)[0] == pytest.approx(np.mean(expected), rel=1e-4)


def test_what_is_not_known_leaves_no_trace_in_the_gradient():
    logits = np.random.default_rng(4).normal(0, 2, (len(COMBINATIONS), 4)).astype(np.float32)
    _, gradient = loss_and_gradient(COMBINATIONS, logits, TwoHeadRecipe())
    assert np.isfinite(gradient).all()
    for pair, row in zip(COMBINATIONS, gradient, strict=True):
        assert (row[0] != 0) == (pair.relevance is not None or pair.teacher is not None), pair
        assert (row[1:] != 0).all() == (pair.stance is not None or pair.teacher is not None), pair
        assert (row[1:] == 0).all() == (pair.stance is None and pair.teacher is None), pair


def test_a_lesson_is_read_at_the_length_for_training():
    import torch

    lesson = two_head_lesson(torch.nn.Identity(), COMBINATIONS, TwoHeadRecipe(training_length=16, max_length=32))
    assert lesson.max_length == 16
