"""Finding models by name."""

from __future__ import annotations

import pytest

from claimhound.data.bundled import BUNDLED_MODELS
from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.finding import (
    BASE_ENCODER_NAME,
    BASE_ENCODER_SHA256,
    BUNDLED,
    display_name,
    find_model_dir,
)
from claimhound.pipeline.model_folders.fingerprints import weights_sha256
from claimhound.pipeline.models.encoders import encoder_identity


def test_the_base_encoder_has_the_pinned_weights():
    assert weights_sha256(find_model_dir("encoder", BASE_ENCODER_NAME)) == BASE_ENCODER_SHA256


def test_the_bundled_encoder_has_one_identity_under_all_its_names():
    name = BUNDLED_MODELS["encoder"].name
    assert encoder_identity("claimhound-encoder") == encoder_identity(name) == encoder_identity()
    identity = encoder_identity()
    assert (identity.name, identity.pooling, identity.max_length, identity.dim) == (name, "mean", 256, 384)


@pytest.mark.parametrize("role", BUNDLED_MODELS)
def test_a_bundled_model_is_found_with_and_without_its_current_version(role):
    name = BUNDLED_MODELS[role].name
    bare, _, version = name.partition("@")
    assert version == "1"
    assert (
        find_model_dir(role, bare)
        == find_model_dir(role, name)
        == find_model_dir(role, BUNDLED)
        == BUNDLED_MODELS[role].folder
    )
    assert display_name(role, bare) == display_name(role, name) == display_name(role, BUNDLED) == name
    with pytest.raises(ModelError) as caught:
        find_model_dir(role, f"{bare}@7")
    assert str(caught.value) == f"{bare}@7: comes with another version of claimhound; this version has {name}"


def test_a_folder_has_an_absolute_name_and_a_hub_model_its_own(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    assert display_name("encoder", "model") == display_name("encoder", "./model") == str(tmp_path / "model")
    assert display_name("encoder", "someone/their-model") == "someone/their-model"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere", "no such model folder"),
        ("/nowhere/at/all", "no such model folder"),
        ("a/b/c", "no such model folder"),
        ("someone/never-fetched", r"from the Hub \(it was never downloaded here, and the Hub cannot be reached\)"),
        ("not a name", "neither a folder nor available from the Hub"),
    ],
)
def test_a_model_that_cannot_be_found_is_a_one_line_error(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for role in ("encoder", "reranker"):
        with pytest.raises(ModelError, match=message) as caught:
            find_model_dir(role, name)
        assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"not a model folder \(no config\.json\)"):
        find_model_dir("encoder", str(tmp_path))
    (tmp_path / "config.json").write_text('{"hidden_size": 32}')
    with pytest.raises(ModelError, match="holds no weights"):
        encoder_identity(str(tmp_path))
