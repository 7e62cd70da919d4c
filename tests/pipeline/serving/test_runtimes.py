"""Runtimes raise errors, cope with little memory, and do not load torch needlessly."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.batching import TokenizedText, batches_by_length
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.conversion_cache import Conversion
from claimhound.pipeline.serving.devices import resolve_device
from claimhound.pipeline.serving.opening import open_runtime
from claimhound.pipeline.serving.openvino_runtime import OpenVinoRuntime
from claimhound.pipeline.serving.torch_runtime import TorchRuntime

TEXTS = [TokenizedText([2, 5 + n % 7, 3], [0, 0, 0], False) for n in range(40)]


def batches(tokens_per_batch=16):
    return batches_by_length(TEXTS, 64, tokens_per_batch=tokens_per_batch)


@pytest.fixture(scope="module")
def openvino_runtime(tiny_model_dir):
    return OpenVinoRuntime.open(Conversion(tiny_model_dir, "encoder", 64), n_threads=2)


def outputs_of(runtime, found):
    rows = {}

    def receive(batch, output):
        rows.update(zip(batch.rows, output.copy(), strict=True))

    runtime.run(found, receive)
    return [rows[row] for row in sorted(rows)]


def test_an_error_of_the_receiver_is_raised_and_the_runtime_stays_usable(openvino_runtime):
    before = outputs_of(openvino_runtime, batches())

    def fail(batch, output):
        raise LookupError(f"row {batch.rows[0]}")

    with pytest.raises(LookupError, match="row"):
        openvino_runtime.run(batches(), fail)
    assert np.array_equal(outputs_of(openvino_runtime, batches()), before)


def test_ctrl_c_is_raised_after_running_work_has_finished(openvino_runtime):
    received = []

    def interrupted():
        for number, batch in enumerate(batches()):
            if number == 5:
                raise KeyboardInterrupt
            yield batch

    with pytest.raises(KeyboardInterrupt):
        openvino_runtime.run(interrupted(), lambda batch, output: received.extend(batch.rows))
    assert len(received) == 10
    assert len(outputs_of(openvino_runtime, batches())) == len(TEXTS)
    assert len(received) == 10


def test_no_batches_give_no_output(openvino_runtime):
    assert outputs_of(openvino_runtime, iter([])) == []


class SmallMemoryModel:
    """A model that runs out of memory above a number of rows, and may overflow until made float32."""

    def __init__(self, most_rows=100, *, overflows=False):
        self.shapes = []
        self.floated = False
        self._most_rows = most_rows
        self._overflows = overflows

    def float(self):
        self.floated = True

    def __call__(self, input_ids, attention_mask, **types):
        import torch

        self.shapes.append(tuple(input_ids.shape))
        if len(input_ids) > self._most_rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        logits = input_ids.float().sum(dim=1, keepdim=True)
        if self._overflows and not self.floated:
            logits[-1] = float("inf")
        return SimpleNamespace(logits=logits)


def torch_runtime(model, *, half=False):
    return TorchRuntime(model, "cross-encoder", "cpu", half=half, takes_types=True)


def test_a_batch_that_does_not_fit_in_memory_is_split():
    model = SmallMemoryModel(most_rows=10)
    found = outputs_of(torch_runtime(model), batches(8 * 40))
    assert [float(row[0]) for row in found] == [sum(text.ids) for text in TEXTS]
    assert model.shapes == [(32, 8), (16, 8), (8, 8), (8, 8), (16, 8), (8, 8), (8, 8), (8, 8)]


def test_a_single_text_that_does_not_fit_is_an_error():
    with pytest.raises(ModelError, match="too little memory for a text of 8 tokens; use --device cpu"):
        outputs_of(torch_runtime(SmallMemoryModel(most_rows=0)), batches())


def test_overflow_in_half_precision_switches_to_float32():
    model = SmallMemoryModel(overflows=True)
    runtime = torch_runtime(model, half=True)
    assert runtime.name == "torch float16 on cpu"
    found = outputs_of(runtime, batches(8 * 20))
    assert [float(row[0]) for row in found] == [sum(text.ids) for text in TEXTS]
    assert model.floated
    assert model.shapes == [(16, 8), (16, 8), (16, 8), (8, 8)]  # the first of three batches twice
    assert runtime.name == "torch float32 on cpu"


def test_a_batch_that_no_longer_fits_in_float32_is_split():
    class Growing(SmallMemoryModel):
        def float(self):
            super().float()
            self._most_rows = 5

    found = outputs_of(torch_runtime(Growing(overflows=True), half=True), batches(8 * 40))
    assert [float(row[0]) for row in found] == [sum(text.ids) for text in TEXTS]


def test_torch_runs_a_loaded_model(tiny_reranker_dir):
    runtime = TorchRuntime.load(tiny_reranker_dir, "cross-encoder", "cpu")
    small, large = outputs_of(runtime, batches(8)), outputs_of(runtime, batches(1024))
    np.testing.assert_allclose(small, large, atol=1e-6)
    assert len(small) == len(TEXTS)


def test_a_folder_without_such_a_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="cannot be loaded"):
        TorchRuntime.load(tmp_path, "encoder", "cpu")


def test_devices(tiny_model_dir):
    import torch

    assert resolve_device("cpu") == "cpu"
    assert open_runtime(tiny_model_dir, "encoder", 64, Compute("cpu")).name.startswith("OpenVINO ")
    if not torch.cuda.is_available():
        assert resolve_device("auto") == "cpu"
        with pytest.raises(ModelError, match="no cuda device here; use --device auto or --device cpu"):
            resolve_device("cuda")
    if not torch.backends.mps.is_available():
        with pytest.raises(ModelError, match="no mps device here"):
            resolve_device("mps")


SEARCH = """
import sys
from pathlib import Path
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.search.opening import open_pipeline
index_dir, encoder, reranker, stance = sys.argv[1:]
pipeline = open_pipeline(Path(index_dir), encoder=encoder, reranker=reranker, stance=stance, compute=Compute("cpu"))
(answer,) = pipeline.find_evidence(["sea level rises"], 3)
heavy = {"torch", "transformers", "sentence_transformers", "nncf", "datasets"} & set(sys.modules)
print(len(answer.evidence), sorted(heavy))
"""


def test_a_search_on_the_cpu_does_not_load_torch(
    tmp_path, tiny_encoder, tiny_reranker, tiny_model_dir, tiny_reranker_dir, tiny_stance_dir
):
    from claimhound.pipeline.indexing.building import build_index
    from claimhound.pipeline.models.cross_encoders import load_stance

    load_stance(str(tiny_stance_dir), Compute("cpu"))  # converted here, not by the search
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("the sea level rises\nvaccines cause no autism\nice melts\nthe moon\n")
    build_index([str(corpus)], tmp_path / "index", tiny_encoder)
    arguments = [str(tmp_path / "index"), str(tiny_model_dir), str(tiny_reranker_dir), str(tiny_stance_dir)]
    found = subprocess.run(
        [sys.executable, "-c", SEARCH, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout == "3 []\n"
