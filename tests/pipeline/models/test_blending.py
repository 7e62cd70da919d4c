"""The blend: its arithmetic, its fit against known coefficients, and its file."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from claimhound.data.errors import ModelError
from claimhound.pipeline.models.blending import (
    Blend,
    BlendMeasures,
    CalibrationError,
    FieldMeasures,
    HitScores,
    blend_record,
    blended_logit,
    expected_calibration_error,
    fit_blend,
    load_blend,
    probability,
    save_blend,
)
from claimhound.pipeline.models.relevance import RelevanceThreshold

MEASURED = BlendMeasures(40, 4000, 5, (CalibrationError(5, 0.03, 0.02, 0.05),), 0.014, 0.06, 0.26)
FIELDS = (
    FieldMeasures("ice", 30, 3000, CalibrationError(5, 0.04, 0.03, 0.05), 0.02, 0.07, 0.3),
    FieldMeasures("sea", 10, 1000, CalibrationError(5, 0.01, 0.0, 0.02), 0.01, 0.05, 0.2),
)
THRESHOLD = RelevanceThreshold(0.6, 1000, "f" * 64, 40, 0.025, 200, 0.075)


def hits(logit, fused_rank=None, bm25=None, cosine=None, decides=None):
    logit = np.asarray(logit, dtype=np.float64)

    def column(values, default):
        return np.full(len(logit), default) if values is None else np.asarray(values, dtype=np.float64)

    return HitScores(
        logit, column(fused_rank, 1.0), column(bm25, np.nan), column(cosine, np.nan), column(decides, np.nan)
    )


def test_without_a_blend_the_probability_is_the_sigmoid_of_the_logit():
    # 1 / (1 + e^-0) = 0.5; 1 / (1 + e^-ln 3) = 3 / 4
    assert probability(Blend(), hits([0.0, math.log(3)])) == pytest.approx([0.5, 0.75])


def test_the_log_odds_are_a_weighted_sum():
    blend = Blend(-1.0, (("logit", 0.5), ("log_fused_rank", -1.0), ("cosine", 2.0), ("no_bm25", -3.0)))
    # -1 + 0.5 * 4 - ln 1 + 2 * 0.25 = 1.5; -1 + 0.5 * 4 - ln 10 + 0 - 3 = -2 - ln 10
    scores = hits([4.0, 4.0], [1, 10], [7.0, np.nan], [0.25, np.nan])
    assert blended_logit(blend, scores) == pytest.approx([1.5, -2 - math.log(10)])


def test_a_hit_that_nothing_is_known_to_decide_counts_as_undecided():
    blend = Blend(weights=(("logit", 1.0), ("decides", 0.5)))
    assert blended_logit(blend, hits([1.0, 1.0], decides=[-4.0, np.nan])).tolist() == [-1.0, 1.0]
    assert (blend.uses("decides"), blend.uses("cosine")) == (True, False)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_probabilities_lie_in_the_unit_interval_and_follow_the_logit(logits):
    logits = sorted(logits)
    values = probability(Blend(), hits(logits))
    assert ((values >= 0) & (values <= 1)).all()
    assert (np.diff(values) >= 0).all()


def test_each_probability_depends_only_on_its_own_hit():
    blend = Blend(0.2, (("logit", 1.5), ("log_fused_rank", -0.4)))
    every = hits([1.0, -2.0, 0.5], [3, 1, 2])
    for row, value in enumerate(probability(blend, every)):
        alone = HitScores(*(column[row : row + 1] for column in every))
        assert probability(blend, alone)[0] == value


def test_the_fit_recovers_the_coefficients_that_generated_the_judgments():
    generator = np.random.default_rng(7)
    n = 60_000
    scores = hits(generator.normal(size=n), generator.integers(1, 101, size=n))
    truth = Blend(-0.7, (("logit", 1.3), ("log_fused_rank", -0.5)))
    relevant = generator.uniform(size=n) < probability(truth, scores)
    fitted = fit_blend(scores, relevant)
    assert dict(fitted.weights) == pytest.approx(dict(truth.weights), abs=0.1)
    assert fitted.intercept == pytest.approx(-0.7, abs=0.1)
    assert expected_calibration_error(probability(fitted, scores), relevant) < 0.01


@pytest.fixture
def drawn():
    """300 hits with five scores, judged at random."""
    generator = np.random.default_rng(5)
    columns = [generator.normal(size=300) for _ in range(3)]
    scores = hits(columns[0], generator.integers(1, 101, size=300), cosine=columns[1], decides=columns[2])
    return scores, generator.uniform(size=300) < probability(Blend(weights=(("logit", 1.0), ("decides", 0.8))), scores)


def test_the_fit_is_scikit_learn_s_for_the_chosen_features_and_weights(drawn):
    scores, relevant = drawn
    weights = np.where(relevant, 0.5, 1.5)
    found = fit_blend(scores, relevant, ("decides", "cosine", "logit"), weights)
    assert [name for name, _ in found.weights] == ["decides", "cosine", "logit"]
    # C = 1e6 instead of a weak regularisation of scaled features: hardly any of either.
    matrix = np.column_stack([scores.decides, scores.cosine, scores.logit])
    oracle = LogisticRegression(C=1e6, tol=1e-8, max_iter=10_000).fit(matrix, relevant, sample_weight=weights)
    assert [weight for _, weight in found.weights] == pytest.approx(oracle.coef_[0].tolist(), abs=2e-3)
    assert found.intercept == pytest.approx(oracle.intercept_[0], abs=2e-3)
    unweighted = fit_blend(scores, relevant, ("decides", "cosine", "logit"))
    assert found.intercept - unweighted.intercept == pytest.approx(-math.log(3), abs=0.2)  # odds of 1 : 3


def test_a_hit_of_weight_3_counts_as_three_hits(drawn):
    scores, relevant = drawn
    times = np.where(np.arange(300) % 4, 1, 3)
    weighted = fit_blend(scores, relevant, hit_weights=times.astype(np.float64))
    repeated = fit_blend(HitScores(*(np.repeat(column, times) for column in scores)), np.repeat(relevant, times))
    assert dict(weighted.weights) == pytest.approx(dict(repeated.weights), abs=1e-4)
    assert weighted.intercept == pytest.approx(repeated.intercept, abs=1e-4)


def test_a_constant_feature_gets_no_weight():
    scores = hits([2.0, -1.0, 1.0, -2.0, 0.3, -0.1])
    relevant = np.array([True, False, True, False, False, True])
    assert dict(fit_blend(scores, relevant).weights)["log_fused_rank"] == 0


def test_a_fit_needs_both_kinds_of_hits():
    with pytest.raises(ValueError, match="0 of 2 hits"):
        fit_blend(hits([1.0, 2.0]), np.array([False, False]))


def test_calibration_error_is_the_weighted_distance_between_probability_and_share():
    # bin [0.2, 0.3): two hits at 0.25, half relevant: 2/4 * |0.5 - 0.25|; bin [0.9, 1]: two at 1.0, all relevant: 0
    values = np.array([0.25, 0.25, 1.0, 1.0])
    assert expected_calibration_error(values, np.array([True, False, True, True])) == pytest.approx(0.125)
    # high and low probabilities in one bin: (0.21 + 0.29) / 2 = 0.25, half relevant
    assert expected_calibration_error(np.array([0.21, 0.29]), np.array([True, False])) == pytest.approx(0.25)
    assert expected_calibration_error(np.array([]), np.array([], dtype=bool)) == 0


def test_a_blend_survives_a_round_trip(tmp_path):
    blend = Blend(-3.25, (("logit", 0.1 + 0.2), ("cosine", -1e-9)))
    save_blend(blend, tmp_path)
    assert load_blend(tmp_path) == blend


def test_measurements_survive_a_round_trip(tmp_path):
    blend = Blend(0.5, (("logit", 1.0),), MEASURED, THRESHOLD)
    save_blend(blend, tmp_path)
    assert load_blend(tmp_path) == blend
    assert list(tmp_path.iterdir()) == [tmp_path / "blend.json"]


def test_the_measurements_of_each_field_survive_a_round_trip(tmp_path):
    blend = Blend(0.5, (("logit", 1.0), ("decides", 0.25)), replace(MEASURED, fields=FIELDS))
    save_blend(blend, tmp_path)
    assert load_blend(tmp_path) == blend
    fields = json.loads((tmp_path / "blend.json").read_text())["measured"]["fields"]
    assert [(field["name"], field["n_claims"], field["calibration"]["error"]) for field in fields] == [
        ("ice", 30, 0.04),
        ("sea", 10, 0.01),
    ]


def test_a_blend_of_one_field_is_written_as_before_there_were_several():
    record = blend_record(Blend(measured=MEASURED))
    assert (record["format"], "fields" in record["measured"]) == (2, False)


def test_a_file_of_format_1_has_no_measurements(tmp_path):
    (tmp_path / "blend.json").write_text('{"format": 1, "intercept": -0.5, "weights": {"logit": 1.25}}')
    assert load_blend(tmp_path) == Blend(-0.5, (("logit", 1.25),))


def test_a_folder_without_a_blend_uses_the_plain_sigmoid(tmp_path):
    assert load_blend(tmp_path) == Blend()


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ("not json", "is not a valid blend"),
        ([], "is not a valid blend"),
        ({"intercept": 0, "weights": {}}, "format"),
        ({"format": 9, "intercept": 0, "weights": {}}, "format 9"),
        ({"format": 1, "intercept": "0", "weights": {}}, "intercept must be a number, not '0'"),
        ({"format": 1, "intercept": 0, "weights": {"moon": 1}}, "moon"),
        ({"format": 1, "intercept": 0, "weights": {"logit": math.inf}}, "finite"),
        (blend_record(Blend(measured=MEASURED)) | {"measured": {"n_claims": 3}}, "'?calibration"),
        (
            blend_record(Blend(measured=MEASURED))
            | {"measured": blend_record(Blend(measured=MEASURED))["measured"] | {"fields": [{"name": 3}]}},
            "name must be a string, not 3",
        ),
        (blend_record(Blend(relevance=THRESHOLD)) | {"relevance": {"cosine": 0.5}}, "encoder_sha256"),
    ],
)
def test_an_invalid_blend_file_is_rejected_by_name(tmp_path, record, named):
    text = record if isinstance(record, str) else json.dumps(record)
    (tmp_path / "blend.json").write_text(text)
    with pytest.raises(ModelError, match=named) as caught:
        load_blend(tmp_path)
    assert "blend.json" in str(caught.value)
