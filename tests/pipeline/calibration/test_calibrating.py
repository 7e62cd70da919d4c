"""A blend fitted to held-out claims: known weights, separate folds, a threshold, and the folder it is written to."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from pipeline_fakes import IDENTITY, FakeEncoder, FakeReranker
from sklearn.linear_model import LogisticRegression

from claimhound.data.errors import InputError
from claimhound.data.records import Document, Query, ScoredDoc
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.calibration.calibrating import Calibrated, calibrate, calibrated_text
from claimhound.pipeline.calibration.cross_validation import (
    blend_measures,
    cross_validated_blends,
    fit_to,
    hit_weights,
    measured_blend,
)
from claimhound.pipeline.calibration.fields import JudgedField
from claimhound.pipeline.calibration.judged_hits import JudgedHits
from claimhound.pipeline.calibration.model_folder import write_calibrated
from claimhound.pipeline.calibration.nonsense import nonsense_claims
from claimhound.pipeline.calibration.relevance_threshold import MIN_CLAIMS, cross_validated_errors
from claimhound.pipeline.calibration.trained_reranker import fitted_blend
from claimhound.pipeline.evaluation.judged import JudgedClaims
from claimhound.pipeline.evaluation.reliability import reliability, stored_text
from claimhound.pipeline.evaluation.statistics import Interval, PairedTest
from claimhound.pipeline.models.blending import Blend, BlendMeasures, HitScores, load_blend, probability, save_blend
from claimhound.pipeline.models.cross_encoders import PairScores
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.results import StageRankings

TRUTH = Blend(-1.0, (("logit", 1.5), ("log_fused_rank", -0.5)))
N_DOCS = 12


def judged_hits(number: int, generator: np.random.Generator, n: int = 100) -> JudgedHits:
    """A claim whose judgments are drawn with the probabilities of TRUTH."""
    fused = [ScoredDoc(f"d{rank:03}", 1.0 / rank) for rank in range(1, n + 1)]
    logits = generator.normal(size=n)
    scores = HitScores(logits, np.arange(1.0, n + 1), *(np.full(n, np.nan) for _ in range(3)))
    relevant = generator.uniform(size=n) < probability(TRUTH, scores)
    stages = StageRankings(fused, [], fused, None, logits=tuple(logits.tolist()))
    grades = {hit.doc_id: int(value) for hit, value in zip(fused, relevant, strict=True)}
    return JudgedHits(Query(f"c{number}", f"claim {number}"), stages, scores, relevant, grades)


@pytest.fixture(scope="module")
def rows() -> list[JudgedHits]:
    generator = np.random.default_rng(3)
    return [judged_hits(number, generator) for number in range(200)]


def qrels_of(rows):
    return {row.claim.query_id: dict(row.grades) for row in rows}


def test_the_fit_recovers_the_weights_that_made_the_judgments(rows):
    blend, ndcg = measured_blend(rows, np.arange(len(rows)) % 5, seed=0)
    assert dict(blend.weights) == pytest.approx(dict(TRUTH.weights), abs=0.1)
    assert blend.intercept == pytest.approx(TRUTH.intercept, abs=0.2)
    assert (blend.measured.n_claims, blend.measured.n_hits, blend.measured.n_folds) == (200, 20_000, 5)
    assert [error.k for error in blend.measured.calibration] == [5, 10, 100]
    for error in blend.measured.calibration:
        assert 0 <= error.low <= error.error <= error.high < 0.1
    assert blend.measured.ndcg == pytest.approx(ndcg.mean())


def test_brier_score_and_log_loss_are_those_of_the_formulas(rows):
    blend, _ = measured_blend(rows, np.arange(len(rows)) % 2, seed=0)
    halves = cross_validated_blends(rows, np.arange(len(rows)) % 2)
    p = np.concatenate([probability(halves[number % 2], row.scores) for number, row in enumerate(rows)])
    y = np.concatenate([row.relevant for row in rows]).astype(float)
    assert blend.measured.brier == pytest.approx(np.mean((p - y) ** 2))
    assert blend.measured.log_loss == pytest.approx(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


@pytest.mark.parametrize("k", [5, 10, 100])
def test_the_calibration_error_agrees_with_an_evaluation(rows, k):
    few, blend = rows[:20], Blend(-0.5)
    judged = JudgedClaims(tuple(row.claim for row in few), qrels_of(few), ())
    shown = reliability({row.claim.query_id: row.rescored(blend) for row in few}, judged, k)
    found = blend_measures(few, [probability(blend, row.scores) for row in few], np.zeros(20), 0, seed=0)
    (error,) = (error for error in found.calibration if error.k == k)
    assert error.error == pytest.approx(shown.error)


def test_a_fold_has_no_part_in_the_blend_that_measures_it(rows):
    few, folds = rows[:10], np.arange(10) % 5
    turned = [row._replace(relevant=~row.relevant) if fold == 2 else row for row, fold in zip(few, folds, strict=True)]
    before, after = (cross_validated_blends(given, folds) for given in (few, turned))
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, False, True, False, False]


def test_a_cosine_is_measured_on_claims_that_did_not_choose_it():
    # Fold 0 alone would choose a cosine between 0.1 and 0.2, fold 1 one between 0.5 and 0.9.
    told, shown = cross_validated_errors(np.array([0.2, 0.9]), np.array([0, 1]), np.array([0.1, 0.5]), np.array([0, 1]))
    assert told.tolist() == [True, False]  # 0.2 by 0.7, 0.9 by 0.15
    assert shown.tolist() == [False, True]  # 0.1 by 0.7, 0.5 by 0.15


class OrderingReranker:
    """Gives evidence that contains the claim's first word a high logit."""

    name, weights_sha256, runtime_name = "ordering", "d" * 64, "by hand"
    has_two_heads = False

    def __init__(self, blend: Blend = Blend()) -> None:  # noqa: B008 (frozen)
        self.blend = blend

    def score(self, pairs):
        logits = [2.0 if claim.split()[0] in text.split() else -1.0 for claim, text in pairs]
        return PairScores(np.array(logits), np.zeros(len(pairs), dtype=np.bool_))


