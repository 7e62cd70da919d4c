"""Cross-encoders with two heads: one model, loaded once, that computes each pair once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from labelled_models import with_labels

from claimhound.data.errors import ModelError
from claimhound.data.labelled_sets.stances import STANCES
from claimhound.data.records import Document
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.model_folders.tokenization import TextTokenizer
from claimhound.pipeline.models.blending import Blend, save_blend
from claimhound.pipeline.models.cross_encoders import (
    CrossEncoderModel,
    RelevanceHead,
    StanceHead,
    load_pair_models,
    load_reranker,
    load_stance,
    log_odds_of_a_stance,
)
from claimhound.pipeline.models.pair_readers import TokenPairReader
from claimhound.pipeline.models.stance_labels import stance_labels
from claimhound.pipeline.models.temperature import save_temperature
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import open_pipeline
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.torch_runtime import TorchRuntime

EVIDENCE = ["the ocean rises by 3 millimetres a year", "vaccines cause no autism", "the sea level", "data shows " * 60]
CLAIMS = ("sea level rises", "vaccines are not the cause of measles")
PAIRS = [(claim, text) for claim in CLAIMS for text in EVIDENCE]
LABELS = ("REFUTES", "RELEVANT", "NOT_ENOUGH_INFO", "SUPPORTS")
CPU = Compute("cpu")


@pytest.fixture(scope="module")
def both_dir(tiny_stance_dir, tmp_path_factory):
    """The tiny stance model with a fourth output, and weights large enough to show any mistake."""
    folder = with_labels(tiny_stance_dir, tmp_path_factory.mktemp("models") / "both", LABELS)
    save_rows(folder, lambda head: np.concatenate([head[:1], head[1:2] - head[2:3] / 2, head[1:]]), scale=8)
    save_temperature(1.5, folder)
    save_blend(Blend(-0.5, (("logit", 2.0),)), folder)
    return folder


def save_rows(folder, rows, scale=1):
    """Change the rows of the head in a folder, and multiply all matrices."""
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights = {name: value * np.float32(scale) if value.ndim == 2 else value for name, value in weights.items()}
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = np.ascontiguousarray(rows(weights[name]))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def with_rows(both_dir, folder, rows):
    """Copy the model with only some of its outputs."""
    with_labels(both_dir, folder, [LABELS[row] for row in rows])
    save_rows(folder, lambda head: head[rows])
    return folder


def in_float32(folder, **heads):
    """Open the folder's model without the rounding of int8."""
    runtime = TorchRuntime.load(folder, "cross-encoder", "cpu")
    n_labels = len(heads["stance"].labels.names) if "stance" in heads else 1
    return CrossEncoderModel("m", "0" * 64, TokenPairReader(TextTokenizer(folder, 64), runtime, n_labels), **heads)


def test_two_heads_give_the_same_as_two_models_with_one_head_each(both_dir, tmp_path):
    reranker = in_float32(with_rows(both_dir, tmp_path / "reranker", [1]), relevance=RelevanceHead())
    stance = in_float32(with_rows(both_dir, tmp_path / "stance", [3, 0, 2]), stance=StanceHead(temperature=1.5))
    labels = stance_labels({"id2label": dict(enumerate(LABELS))})
    both = in_float32(both_dir, relevance=RelevanceHead(column=1), stance=StanceHead(labels, 1.5))
    scores = both.score(PAIRS)
    np.testing.assert_allclose(scores.logits, reranker.score(PAIRS).logits, atol=1e-5)
    assert scores.logits.std() > 0.1
    found = both.classify(PAIRS)
    np.testing.assert_allclose(found.probabilities, stance.classify(PAIRS).probabilities, atol=1e-5)
    assert abs(found.probabilities - found.probabilities[:, [1, 2, 0]]).max() > 0.2
    assert scores.truncated.tolist() == found.truncated.tolist() == [text == EVIDENCE[-1] for _, text in PAIRS]


def test_one_folder_named_twice_is_loaded_once_and_gives_the_same_as_loaded_twice(both_dir):
    reranker, stance = load_pair_models(str(both_dir), f"{both_dir}/", CPU)
    assert reranker is stance
    assert (reranker.blend, stance.labels.names) == (Blend(-0.5, (("logit", 2.0),)), LABELS)
    alone = load_reranker(str(both_dir), CPU).score(PAIRS), load_stance(str(both_dir), CPU).classify(PAIRS)
    np.testing.assert_array_equal(reranker.score(PAIRS).logits, alone[0].logits)
    np.testing.assert_array_equal(stance.classify(PAIRS).probabilities, alone[1].probabilities)


def test_evidence_decides_by_the_stances_odds_against_not_enough_info(both_dir):
    labels = stance_labels({"id2label": dict(enumerate(LABELS))})
    heads = {"relevance": RelevanceHead(column=1), "stance": StanceHead(labels)}
    both = in_float32(both_dir, **heads)
    supports, refutes, not_enough = both.classify(PAIRS).probabilities.T
    np.testing.assert_allclose(both.decides(PAIRS), np.log((supports + refutes) / not_enough), atol=1e-9)
    assert both.decides(PAIRS).std() > 0.1
    hot = in_float32(both_dir, **heads | {"stance": StanceHead(labels, 7.0)})
    np.testing.assert_array_equal(hot.decides(PAIRS), both.decides(PAIRS))
    assert both.decides([]).shape == (0,)


