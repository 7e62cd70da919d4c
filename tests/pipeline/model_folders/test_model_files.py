"""Finding models and telling them apart."""

from __future__ import annotations

import os
import shutil

import pytest

from claimhound.data.errors import EncoderMismatchError, ModelError, first_line
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.indexing.building import add_documents, build_index
from claimhound.pipeline.model_folders.files import (
    BASE_ENCODER_NAME,
    BASE_ENCODER_SHA256,
    BUNDLED,
    BUNDLED_ENCODER_NAME,
    BUNDLED_RERANKER_NAME,
    BUNDLED_STANCE_NAME,
    display_name,
    encoder_dir,
    n_positions,
    read_json,
    reranker_dir,
    stance_dir,
    weights_sha256,
)
from claimhound.pipeline.models.encoders import encoder_identity
from claimhound.pipeline.search.opening import open_pipeline
from claimhound.pipeline.serving.compute import Compute


def test_the_base_encoder_has_the_weights_that_were_pinned():
    assert weights_sha256(encoder_dir(BASE_ENCODER_NAME)) == BASE_ENCODER_SHA256


def test_the_bundled_encoder_is_there():
    assert encoder_dir(BUNDLED_ENCODER_NAME) == encoder_dir("claimhound-encoder") == encoder_dir(BUNDLED)
    assert encoder_identity("claimhound-encoder") == encoder_identity(BUNDLED_ENCODER_NAME) == encoder_identity()
    identity = encoder_identity()
    assert (identity.name, identity.pooling, identity.max_length, identity.dim) == (
        BUNDLED_ENCODER_NAME,
        "mean",
        256,
        384,
    )


def test_a_bundled_model_is_called_by_its_name_with_or_without_the_version_of_today():
    for find, name in (
        (encoder_dir, BUNDLED_ENCODER_NAME),
        (reranker_dir, BUNDLED_RERANKER_NAME),
        (stance_dir, BUNDLED_STANCE_NAME),
    ):
        bare, _, version = name.partition("@")
        assert version == "1"
        assert find(bare) == find(name) == find(BUNDLED)
        assert display_name(bare, name) == display_name(name, name) == display_name(BUNDLED, name) == name
        with pytest.raises(ModelError) as caught:
            find(f"{bare}@7")
        assert str(caught.value) == f"{bare}@7: comes with another version of claimhound, this one has {name}"


def test_other_weights_of_the_same_size_and_time_are_told_apart(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"first")
    os.utime(path, (1, 1))
    first = weights_sha256(tmp_path)
    assert weights_sha256(tmp_path) == first
    path.write_bytes(b"other")
    os.utime(path, (1, 1))
    assert weights_sha256(tmp_path) != first


def test_the_hash_covers_every_weight_file_in_the_order_of_names(tmp_path):
    for name, content in (("model-2.safetensors", b"b"), ("model-1.safetensors", b"a"), ("pytorch_model.bin", b"c")):
        (tmp_path / name).write_bytes(content)
    both = weights_sha256(tmp_path)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "model.safetensors").write_bytes(b"ab")
    assert both == weights_sha256(tmp_path / "one")


def test_a_cache_that_is_spoilt_or_cannot_be_written_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    expected = weights_sha256(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    weights_sha256(tmp_path)
    (remembered,) = (tmp_path / "cache" / "claimhound" / "hashes").iterdir()
    for spoilt in (b"", b"short", b"\xff" * 64, b"?" * 64):
        remembered.write_bytes(spoilt)
        assert weights_sha256(tmp_path) == expected
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert weights_sha256(tmp_path) == expected


def test_a_folder_is_named_so_that_it_is_found_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    assert display_name("model", "its-name") == display_name("./model", "its-name") == str(tmp_path / "model")
    assert display_name(BUNDLED, "its-name") == "its-name"
    assert display_name("someone/their-model", "its-name") == "someone/their-model"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere", "no such model folder"),
        ("/nowhere/at/all", "no such model folder"),
        ("a/b/c", "no such model folder"),
        ("someone/never-fetched", "neither a folder nor a model that can be had from the Hub"),
        ("not a name", "neither a folder nor a model that can be had from the Hub"),
    ],
)
def test_a_model_that_cannot_be_had_is_an_error_of_one_line(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for find in (encoder_dir, reranker_dir):
        with pytest.raises(ModelError, match=message) as caught:
            find(name)
        assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"is no model folder \(it has no config\.json\)"):
        encoder_dir(str(tmp_path))
    (tmp_path / "config.json").write_text('{"hidden_size": 32}')
    with pytest.raises(ModelError, match="holds no weights"):
        encoder_identity(str(tmp_path))