@pytest.fixture(scope="module")
def claims():
    return [Query(f"q{number}", f"subject{number % N_DOCS} claim {number}") for number in range(MIN_CLAIMS + 10)]


@pytest.fixture(scope="module")
def qrels(claims):
    return {claim.query_id: {f"d{number % N_DOCS}": 1} for number, claim in enumerate(claims)}


def pipeline(claims, reranker=None, subject="subject{}"):
    """The claims have a cosine of 0.9 to all documents, any other text 0.1."""
    documents = [Document(f"d{number}", f"evidence on {subject.format(number)}") for number in range(N_DOCS)]
    vectors = {document.text: [1.0, 0.0] for document in documents}
    vectors |= {claim.text: [0.9, np.sqrt(1 - 0.81)] for claim in claims}
    encoder = _SecondAxis(vectors)
    index = MemoryIndex(documents, encoder.encode([document.text for document in documents]))
    return EvidencePipeline(index, encoder, reranker or OrderingReranker())


def calibrated(searched, claims, qrels, **settings):
    """Calibrate the reranker of one field."""
    return calibrate([JudgedField("field", searched, claims, qrels)], **settings)


class _SecondAxis(FakeEncoder):
    """Gives other texts a cosine of 0.1 to the x axis."""

    def encode(self, texts, *, as_query=False):
        for text in texts:
            self._vectors.setdefault(text, [0.1, np.sqrt(1 - 0.01)])
        return super().encode(texts, as_query=as_query)


def test_calibrating_measures_before_and_after_and_chooses_a_threshold(claims, qrels):
    found = calibrated(pipeline(claims), claims, qrels)
    assert found.before.n_claims == found.measured.n_claims == len(claims)
    assert (found.before.n_folds, found.measured.n_folds) == (0, 5)
    assert found.measured.brier < found.before.brier
    threshold = found.blend.relevance
    assert 0.1 < threshold.cosine < 0.9
    assert (threshold.n_docs, threshold.encoder_sha256) == (N_DOCS, IDENTITY.weights_sha256)
    assert (threshold.n_with, threshold.told_nothing) == (len(claims), 0)
    assert (threshold.n_senseless, threshold.senseless_shown, threshold.n_without) == (200, 0, 0)
    text = calibrated_text(found)
    assert "calibration error of the first 5" in text
    assert "The new blend makes no significant difference to the ranking: nDCG@10 1.000 after 1.000" in text
    assert "Of held-out claims (60 with evidence, 200 nonsense), 0 % of" in text