def test_a_sure_stance_s_odds_are_finite():
    # log(e^900 + e^-900) - 0 = 900, without computing e^900
    assert log_odds_of_a_stance(np.array([[900.0, -900.0, 0.0], [-900.0, -900.0, 900.0]])).tolist() == pytest.approx(
        [900.0, math.log(2) - 1800.0]
    )


def test_a_blend_that_weighs_the_stance_takes_a_model_with_a_stance_head(both_dir, tmp_path):
    blend = Blend(weights=(("logit", 1.0), ("decides", 0.5)))
    one = with_rows(both_dir, tmp_path / "one", [1])
    save_blend(blend, one)
    with pytest.raises(ModelError, match=r"one/blend\.json: uses the feature decides, which takes a stance head"):
        load_reranker(str(one), CPU)
    two = with_labels(both_dir, tmp_path / "two", LABELS)
    save_blend(blend, two)
    assert load_reranker(str(two), CPU).blend == blend
    stance = with_rows(both_dir, tmp_path / "stance", [3, 0, 2])
    save_blend(blend, stance)  # without a relevance head nothing reads it
    with pytest.raises(ValueError, match="has no relevance head"):
        _ = load_stance(str(stance), CPU).blend


class CountingReader:
    """Computes logits from the lengths of the texts, and records the pairs it is given."""

    n_labels, max_length, runtime_name = 4, 64, "counting"

    def __init__(self):
        self.asked = []

    def logits(self, pairs):
        self.asked.extend(pairs)
        rows = [[len(claim), len(text), len(claim) % 7, len(text) % 5] for claim, text in pairs]
        return np.array(rows, dtype=np.float64).reshape(len(pairs), 4), np.zeros(len(pairs), dtype=np.bool_)


@pytest.mark.parametrize("blend", [Blend(), Blend(weights=(("logit", 1.0), ("decides", 3.0)))])
def test_a_search_with_one_model_for_both_computes_each_pair_once(blend):
    def answers(reranker, stance):
        index = MemoryIndex([Document(str(number), text) for number, text in enumerate(EVIDENCE)], None)
        return EvidencePipeline(index, None, reranker, stance=stance).find_evidence(CLAIMS, 2)

    heads = {
        "relevance": RelevanceHead(blend, column=1),
        "stance": StanceHead(stance_labels({"id2label": dict(enumerate(LABELS))})),
    }
    reader, readers = CountingReader(), (CountingReader(), CountingReader())
    both = CrossEncoderModel("m", "0" * 64, reader, **heads)
    together = answers(both, both)
    apart = answers(*(CrossEncoderModel("m", "0" * 64, one, **heads) for one in readers))
    assert [answer.evidence for answer in together] == [answer.evidence for answer in apart]
    assert [answer.summary for answer in together] == [answer.summary for answer in apart]
    assert reader.asked == readers[0].asked
    assert len(reader.asked) == len(set(reader.asked))
    assert 0 < len(readers[1].asked) <= len(reader.asked)


def test_a_pipeline_opens_one_model_that_both_options_name(both_dir, tmp_path):
    (tmp_path / "corpus.txt").write_text("\n".join(EVIDENCE))
    found = open_pipeline(
        None,
        corpus=str(tmp_path / "corpus.txt"),
        with_encoder=False,
        reranker=str(both_dir),
        stance=str(both_dir),
        compute=CPU,
    )
    assert found.reranker is found.stance
    (answer,) = found.find_evidence(["sea level rises"], 2)
    assert {hit.document.text for hit in answer.evidence} == {EVIDENCE[0], EVIDENCE[2]}
    assert all(0 < hit.score < 1 and set(hit.stance.probabilities) == set(STANCES) for hit in answer.evidence)


def test_a_missing_head_is_an_error(tiny_stance_dir, tiny_reranker_dir, tmp_path):
    with pytest.raises(ModelError, match=r"has 3 labels; a reranker has one, or RELEVANT and the stances"):
        load_pair_models(str(tiny_stance_dir), str(tiny_stance_dir), CPU)
    with pytest.raises(ModelError, match="its labels are LABEL_0; a stance model has"):
        load_pair_models(str(tiny_reranker_dir), str(tiny_reranker_dir), CPU)
    with pytest.raises(ModelError, match="has 4 labels; a reranker has one, or RELEVANT"):
        folder = with_labels(tiny_stance_dir, tmp_path / "m", ["a", "b", "c", "d"])
        save_rows(folder, lambda head: np.concatenate([head, head[:1]]))
        load_reranker(str(folder), CPU)
    model = CrossEncoderModel("m", "0" * 64, CountingReader())
    with pytest.raises(ValueError, match="m: has no stance head"):
        model.classify(PAIRS)
    with pytest.raises(ValueError, match="m: has no relevance head"):
        model.score(PAIRS)