@pytest.mark.parametrize(("content", "message"), [("{", "is not JSON"), ("[]", "is not a JSON object")])
def test_settings_that_are_no_object_are_refused(tmp_path, content, message):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match=message):
        read_json(tmp_path / "config.json")
    assert read_json(tmp_path / "other.json") == {}


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512}, 512),
        ({"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "mpnet", "max_position_embeddings": 514}, 512),
        ({"model_type": "xlnet", "max_position_embeddings": -1}, None),
        ({"model_type": "t5"}, None),
    ],
)
def test_positions_that_a_model_can_read(config, positions):
    assert n_positions(config) == positions


def test_first_line_of_an_error():
    assert first_line(ValueError("\none\ntwo")) == "one"
    assert first_line(ValueError()) == "ValueError"


@pytest.fixture(scope="module")
def small_index(tiny_encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    (folder / "corpus.txt").write_text("the sea level rises\nice melts\n")
    build_index([str(folder / "corpus.txt")], folder / "index", tiny_encoder)
    return folder / "index"


def test_another_encoder_of_the_same_dimension_is_refused_with_both_names(
    small_index, tiny_model_dir, other_tiny_model_dir
):
    with pytest.raises(EncoderMismatchError) as caught:
        open_pipeline(
            small_index,
            encoder=str(other_tiny_model_dir),
            with_reranker=False,
            with_stance=False,
            compute=Compute("cpu"),
        )
    assert str(tiny_model_dir) in str(caught.value)
    assert str(other_tiny_model_dir) in str(caught.value)


def test_adding_with_another_encoder_is_refused_and_changes_nothing(small_index, other_tiny_model_dir, tmp_path):
    from pipeline_fakes import FakeEncoder

    encoder = FakeEncoder(identity=encoder_identity(str(other_tiny_model_dir)))
    before = IndexSnapshot.open(small_index).manifest
    (tmp_path / "more.txt").write_text("more\n")
    with pytest.raises(EncoderMismatchError):
        add_documents([str(tmp_path / "more.txt")], small_index, encoder)
    assert encoder.calls == []
    assert IndexSnapshot.open(small_index).manifest == before


def test_an_encoder_that_moved_is_taken_from_its_new_place(small_index, tiny_model_dir, tmp_path, tiny_encoder):
    moved = shutil.copytree(tiny_model_dir, tmp_path / "moved")
    pipeline = open_pipeline(
        small_index, encoder=str(moved), with_reranker=False, with_stance=False, compute=Compute("cpu")
    )
    assert pipeline.find_evidence(["sea"], 1)[0].models["encoder"] == str(moved)


def test_weights_that_change_below_an_index_are_noticed(tiny_model_dir, other_tiny_model_dir, tmp_path):
    from pipeline_fakes import FakeEncoder

    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    (tmp_path / "corpus.txt").write_text("the sea level rises\n")
    build_index([str(tmp_path / "corpus.txt")], tmp_path / "index", FakeEncoder(identity=encoder_identity(str(folder))))
    shutil.copy2(other_tiny_model_dir / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(EncoderMismatchError, match="its vectors come from encoder"):
        open_pipeline(tmp_path / "index", with_reranker=False, with_stance=False, compute=Compute("cpu"))


def test_an_index_whose_encoder_is_gone_says_what_to_do(tiny_model_dir, tmp_path):
    from pipeline_fakes import FakeEncoder

    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    (tmp_path / "corpus.txt").write_text("the sea level rises\n")
    build_index([str(tmp_path / "corpus.txt")], tmp_path / "index", FakeEncoder(identity=encoder_identity(str(folder))))
    shutil.rmtree(folder)
    with pytest.raises(
        ModelError,
        match=r"was built with encoder .*model, which cannot be had .* --encoder, .* --no-encoder, or .* index renew",
    ):
        open_pipeline(tmp_path / "index", with_reranker=False, with_stance=False, compute=Compute("cpu"))
    found = open_pipeline(tmp_path / "index", with_encoder=False, with_reranker=False, with_stance=False).find_evidence(
        ["sea"], 1
    )
    assert [hit.document.text for hit in found[0].evidence] == ["the sea level rises"]