def test_no_threshold_is_chosen_for_inner_products_that_are_not_cosines(claims, qrels):
    searched = pipeline(claims)
    searched.encoder.identity = replace(IDENTITY, similarity="dot")
    assert calibrated(searched, claims, qrels).blend.relevance is None


def test_claims_known_to_have_no_evidence_are_measured_separately(claims, qrels):
    near = Query("near", "nobody knows")
    searched = pipeline([*claims, near])
    threshold = calibrated(searched, claims, qrels, without_evidence=[near.text, "far off"]).blend.relevance
    assert (threshold.n_without, threshold.without_shown) == (2, 0.5)
    assert threshold.senseless_shown == 0


def test_the_same_claims_give_the_same_blend(claims, qrels):
    first = calibrated(pipeline(claims), claims, qrels)
    assert calibrated(pipeline(claims), claims, qrels) == first


def test_few_claims_get_a_blend_but_no_threshold(claims, qrels):
    found = calibrated(pipeline(claims), claims[: MIN_CLAIMS - 1], qrels)
    assert found.blend.relevance is None
    assert "No threshold" in calibrated_text(found)


@pytest.mark.parametrize(
    ("difference", "p", "effect"),
    [
        ((-0.2, -0.3, -0.1), 0.01, "ranks WORSE: nDCG@10 0.300 after 0.500, difference -0.200 [-0.300, -0.100]"),
        ((0.2, 0.1, 0.3), 0.01, "ranks better: nDCG@10"),
        ((0.2, -0.1, 0.3), 0.06, "makes no significant difference to the ranking: nDCG@10"),
    ],
)
def test_the_effect_on_the_ranking_is_one_sentence(difference, p, effect):
    before = BlendMeasures(10, 100, 0, (), 0.1, 0.1, 0.5)
    blend = Blend(measured=replace(before, n_folds=5, ndcg=0.3))
    found = Calibrated(blend, before, PairedTest(Interval(*difference), p, p, 1, 1, 8))
    assert found.ranking_text.startswith(f"The new blend {effect}")
    assert found.ranking_text.endswith(f"p = {p:.4f} in a randomisation test.")


def test_claims_can_be_excluded_by_their_text(claims, qrels):
    found = calibrated(pipeline(claims), claims, qrels, excluded_claims=["SUBJECT0 claim 0!"])
    assert (found.n_excluded, found.measured.n_claims) == (1, len(claims) - 1)


@pytest.mark.parametrize(
    ("n_claims", "judged", "message"),
    [
        (3, {"q0": {"d0": 1}, "q1": {"d1": 1}, "q2": {"d2": 1}}, "3 distinct judged claims are too few for 5 folds"),
        (
            6,
            {f"q{number}": {"gone": 1} for number in range(6)},
            "the index holds none of the 1 relevant documents",
        ),
        (6, {"other": {"d0": 1}}, "none of the 6 claims has a relevant judgment"),
    ],
)
def test_claims_that_nothing_can_be_fitted_to_are_an_error(claims, n_claims, judged, message):
    with pytest.raises(InputError, match=message):
        calibrated(pipeline(claims), claims[:n_claims], judged)


def test_training_fits_a_blend_to_however_few_claims(claims, qrels):
    searched = pipeline(claims)
    assert fitted_blend(searched, [], qrels, 0) is None
    assert fitted_blend(searched, claims[:1], qrels, 0).blend.measured is None
    few = fitted_blend(searched, claims[:3], qrels, 0)
    assert few.blend.measured.n_folds == 3
    assert set(few.fused) == set(few.reranked) == {"q0", "q1", "q2"}


@pytest.fixture
def two_fields(claims, qrels):
    """The claims, and twelve others about a second index, which share their ids and the reranker.

    In the second index the reranker finds the evidence of claims with an even number, and of q11.
    """
    others = [Query(f"q{number}", f"topic{number} and nothing more") for number in range(N_DOCS)]
    judged = {f"q{number}": {f"d{number + number % 2}": 1} for number in range(N_DOCS - 1)} | {"q11": {"d11": 1}}
    first = pipeline(claims)
    second = pipeline(others, first.reranker, "topic{}")
    return [JudgedField("large", first, claims, qrels), JudgedField("small", second, others, judged)]


