"""Figures of a stance model: by hand, against scikit-learn, and as text for people and programs."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_fakes import FakeStance

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.stances import STANCES, StancePair, StanceSet
from claimhound.pipeline.evaluation.reporting.stance_figures import as_csv, as_latex, as_record, as_text
from claimhound.pipeline.evaluation.stance import (
    evaluate_stance,
    label_counts,
    macro_f1,
    measure_set,
    write_stance_scores,
)
from claimhound.pipeline.models.cross_encoders import StanceScores

S, R, N = STANCES
ROWS = {S: (0.8, 0.1, 0.1), R: (0.1, 0.8, 0.1), N: (0.1, 0.1, 0.8)}
# label, what the model calls it
CALLS = [(S, S), (S, S), (S, N), (R, R), (R, S), (N, N)]


def stance_set(calls, *, n_claims=3, **options):
    pairs = [
        StancePair(str(number), f"claim {number % n_claims}", f"text {number}", label)
        for number, (label, _) in enumerate(calls)
    ]
    return StanceSet("folder/file", pairs, **options)


def model_for(calls):
    return FakeStance(
        {f"text {number}": ROWS[called] for number, (_, called) in enumerate(calls)}, truncated=["text 1"]
    )


def measured(calls, **options):
    return evaluate_stance([stance_set(calls, **options)], model_for(calls))


def test_figures_agree_with_hand_calculation():
    # 4 of 6 right. S: 2 right, 3 called, 3 there: F1 2/3. R: 1, 1, 2: F1 2/3. N: 1, 2, 1: F1 2/3.
    (found,) = measured(CALLS).sets
    assert found.accuracy.mean == pytest.approx(4 / 6)
    assert found.macro_f1.mean == pytest.approx(2 / 3)
    assert found.confusion.tolist() == [[2, 0, 1], [1, 1, 0], [0, 0, 1]]
    # Always SUPPORTS: 3 of 6 right, F1 of S 2/3, of the other two 0.
    assert (found.majority, found.majority_accuracy, found.majority_macro_f1) == (S, 0.5, pytest.approx(2 / 9))
    assert (found.n_pairs, found.n_claims, found.n_truncated) == (6, 3, 1)
    # All called with .8, of which 4 in 6 are right.
    assert found.calibration_error == pytest.approx(0.8 - 4 / 6)
    assert 0 <= found.accuracy.low <= found.accuracy.mean <= found.accuracy.high <= 1


def test_macro_f1_is_the_mean_over_the_labels_in_the_set():
    # S: F1 1. R: one of two right, the other called N: F1 2/3. N is called, and not there.
    (found,) = measured([(S, S), (R, R), (R, N)]).sets
    assert found.macro_f1.mean == pytest.approx((1 + 2 / 3) / 2)


def test_which_side_is_measured_by_the_likelier_of_the_two_even_where_neither_is_likeliest():
    pairs = stance_set([(S, N), (S, N), (R, N), (N, N)])
    rows = np.array([[0.3, 0.1, 0.6], [0.1, 0.2, 0.7], [0.1, 0.3, 0.6], [0.0, 0.1, 0.9]])
    found = measure_set(pairs, StanceScores(rows, np.zeros(4, dtype=bool)))
    assert found.two_way is not None
    # Of the three that support or refute, the first and the third are on the right side.
    assert found.two_way.mean == pytest.approx(2 / 3)
    assert found.majority_two_way == pytest.approx(2 / 3)
    assert found.accuracy.mean == 1 / 4


def test_a_set_of_one_side_alone_has_no_such_figure():
    evaluation = measured([(S, S), (N, N)])
    assert (evaluation.sets[0].two_way, evaluation.sets[0].majority_two_way) == (None, None)
    assert as_record(evaluation)["sets"][0]["two_way"] is None
    assert "supports or refutes  " not in as_text(evaluation)


def test_a_set_without_refutes_merges_it_into_not_enough_info():
    evaluation = measured([(S, S), (N, R), (N, N), (S, R)], tells_refuted=False)
    (found,) = evaluation.sets
    assert found.confusion.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 2]]
    assert found.accuracy.mean == 0.75
    assert any("REFUTES counts as NOT_ENOUGH_INFO in folder/file" in note for note in evaluation.notes)
    # Each of R and N alone is less likely than S, and together they are likelier.
    one = stance_set([(N, N)], tells_refuted=False)
    split = StanceScores(np.array([[0.4, 0.3, 0.3]]), np.array([False]))
    assert measure_set(one, split).accuracy.mean == 1


_calls = st.lists(st.tuples(st.sampled_from(STANCES), st.sampled_from(STANCES)), min_size=1, max_size=30)


@settings(deadline=None)  # the first example imports scikit-learn
@given(_calls)
def test_figures_agree_with_scikit_learn(calls):
    from sklearn.metrics import confusion_matrix, f1_score

    labels, called = zip(*calls, strict=True)
    confusion = confusion_matrix(labels, called, labels=STANCES)
    present = confusion.sum(axis=1) > 0
    expected = f1_score(labels, called, labels=[s for s in STANCES if s in labels], average="macro", zero_division=0.0)
    assert macro_f1(confusion, present) == pytest.approx(expected)


def test_figures_of_a_whole_set_agree_with_scikit_learn():
    from sklearn.metrics import accuracy_score, f1_score

    generator = np.random.default_rng(2)
    calls = [(STANCES[a], STANCES[b]) for a, b in generator.integers(0, 3, size=(60, 2))]
    (found,) = measured(calls, n_claims=20).sets
    labels, called = zip(*calls, strict=True)
    assert found.accuracy.mean == pytest.approx(accuracy_score(labels, called))
    assert found.macro_f1.mean == pytest.approx(f1_score(labels, called, average="macro"))


def test_a_note_names_sets_where_the_majority_label_does_as_well():
    good, bad = [(S, S), (R, R)] * 20, [(S, S), (R, S)] * 20
    sets = [stance_set(good, n_claims=20), StanceSet("other/set", stance_set(bad, n_claims=20).pairs)]
    calls = iter([model_for(good), model_for(bad)])
    model = FakeStance()
    model.classify = lambda pairs: next(calls).classify(pairs)
    evaluation = evaluate_stance(sets, model)
    assert [found.beats_majority for found in evaluation.sets] == [True, False]
    (note,) = evaluation.notes
    assert note.endswith("by more than chance: other/set (always SUPPORTS).")


def test_one_claim_has_no_interval_and_gets_a_note():
    evaluation = measured([(S, S), (R, R)], n_claims=1)
    assert math.isnan(evaluation.sets[0].accuracy.low)
    assert not evaluation.sets[0].beats_majority
    assert json.loads(json.dumps(as_record(evaluation), allow_nan=False))["sets"][0]["accuracy"]["low"] is None


def test_long_sets_are_classified_in_batches_in_order():
    calls = [(S, S), (R, R), (N, S)] * 400
    seen = []
    model = model_for(calls)
    evaluation = evaluate_stance([stance_set(calls)], model, on_progress=lambda *step: seen.append(step))
    assert seen == [("classify", done, 1200) for done in (512, 1024, 1200)]
    assert evaluation.sets[0].accuracy.mean == pytest.approx(2 / 3)


def test_json_has_every_figure():
    record = as_record(measured(CALLS))
    (found,) = record["sets"]
    assert found["confusion"][R] == {S: 1, R: 1, N: 0}
    assert found["majority"] == {"label": S, "accuracy": 0.5, "macro_f1": pytest.approx(2 / 9), "two_way": 0.6}
    assert found["two_way"]["mean"] == pytest.approx(3 / 5)
    assert list(found["accuracy"]) == ["value", "mean", "low", "high"]
    assert (record["model"], record["seed"]) == ("fake-stance", 0)


def test_csv_has_a_line_per_set():
    (row,) = csv.DictReader(io.StringIO(as_csv(measured(CALLS))))
    assert (row["set"], row["pairs"], row[S], row["majority"]) == ("folder/file", "6", "3", S)
    assert float(row["accuracy"]) == pytest.approx(4 / 6)
    assert as_latex(measured(CALLS)).count("folder/file") == 1


@pytest.mark.parametrize("width", [40, 80])
def test_text_has_figures_and_a_confusion_matrix_per_set(width):
    shown = as_text(measured(CALLS), width)
    assert max(map(len, shown.splitlines())) <= width
    assert "folder/file: 6 pairs of 3 claims" in shown
    assert "   S  R  N\nS  2  0  1\nR  1  1  0\nN  0  0  1" in shown


def test_each_pair_is_written_with_its_probabilities(tmp_path):
    evaluation = measured(CALLS)
    write_stance_scores([stance_set(CALLS)], evaluation, tmp_path / "scores.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [line["label"] for line in lines] == [label for label, _ in CALLS]
    assert lines[4]["probabilities"] == dict(zip(STANCES, ROWS[S], strict=True))
    assert [line["truncated"] for line in lines] == [False, True, False, False, False, False]
    with pytest.raises(InputError, match="cannot be written"):
        write_stance_scores([stance_set(CALLS)], evaluation, tmp_path / "no" / "scores.jsonl")


def test_labels_are_counted_in_the_order_of_stances():
    assert label_counts(stance_set(CALLS)) == {S: 3, R: 2, N: 1}
