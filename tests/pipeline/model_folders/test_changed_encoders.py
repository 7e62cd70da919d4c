"""An index opens only with the encoder that it was built with."""

from __future__ import annotations

import shutil

import pytest
from pipeline_fakes import FakeEncoder

from claimhound.data.errors import EncoderMismatchError, ModelError
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.indexing.building import add_documents, build_index
from claimhound.pipeline.models.encoders import encoder_identity
from claimhound.pipeline.search.opening import open_pipeline
from claimhound.pipeline.serving.compute import Compute

ENCODER_ALONE = {"with_reranker": False, "with_stance": False, "compute": Compute("cpu")}


@pytest.fixture(scope="module")
def small_index(tiny_encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    (folder / "corpus.txt").write_text("the sea level rises\nice melts\n")
    build_index([str(folder / "corpus.txt")], folder / "index", tiny_encoder)
    return folder / "index"


@pytest.fixture
def encoder_copy(tiny_model_dir, tmp_path):
    """A copy of the tiny encoder for the test to change, next to an index `index` that it was built with."""
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    (tmp_path / "corpus.txt").write_text("the sea level rises\n")
    build_index([str(tmp_path / "corpus.txt")], tmp_path / "index", FakeEncoder(identity=encoder_identity(str(folder))))
    return folder


def test_another_encoder_with_the_same_dimension_is_refused_and_both_are_named(
    small_index, tiny_model_dir, other_tiny_model_dir
):
    with pytest.raises(EncoderMismatchError) as caught:
        open_pipeline(small_index, encoder=str(other_tiny_model_dir), **ENCODER_ALONE)
    assert str(tiny_model_dir) in str(caught.value)
    assert str(other_tiny_model_dir) in str(caught.value)


def test_adding_with_another_encoder_is_refused_and_changes_nothing(small_index, other_tiny_model_dir, tmp_path):
    encoder = FakeEncoder(identity=encoder_identity(str(other_tiny_model_dir)))
    before = IndexSnapshot.open(small_index).manifest
    (tmp_path / "more.txt").write_text("more\n")
    with pytest.raises(EncoderMismatchError):
        add_documents([str(tmp_path / "more.txt")], small_index, encoder)
    assert encoder.calls == []
    assert IndexSnapshot.open(small_index).manifest == before


def test_an_encoder_that_moved_can_be_given_by_its_new_path(small_index, tiny_model_dir, tmp_path):
    moved = shutil.copytree(tiny_model_dir, tmp_path / "moved")
    pipeline = open_pipeline(small_index, encoder=str(moved), **ENCODER_ALONE)
    assert pipeline.find_evidence(["sea"], 1)[0].models["encoder"] == str(moved)


def test_an_encoder_whose_weights_changed_is_refused(encoder_copy, other_tiny_model_dir, tmp_path):
    shutil.copy2(other_tiny_model_dir / "model.safetensors", encoder_copy / "model.safetensors")
    with pytest.raises(EncoderMismatchError, match="its vectors come from encoder"):
        open_pipeline(tmp_path / "index", **ENCODER_ALONE)


def test_an_index_whose_encoder_is_gone_says_what_to_do_and_opens_without_it(encoder_copy, tmp_path):
    shutil.rmtree(encoder_copy)
    with pytest.raises(
        ModelError,
        match=r"was built with encoder .*, which is not available .* --encoder, .* --no-encoder, or .* index renew",
    ):
        open_pipeline(tmp_path / "index", **ENCODER_ALONE)
    pipeline = open_pipeline(tmp_path / "index", with_encoder=False, with_reranker=False, with_stance=False)
    (answer,) = pipeline.find_evidence(["sea"], 1)
    assert [hit.document.text for hit in answer.evidence] == ["the sea level rises"]
