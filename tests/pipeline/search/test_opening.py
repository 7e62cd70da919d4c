"""An index or a few documents, opened with its models."""

from __future__ import annotations

import pytest

from claimhound.data.errors import IndexMissingError, InputError, RecordError
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.indexing.building import build_index
from claimhound.pipeline.models.encoders import load_encoder
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.opening import describe, open_beside, open_pipeline
from claimhound.pipeline.serving.compute import Compute


def test_an_index_is_opened_with_the_encoder_that_it_was_built_with(tmp_path, tiny_encoder, tiny_reranker_dir):
    (tmp_path / "corpus.txt").write_text("the sea level rises\nice melts\n")
    build_index([str(tmp_path / "corpus.txt")], tmp_path / "index", tiny_encoder)
    pipeline = open_pipeline(
        tmp_path / "index", reranker=str(tiny_reranker_dir), with_stance=False, compute=Compute("cpu")
    )
    facts = describe(pipeline)
    assert facts["encoder"]["name"] == tiny_encoder.identity.name
    assert facts["encoder_runtime"] == f"OpenVINO {tiny_encoder.identity.precision} on cpu"
    assert facts["reranker_runtime"].startswith("OpenVINO ")
    assert facts["reranker"]["name"] == str(tiny_reranker_dir)
    assert len(facts["reranker"]["weights_sha256"]) == len(facts["manifest_sha256"]) == 64
    assert (facts["index"], facts["generation"], facts["n_docs"]) == (str(tmp_path / "index"), 1, 2)
    bare = describe(open_pipeline(tmp_path / "index", with_encoder=False, with_reranker=False, with_stance=False))
    assert not {"encoder", "reranker"} & set(bare)


def test_another_index_shares_the_models_that_fit_it(tmp_path, tiny_encoder, tiny_model_dir, tiny_reranker_dir):
    (tmp_path / "corpus.txt").write_text("the sea level rises\nice melts\n")
    build_index([str(tmp_path / "corpus.txt")], tmp_path / "index", tiny_encoder)
    (tmp_path / "other.txt").write_text("wind power is clean\n")
    build_index([str(tmp_path / "other.txt")], tmp_path / "same", tiny_encoder)
    prompted = load_encoder(str(tiny_model_dir), Compute("cpu"), query_prompt="query: ")
    build_index([str(tmp_path / "other.txt")], tmp_path / "prompted", prompted)
    config = PipelineConfig(rrf_k=7)
    pipeline = open_pipeline(
        tmp_path / "index", reranker=str(tiny_reranker_dir), with_stance=False, config=config, compute=Compute("cpu")
    )
    same, other = (open_beside(pipeline, tmp_path / name, Compute("cpu")) for name in ("same", "prompted"))
    assert (same.reranker, same.config, same.encoder) == (pipeline.reranker, config, pipeline.encoder)
    assert other.reranker is pipeline.reranker
    assert (other.encoder.identity.query_prompt, pipeline.encoder.identity.query_prompt) == ("query: ", "")
    (answer,) = same.find_evidence(["wind"], 1)
    assert answer.evidence[0].document.text == "wind power is clean"


def test_a_few_documents_are_ranked_without_an_index(tmp_path, tiny_model_dir):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("the sea level rises\nice melts\n")
    pipeline = open_pipeline(
        None,
        corpus=str(corpus),
        encoder=str(tiny_model_dir),
        with_reranker=False,
        with_stance=False,
        compute=Compute("cpu"),
    )
    assert isinstance(pipeline.index, MemoryIndex)
    (answer,) = pipeline.find_evidence(["the ice melts"], 1)
    assert answer.evidence[0].document.text == "ice melts"
    assert "index" not in describe(pipeline)


def test_errors_are_raised_before_a_model_is_loaded(tmp_path):
    with pytest.raises(IndexMissingError):
        open_pipeline(tmp_path / "nowhere", encoder="./no-model")
    with pytest.raises(ValueError, match="name an index folder or a corpus"):
        open_pipeline(None)
    (tmp_path / "bad.jsonl").write_text('{"text": "one"}\n{"x": 1}\n')
    with pytest.raises(RecordError, match=r"bad\.jsonl:2"):
        open_pipeline(None, corpus=str(tmp_path / "bad.jsonl"), encoder="./no-model")
    (tmp_path / "large.txt").write_text("".join(f"sentence {number}\n" for number in range(5_001)))
    with pytest.raises(InputError, match="has more than 5,000 documents; build an index with: claimhound index build"):
        open_pipeline(None, corpus=str(tmp_path / "large.txt"), encoder="./no-model")