def test_fields_are_measured_together_and_apart_though_their_claims_have_the_same_ids(two_fields, claims):
    found = calibrate(two_fields)
    large, small = found.measured.fields
    assert ((large.name, large.n_claims), (small.name, small.n_claims)) == (("large", len(claims)), ("small", N_DOCS))
    assert (found.measured.n_claims, found.measured.n_folds) == (len(claims) + N_DOCS, 5)
    assert found.measured.n_hits == large.n_hits + small.n_hits
    assert large.ndcg == found.before.fields[0].ndcg == 1  # judgments of the other field would be wrong
    # Seven of twelve claims have their evidence first, five somewhere below.
    assert 7 / 12 <= small.ndcg < 0.9
    assert found.measured.ndcg == pytest.approx((len(claims) + N_DOCS * small.ndcg) / (len(claims) + N_DOCS))
    for name in ("brier", "log_loss"):
        pooled = sum(getattr(field, name) * field.n_hits for field in (large, small)) / found.measured.n_hits
        assert getattr(found.measured, name) == pytest.approx(pooled)
    assert small.calibration.k == 5
    assert small.calibration.low <= small.calibration.error <= small.calibration.high


def test_the_threshold_is_the_main_field_s(two_fields, claims, qrels):
    assert calibrate(two_fields).blend.relevance == calibrated(pipeline(claims), claims, qrels).blend.relevance
    assert calibrate(two_fields[::-1]).blend.relevance is None  # twelve claims are too few


def test_the_measurements_of_each_field_are_printed_below_those_of_all(two_fields):
    found = calibrate(two_fields)
    lines = calibrated_text(found).splitlines()
    before, small = found.before.fields[1], found.measured.fields[1]
    assert lines[0] == "72 claims, 864 hits in 2 fields; after: 5-fold cross-validation by claim"
    assert (lines[8], lines[13]) == ("large: 60 claims, 720 hits", "small: 12 claims, 144 hits")
    error = small.calibration
    assert lines[14].startswith("calibration error of the first 5")
    assert lines[14].endswith(f"  {error.error:.3f} [{error.low:.3f}, {error.high:.3f}]")
    assert lines[15].split() == ["Brier", "score", f"{before.brier:.4f}", f"{small.brier:.4f}"]
    assert lines[16].split() == ["log", "loss", f"{before.log_loss:.4f}", f"{small.log_loss:.4f}"]
    assert lines[17].split() == ["nDCG@10", f"{before.ndcg:.4f}", f"{small.ndcg:.4f}"]
    assert lines[18].startswith("The new blend ")
    assert stored_text(found.blend).startswith(
        "Stored with the reranker: fitted on 72 claims in 2 fields, and by 5-fold"
    )


def test_a_field_is_measured_as_its_claims_would_be_alone(rows):
    few = [row._replace(field="a" if number < 12 else "b") for number, row in enumerate(rows[:20])]
    p = [probability(Blend(-0.5), row.scores) for row in few]
    ndcg = np.linspace(0, 1, 20)
    together = blend_measures(few, p, ndcg, 0, seed=0)
    for field, part in zip(together.fields, (slice(0, 12), slice(12, 20)), strict=True):
        alone = blend_measures(few[part], p[part], ndcg[part], 0, seed=0)
        assert alone.fields == ()
        assert field[1:] == (
            alone.n_claims,
            alone.n_hits,
            alone.calibration[0],
            alone.brier,
            alone.log_loss,
            alone.ndcg,
        )


def test_the_hits_of_each_field_have_the_same_total_weight():
    generator = np.random.default_rng(0)
    few = [judged_hits(number, generator, n) for number, n in enumerate((10, 20, 6, 0))]
    assert hit_weights(few) is None
    # 36 hits: 18 for the 30 hits of a, 18 for the 6 of b; c has none
    of_fields = [row._replace(field=name) for row, name in zip(few, "aabc", strict=True)]
    assert hit_weights(of_fields).tolist() == pytest.approx([0.6] * 30 + [3.0] * 6)


