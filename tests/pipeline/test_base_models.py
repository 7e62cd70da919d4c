"""What a training starts from: the names that stand for bundled models, and what a card calls them."""

from __future__ import annotations

import pytest

from data.bundled import bundled_encoder_dir, bundled_reranker_dir
from data.errors import ModelError
from pipeline.model_files import BASE_ENCODER_NAME, encoder_dir
from pipeline.training.base_models import find_base_model


def test_names_stand_for_bundled_models_and_the_base_of_all(tiny_model_dir):
    assert find_base_model(None) == find_base_model("bundled") == (bundled_encoder_dir(), "claimhound-encoder@1")
    for name in ("claimhound-reranker", "claimhound-reranker@1"):
        assert find_base_model(name) == (bundled_reranker_dir(), "claimhound-reranker@1")
    assert find_base_model(BASE_ENCODER_NAME) == (encoder_dir(BASE_ENCODER_NAME), BASE_ENCODER_NAME)
    # A card does not tell where on a machine a folder lay.
    assert find_base_model(str(tiny_model_dir)) == (tiny_model_dir, tiny_model_dir.name)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="is no model folder"):
        find_base_model(str(tmp_path))
