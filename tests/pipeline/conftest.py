"""Models that several test files share: converting one takes seconds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from claimhound.pipeline.models.cross_encoders import CrossEncoderModel, load_reranker
from claimhound.pipeline.models.encoders import TransformerEncoder, load_encoder
from claimhound.pipeline.serving.compute import Compute


@pytest.fixture(scope="session")
def tiny_encoder(tiny_model_dir: Path) -> TransformerEncoder:
    """The tiny BERT as a user gets it on a CPU: through OpenVINO, in the precision that serves here."""
    return load_encoder(str(tiny_model_dir), Compute("cpu"))


@pytest.fixture(scope="session")
def lively_reranker_dir(tiny_reranker_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny cross-encoder with larger weights: its own logits are all but equal, and any mistake would agree."""
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(tiny_reranker_dir, tmp_path_factory.mktemp("models") / "lively")
    weights = load_file(folder / "model.safetensors")
    larger = {name: value * np.float32(20) if value.ndim == 2 else value for name, value in weights.items()}
    save_file(larger, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def tiny_reranker(tiny_reranker_dir: Path) -> CrossEncoderModel:
    """The tiny cross-encoder as a user gets it on a CPU: through OpenVINO, in the precision that serves here."""
    return load_reranker(str(tiny_reranker_dir), Compute("cpu"))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Have torch use one core: a step of a tiny model is shorter than what threads need to meet."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
