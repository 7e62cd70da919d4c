"""Classification of pairs: figures by hand, and those of scikit-learn and of the model card's own evaluator."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pipeline_fakes import FakeReranker

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.pairs import JudgedPair
from claimhound.pipeline.evaluation.classification import FIGURES, Classification
from claimhound.pipeline.evaluation.pairs import evaluate_pairs, measure, write_pair_scores
from claimhound.pipeline.evaluation.reporting.pair_figures import as_csv, as_latex, as_record, as_text
from claimhound.pipeline.evaluation.statistics import clustered_interval
from claimhound.pipeline.models.blending import Blend
from claimhound.pipeline.models.pair_readers import TokenPairReader

# Sigmoids of these are 0.9, 0.75, 0.5, 0.25 and 0.1.
LOGITS = {"a": math.log(9), "b": math.log(3), "c": 0.0, "d": -math.log(3), "e": -math.log(9)}
RELEVANT = {"a", "c", "d"}
PAIRS = [JudgedPair(text, f"claim {text in 'ab'}", text, text in RELEVANT) for text in "caebd"]


def by_evaluator(scores, relevant):
    """Accuracy, F1, precision, recall and both thresholds as a model card has them, and scikit-learn's precision."""
    from sentence_transformers.sentence_transformer.evaluation import BinaryClassificationEvaluator
    from sklearn.metrics import average_precision_score

    labels = relevant.astype(np.int64)
    accuracy, accuracy_threshold = BinaryClassificationEvaluator.find_best_acc_and_threshold(scores, labels, True)
    f1, precision, recall, f1_threshold = BinaryClassificationEvaluator.find_best_f1_and_threshold(scores, labels, True)
    average_precision = average_precision_score(labels, scores) if relevant.any() else 0.0
    return [accuracy, f1, precision, recall, average_precision], (accuracy_threshold, f1_threshold)


def test_figures_agree_with_hand_calculation():
    # best first:        a 0.9  b 0.75  c 0.5  d 0.25  e 0.1
    # relevant:          yes    no      yes    yes     no
    # right down to it:  3      2       3      4       3     of 5; 2 if none is called relevant
    # precision:         1      1/2     2/3    3/4     3/5
    # recall:            1/3    1/3     2/3    1       1
    # F1:                1/2    2/5     2/3    6/7     3/4
    found = evaluate_pairs(PAIRS, FakeReranker(LOGITS)).figures
    assert list(found) == list(FIGURES)
    average_precision = (1 + 2 / 3 + 3 / 4) / 3
    values = [figure.value for figure in found.values()]
    assert values == pytest.approx([4 / 5, 6 / 7, 3 / 4, 1, average_precision])
    thresholds = [figure.threshold for figure in found.values()]
    assert thresholds[:4] == pytest.approx([(0.25 + 0.1) / 2] * 4)
    assert thresholds[4] is None
    # All called relevant: 3 of 5 right, precision 3/5, recall 1, F1 2 * 3/5 / (3/5 + 1) = 3/4.
    assert [figure.always_relevant for figure in found.values()] == pytest.approx([3 / 5, 3 / 4, 3 / 5, 1, 3 / 5])


def test_a_fixed_threshold_includes_equal_scores():
    # a, b and c are called relevant: a, c and e are called right; precision and recall are 2/3.
    found = evaluate_pairs(PAIRS, FakeReranker(LOGITS), threshold=0.5).figures
    values = [figure.value for figure in found.values()]
    assert values == pytest.approx([3 / 5, 2 / 3, 2 / 3, 2 / 3, (1 + 2 / 3 + 3 / 4) / 3])
    assert [figure.threshold for figure in found.values()] == [0.5, 0.5, 0.5, 0.5, None]


def test_if_calling_nothing_relevant_is_best_the_threshold_is_above_every_score():
    scores, relevant = np.array([0.5, 0.25, 0.125]), np.array([False, False, True])
    accuracy, _ = Classification(scores, relevant).best_thresholds()
    assert accuracy == np.nextafter(0.5, 1)
    assert Classification(scores, relevant).figures(np.arange(3))[0] == 2 / 3


def test_a_threshold_between_adjacent_floats_excludes_the_lower_one():
    low, high = 0.5, np.nextafter(0.5, 1)
    assert (low + high) / 2 == low  # rounded
    assert Classification(np.array([low, high]), np.array([False, True])).best_thresholds() == (high, high)


