"""Rerankers: the logits of CrossEncoder for one pair at a time, faster, and the same in any batch."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_fakes import NanRuntime

from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.tokenization import TextTokenizer
from claimhound.pipeline.models.cross_encoders import CrossEncoderModel, RelevanceHead, load_reranker
from claimhound.pipeline.models.pair_readers import TokenPairReader
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.torch_runtime import TorchRuntime

EVIDENCE = [
    "the ocean rises by 3 millimetres a year",
    "the ice sheet melts and the sea level rises",
    "vaccines cause no autism",
    "the moon landing was in 1969 by rocket",
    "prices rise",
    "inflation is low and the bank shows data " * 20,
    "wind and solar power are more than coal",
    "measles",
]
PAIRS = [
    (claim, evidence) for claim in ("sea level rises", "vaccines are not the cause of measles") for evidence in EVIDENCE
]


@pytest.fixture(scope="module")
def served_reranker(lively_reranker_dir):
    return load_reranker(str(lively_reranker_dir), Compute("cpu"))


@pytest.fixture(scope="module")
def torch_reranker(lively_reranker_dir):
    runtime = TorchRuntime.load(lively_reranker_dir, "cross-encoder", "cpu")
    reader = TokenPairReader(TextTokenizer(lively_reranker_dir, 64), runtime, 1)
    return CrossEncoderModel("tiny", "0" * 64, reader, relevance=RelevanceHead())


@pytest.fixture(scope="module")
def one_at_a_time(lively_reranker_dir):
    import torch
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(lively_reranker_dir), device="cpu")
    return np.array([model.predict([pair], activation_fn=torch.nn.Identity())[0] for pair in PAIRS])


def ranks(values):
    return np.argsort(np.argsort(values))


def test_torch_gives_cross_encoder_s_logits(torch_reranker, one_at_a_time):
    np.testing.assert_allclose(torch_reranker.score(PAIRS).logits, one_at_a_time, atol=1e-5)


def test_the_served_model_ranks_like_cross_encoder(served_reranker, one_at_a_time):
    # In any precision that is served, the error is at most a tenth of the logits' spread.
    logits = served_reranker.score(PAIRS).logits
    assert np.sqrt(np.mean((logits - one_at_a_time) ** 2)) < 0.15 * one_at_a_time.std()
    assert np.corrcoef(ranks(logits), ranks(one_at_a_time))[0, 1] > 0.98
    assert served_reranker.runtime_name.startswith("OpenVINO ")


@pytest.mark.parametrize("name", ["served_reranker", "torch_reranker"])
def test_a_pair_scores_the_same_alone_in_a_batch_and_twice(name, request):
    reranker = request.getfixturevalue(name)
    others = [(f"{claim} {n}", evidence) for n in range(20) for claim, evidence in PAIRS]
    together = reranker.score([*PAIRS, *others, *PAIRS])
    alone = np.concatenate([reranker.score([pair]).logits for pair in PAIRS])
    n = len(PAIRS)
    assert np.array_equal(together.logits[:n], together.logits[-n:])
    if name == "served_reranker":
        assert np.array_equal(together.logits[:n], alone)
    else:
        np.testing.assert_allclose(together.logits[:n], alone, atol=1e-6)


def test_claim_and_evidence_are_not_exchangeable(served_reranker):
    forth, back = served_reranker.score([("sea level rises", "measles"), ("measles", "sea level rises")]).logits
    assert forth != back


def test_cut_pairs_are_flagged(served_reranker):
    truncated = served_reranker.score(PAIRS).truncated
    assert [bool(cut) for cut in truncated] == [len(evidence) > 500 for _, evidence in PAIRS]


def test_without_pairs_there_are_no_scores(served_reranker):
    scores = served_reranker.score([])
    assert scores.logits.shape == scores.truncated.shape == (0,)
    assert (scores.logits.dtype, scores.truncated.dtype) == (np.float64, np.bool_)


def test_a_model_with_three_labels_is_not_a_reranker(tiny_stance_dir):
    with pytest.raises(ModelError, match="has 3 labels; a reranker has one"):
        load_reranker(str(tiny_stance_dir), Compute("cpu"))


def test_nan_logits_are_an_error(tiny_reranker_dir):
    reader = TokenPairReader(TextTokenizer(tiny_reranker_dir, 64), NanRuntime(1), 1)
    reranker = CrossEncoderModel("tiny", "0" * 64, reader, relevance=RelevanceHead())
    with pytest.raises(ModelError, match="tiny: gives NaN"):
        reranker.score([("sea", "ice")])