def test_the_fit_to_two_fields_is_scikit_learn_s_with_these_weights(rows):
    # A logit of the small field means more.
    large = [row._replace(field="large") for row in rows[:90]]
    small = [
        row._replace(field="small", scores=row.scores._replace(logit=0.3 * row.scores.logit)) for row in rows[90:100]
    ]
    fitted = fit_to([*large, *small])
    logits = np.concatenate([row.scores.logit for row in (*large, *small)])
    matrix = np.column_stack([logits, np.tile(np.log(np.arange(1, 101)), 100)])
    relevant = np.concatenate([row.relevant for row in (*large, *small)])
    weights = np.repeat([5_000 / 9_000, 5_000 / 1_000], [9_000, 1_000])
    oracle = LogisticRegression(C=1e6, tol=1e-8, max_iter=10_000).fit(matrix, relevant, sample_weight=weights)
    assert [weight for _, weight in fitted.weights] == pytest.approx(oracle.coef_[0].tolist(), abs=1e-3)
    assert fitted.intercept == pytest.approx(oracle.intercept_[0], abs=5e-3)
    one_field = fit_to([row._replace(field="") for row in (*large, *small)])
    assert abs(dict(one_field.weights)["logit"] - dict(fitted.weights)["logit"]) > 0.05


def test_a_claim_of_two_fields_is_measured_by_a_blend_that_saw_it_in_neither(two_fields):
    _, one = two_fields
    claims = [Query(f"x{claim.query_id}", claim.text) for claim in one.claims[::-1]]
    judged = {f"x{query_id}": grades for query_id, grades in one.qrels.items()}
    other = JudgedField("other", one.pipeline, claims, judged)
    # With one claim in two folds, the blends that measure it would differ, and so would the figures.
    first, second = calibrate([one, other]).measured.fields
    assert (first.brier, first.log_loss) == pytest.approx((second.brier, second.log_loss), rel=1e-9)