# Few values, so that there are ties, and neighbours without a number between them.
_scores = st.sampled_from([0.0, 0.1, 0.3, np.nextafter(0.3, 1), 0.5, 0.7, 1.0]) | st.floats(0, 1)
_samples = st.lists(st.tuples(_scores, st.booleans()), min_size=1, max_size=30)


@settings(deadline=None)  # the first example imports the evaluator
@given(_samples)
def test_figures_and_thresholds_match_the_evaluator_to_the_last_bit(sample):
    scores, relevant = (np.array(column) for column in zip(*sample, strict=True))
    assume(relevant.any())
    classification = Classification(scores, relevant)
    figures, thresholds = by_evaluator(scores, relevant)
    found = classification.figures(np.arange(len(scores)))
    assert found[:4].tolist() == figures[:4]
    assert found[4] == pytest.approx(figures[4], abs=1e-12)
    assert classification.best_thresholds() == thresholds


@settings(deadline=None)
@given(_samples, st.data())
def test_figures_of_drawn_rows_match_those_of_the_sample(sample, data):
    scores, relevant = (np.array(column) for column in zip(*sample, strict=True))
    rows = np.array(data.draw(st.lists(st.integers(0, len(scores) - 1), min_size=1, max_size=40)))
    figures, _ = by_evaluator(scores[rows], relevant[rows])
    found = Classification(scores, relevant).figures(rows)
    assert found[:4].tolist() == figures[:4]
    assert found[4] == pytest.approx(figures[4], abs=1e-12)


@settings(deadline=None)
@given(_samples, _scores, st.data())
def test_figures_at_a_fixed_threshold_agree_with_scikit_learn(sample, threshold, data):
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    scores, relevant = (np.array(column) for column in zip(*sample, strict=True))
    rows = np.array(data.draw(st.lists(st.integers(0, len(scores) - 1), min_size=1, max_size=40)))
    called = scores[rows] >= threshold
    wanted = [accuracy_score(relevant[rows], called)]
    wanted += [score(relevant[rows], called, zero_division=0) for score in (f1_score, precision_score, recall_score)]
    assert Classification(scores, relevant).figures(rows, threshold)[:4] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("threshold", [None, 0.4])
def test_intervals_match_those_of_each_figure_alone(threshold):
    generator = np.random.default_rng(5)
    relevant = generator.random(60) < 0.5
    scores = np.round(np.clip(generator.random(60) * 0.7 + relevant * 0.3, 0, 1), 1)
    claims = [f"claim {number // 3}" for number in range(60)]

    def plainly(rows, number):
        if threshold is None or number == 4:
            return float(by_evaluator(scores[rows], relevant[rows])[0][number])
        called, right = scores[rows] >= threshold, relevant[rows]
        hits = (called & right).sum()
        ratios = [(called == right).mean(), 2 * hits / (called.sum() + right.sum()), hits / called.sum()]
        return float([*ratios, hits / right.sum()][number])

    found = measure(scores, relevant, claims, threshold=threshold, seed=3, n_resamples=99)
    for number, figure in enumerate(found.values()):
        wanted = clustered_interval(lambda rows, number=number: plainly(rows, number), claims, 3, 99)
        assert figure[:3] == pytest.approx(tuple(wanted))
        assert figure.low < figure.value < figure.high


def test_drawing_pairs_of_a_claim_together_widens_intervals():
    # Four times the same pair for each claim says no more than the pair once: the interval is that of 40 pairs, twice
    # as wide as that of 160.
    generator = np.random.default_rng(7)
    relevant = np.repeat(generator.random(40) < 0.5, 4)
    scores = np.repeat(generator.random(40), 4)
    together = measure(scores, relevant, [str(row // 4) for row in range(160)], threshold=0.5)["accuracy"]
    singly = measure(scores, relevant, [str(row) for row in range(160)], threshold=0.5)["accuracy"]
    assert together.value == singly.value
    assert 1.6 < (together.high - together.low) / (singly.high - singly.low) < 2.4


def test_claims_with_the_same_words_are_one_and_one_claim_has_no_interval():
    pairs = [
        JudgedPair("1", "Ice melts.", "a", True),
        JudgedPair("2", "ice  melts", "b", False),
        JudgedPair("3", "ICE MELTS!", "c", True),
    ]
    found = evaluate_pairs(pairs, FakeReranker(LOGITS))
    assert found.n_claims == 1
    assert all(math.isnan(figure.low) and math.isnan(figure.high) for figure in found.figures.values())
    assert found.notes[-1] == "All pairs belong to one claim, so there are no intervals."
    assert as_record(found)["figures"]["recall"]["low"] is None
    assert "nan" not in as_text(found) + as_csv(found) + as_latex(found)
    # Claims without a word are told apart by their signs.
    assert (
        evaluate_pairs([JudgedPair("1", "?", "a", True), JudgedPair("2", "!", "b", False)], FakeReranker()).n_claims
        == 2
    )


def test_pairs_are_scored_in_batches_in_order_with_progress():
    texts = [f"text {number}" for number in range(1300)]
    reranker = FakeReranker({text: number / 100 for number, text in enumerate(texts)}, truncated=texts[700:702])
    pairs = [JudgedPair(text, "claim", text, number % 2 == 0) for number, text in enumerate(texts)]
    progress = []
    found = evaluate_pairs(pairs, reranker, on_progress=lambda *step: progress.append(step))
    assert [len(call) for call in reranker.calls] == [512, 512, 276]
    assert progress == [("score", done, 1300) for done in (512, 1024, 1300)]
    assert found.scores.logits.tolist() == [number / 100 for number in range(1300)]
    assert (found.n_pairs, found.n_relevant, found.n_truncated) == (1300, 650, 2)


@pytest.mark.parametrize("relevant", [True, False])
def test_pairs_of_one_kind_cannot_be_measured(relevant):
    pairs = [JudgedPair(text, "claim", text, relevant) for text in "abc"]
    reranker = FakeReranker()
    with pytest.raises(InputError, match=f"{3 * relevant} of 3 pairs are relevant; .* need both kinds"):
        evaluate_pairs(pairs, reranker)
    assert reranker.calls == []


def test_a_threshold_must_be_a_probability():
    with pytest.raises(ValueError, match=r"in \[0, 1\], got 1.5"):
        evaluate_pairs(PAIRS, FakeReranker(), threshold=1.5)


def test_a_blend_does_not_change_scores_and_gets_a_note():
    plain, blended = FakeReranker(LOGITS), FakeReranker(LOGITS)
    blended.blend = Blend(-3.0, (("logit", 0.5), ("log_fused_rank", -1.0)))
    without, found = evaluate_pairs(PAIRS, plain), evaluate_pairs(PAIRS, blended)
    assert found.figures == without.figures
    (chosen,) = without.notes
    assert chosen.startswith("The thresholds were chosen on these pairs")
    assert found.notes[0] == chosen
    assert "does not apply to pairs on their own" in found.notes[1]
    assert evaluate_pairs(PAIRS, plain, threshold=0.5).notes == ()


def test_extreme_logits_are_scored_without_a_warning():
    found = evaluate_pairs(PAIRS, FakeReranker({"a": 1e6, "c": 1e5, "e": -1e6}))
    assert found.probabilities[[1, 2]].tolist() == pytest.approx([1, 0])
    assert found.figures["average_precision"].value > 0.9


def test_intervals_depend_only_on_the_seed():
    first, again, other = (as_record(evaluate_pairs(PAIRS, FakeReranker(LOGITS), seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first["seed"] != other["seed"]
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert first["weights_sha256"] == FakeReranker.weights_sha256


def test_a_real_model_gets_the_evaluators_figures(tiny_reranker_dir, tmp_path):
    from safetensors.numpy import load_file, save_file
    from sentence_transformers import CrossEncoder
    from sentence_transformers.cross_encoder.evaluation import CrossEncoderClassificationEvaluator

    from claimhound.pipeline.model_folders.tokenization import TextTokenizer
    from claimhound.pipeline.models.cross_encoders import CrossEncoderModel, RelevanceHead
    from claimhound.pipeline.serving.torch_runtime import TorchRuntime

    # The tiny model with larger weights: its own logits are all but equal.
    folder = shutil.copytree(tiny_reranker_dir, tmp_path / "lively")
    weights = load_file(folder / "model.safetensors")
    larger = {name: value * np.float32(20) if value.ndim == 2 else value for name, value in weights.items()}
    save_file(larger, folder / "model.safetensors", metadata={"format": "pt"})
    words = ("ice", "sea", "vaccine", "moon", "rocket", "bank", "war", "city", "coal", "wind", "gas", "sun", "mars")
    pairs = [
        JudgedPair(word, f"the {word} rises", f"{other} and {word} {'melt ' * length}", (number + length) % 3 == 0)
        for number, word in enumerate(words)
        for length, other in enumerate(("glacier", "carbon", "measles"))
    ]
    runtime = TorchRuntime.load(folder, "cross-encoder", "cpu")
    reranker = CrossEncoderModel(
        "tiny", "f" * 64, TokenPairReader(TextTokenizer(folder, 64), runtime, 1), relevance=RelevanceHead()
    )
    found = evaluate_pairs(pairs, reranker).figures
    evaluator = CrossEncoderClassificationEvaluator(
        [[pair.query, pair.text] for pair in pairs], [int(pair.relevant) for pair in pairs],
        write_csv=False, show_progress_bar=False,
    )  # fmt: skip
    card = evaluator(CrossEncoder(str(folder), device="cpu"))
    assert {name: figure.value for name, figure in found.items()} == pytest.approx({name: card[name] for name in found})
    assert found["accuracy"].threshold == pytest.approx(card["accuracy_threshold"], abs=1e-6)
    assert found["f1"].threshold == pytest.approx(card["f1_threshold"], abs=1e-6)


@pytest.mark.parametrize("width", [40, 59, 60, 80, 200])
def test_the_table_fits_its_width(width):
    found = evaluate_pairs(PAIRS, FakeReranker(LOGITS))
    lines = as_text(found, width).splitlines()
    assert max(map(len, lines)) <= width
    perfect = evaluate_pairs(PAIRS, FakeReranker({"a": 3.0, "c": 2.0, "d": 1.0, "b": -1.0, "e": -1.0}))
    assert max(map(len, as_text(perfect, width).splitlines())) <= width
    accuracy = next(line.split() for line in lines if line.startswith("accuracy"))
    low, high = (f"{value:.3f}".removeprefix("0") for value in found.figures["accuracy"][1:3])
    assert accuracy == ["accuracy", ".800", f"[{low},", f"{high}]", ".175", ".600"][: 6 if width >= 60 else 5]
    assert ("accuracy .600, F1 .750" in " ".join(lines)) is (width < 60)


def test_a_threshold_is_never_shown_as_a_certainty():
    pairs = [JudgedPair("1", "c", "a", True), JudgedPair("2", "d", "b", False)]
    assert "<.001" in as_text(evaluate_pairs(pairs, FakeReranker({"a": -9.0, "b": -10.0})))
    assert ">.999" in as_text(evaluate_pairs(pairs, FakeReranker({"a": 10.0, "b": 9.0})))


def test_latex_is_a_booktabs_table():
    lines = as_latex(evaluate_pairs(PAIRS, FakeReranker(LOGITS), threshold=0.5)).splitlines()
    assert lines[1] == r"\toprule"
    assert lines[2].split("&")[1].strip() == r"95 \% interval"
    assert [cell.strip() for cell in lines[4].split("&")][::2] == ["accuracy", ".500"]
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]


def test_csv_has_a_line_for_each_figure_in_full_precision():
    found = evaluate_pairs(PAIRS, FakeReranker(LOGITS))
    header, *lines = as_csv(found).splitlines()
    assert header == "figure,value,low,high,threshold,always_relevant"
    assert [line.split(",")[0] for line in lines] == list(FIGURES)
    assert [float(line.split(",")[1]) for line in lines] == [figure.value for figure in found.figures.values()]
    assert lines[-1].split(",")[4] == ""


def test_each_pair_is_written_with_its_score(tmp_path):
    path = tmp_path / "scores.jsonl"
    found = evaluate_pairs(PAIRS, FakeReranker(LOGITS, truncated=["b"]))
    write_pair_scores(PAIRS, found, path)
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [record["id"] for record in records] == list("caebd")
    assert [record["score"] for record in records] == pytest.approx([0.5, 0.9, 0.1, 0.75, 0.25])
    assert records[3] == {
        "id": "b",
        "claim": "claim True",
        "evidence": "b",
        "relevant": False,
        "score": found.probabilities[3],
        "logit": LOGITS["b"],
        "truncated": True,
    }