def test_claims_are_excluded_from_every_field_and_findings_name_theirs(two_fields, claims):
    large, small = two_fields
    small = replace(small, qrels=small.qrels | {"q0": {"d0": 1, "gone": 1}, "absent": {"d1": 1}})
    found = calibrate([large, small], excluded_claims=["Subject0 claim 0", "TOPIC3 and nothing more"])
    assert found.n_excluded == 2
    assert [field.n_claims for field in found.measured.fields] == [len(claims) - 1, N_DOCS - 1]
    assert [(finding.text, finding.items) for finding in found.findings] == [
        ("large: judged claims that are not among the claims, not counted", ("q0",)),
        ("small: judged claims that are not among the claims, not counted", ("absent", "q3")),
        ("small: relevant documents that are not in the index, counted as not found", ("gone",)),
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"qrels": {f"q{number}": {f"d{number}#0": 1} for number in range(12)}}, "the index holds none of the 12"),
        ({"qrels": {"other": {"d0": 1}}}, "none of the 12 claims has a relevant judgment"),
        ({"claims": [Query("q1", "topic1 and nothing more")]}, "1 distinct judged claims are too few for 5 folds"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(two_fields, changed, message):
    with pytest.raises(InputError, match=f"^small: {message}"):
        calibrate([two_fields[0], replace(two_fields[1], **changed)])


def test_a_field_whose_evidence_is_never_read_is_an_error(two_fields):
    large, small = two_fields
    old = small.pipeline
    shallow = EvidencePipeline(old.index, old.encoder, old.reranker, PipelineConfig(rerank_k=1))
    last = {f"q{number}": {"d11": 1} for number in range(N_DOCS - 1)}
    with pytest.raises(InputError, match=r"^small: none of the relevant documents of its 11 claims was found"):
        calibrate([large, replace(small, pipeline=shallow, qrels=last)])


def test_fields_need_one_reranker_and_different_names(two_fields):
    large, small = two_fields
    own = EvidencePipeline(small.pipeline.index, small.pipeline.encoder, OrderingReranker())
    with pytest.raises(ValueError, match="have different rerankers"):
        calibrate([large, replace(small, pipeline=own)])
    with pytest.raises(ValueError, match="two fields have the same name: large, large"):
        calibrate([large, replace(small, name="large")])


def test_a_blend_is_fitted_to_the_chosen_features(claims):
    # All logits are 0; what is relevant decides.
    odds = {f"evidence on subject{number}": 3.0 if number % 2 else -3.0 for number in range(N_DOCS)}
    judged = {claim.query_id: {f"d{number}": 1 for number in range(1, N_DOCS, 2)} for claim in claims}
    reranker = FakeReranker(decides=odds)
    found = calibrated(pipeline(claims, reranker), claims, judged, features=["logit", "decides"])
    assert [name for name, _ in found.blend.weights] == ["logit", "decides"]
    assert dict(found.blend.weights)["decides"] > 1
    assert found.measured.ndcg == 1 > found.before.ndcg
    assert reranker.decides_calls == reranker.calls
    reranker.decides_calls.clear()
    by_default = calibrated(pipeline(claims, reranker), claims, judged).blend
    assert [name for name, _ in by_default.weights] == ["logit", "log_fused_rank"]
    assert reranker.decides_calls == []


def test_a_feature_that_a_model_cannot_give_is_refused(claims, qrels):
    searched = pipeline(claims)
    with pytest.raises(InputError, match=r"^ordering: the feature decides takes a model that also tells the stance"):
        calibrated(searched, claims, qrels, features=["logit", "decides"])
    searched.encoder.identity = replace(IDENTITY, similarity="dot")
    with pytest.raises(InputError, match="fake-encoder compares by inner products, but the feature cosine"):
        calibrated(searched, claims, qrels, features=["logit", "cosine"])
    with pytest.raises(ValueError, match="not logit, moon"):
        calibrated(searched, claims, qrels, features=["logit", "moon"])


@pytest.fixture
def model_dir(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "__init__.py").write_text("")
    save_blend(Blend(-1.0), folder)
    return folder


def test_a_blend_is_written_into_its_folder_or_into_a_copy(model_dir, tmp_path):
    copy = write_calibrated(Blend(2.0), model_dir, tmp_path / "copy")
    assert (load_blend(copy), load_blend(model_dir)) == (Blend(2.0), Blend(-1.0))
    assert sorted(path.name for path in copy.iterdir()) == ["blend.json", "model.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "model"]
    assert load_blend(write_calibrated(Blend(3.0), model_dir)) == Blend(3.0)


def test_a_copy_replaces_nothing(model_dir, tmp_path):
    with pytest.raises(InputError, match="already exists"):
        write_calibrated(Blend(2.0), model_dir, model_dir)
    with pytest.raises(InputError, match="no such folder"):
        write_calibrated(Blend(2.0), model_dir, tmp_path / "missing" / "copy")
    assert load_blend(model_dir) == Blend(-1.0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_needs_a_copy(model_dir):
    model_dir.chmod(0o555)
    try:
        with pytest.raises(InputError, match="choose a folder for a copy with --output DIR"):
            write_calibrated(Blend(2.0), model_dir)
    finally:
        model_dir.chmod(0o755)


def test_nonsense_is_the_same_each_time_and_of_four_kinds():
    passages, spelled = ["The ice melts in spring."], ["Volcanoes emit carbon."]
    made = nonsense_claims(spelled, passages, 40, seed=1)
    assert made == nonsense_claims(spelled, passages, 40, seed=1)
    assert made != nonsense_claims(spelled, passages, 40, seed=2)
    words = set("The ice melts in spring".split())  # noqa: SIM905
    letters = {"".join(sorted(word)) for word in "Volcanoes emit carbon.".split()}  # noqa: SIM905
    assert all(set(claim.split()) <= words for claim in made[2::4])
    assert all({"".join(sorted(word)) for word in claim.split()} <= letters for claim in made[3::4])
    assert not words & set(" ".join(made[0::4]).split()) - {"The", "in"}
    assert len(nonsense_claims(["?"], ["!"], 7, seed=0)) == 7


def test_a_sample_of_documents_is_drawn_by_seed():
    documents = [Document(f"d{number}", f"text {number}") for number in range(50)]
    index = MemoryIndex(documents)
    assert index.sample(5, 1) == index.sample(5, 1) != index.sample(5, 2)
    assert len({document.doc_id for document in index.sample(5, 1)}) == 5
    assert index.sample(80, 1) == documents
