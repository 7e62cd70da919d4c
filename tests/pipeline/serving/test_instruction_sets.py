"""Every precision on every instruction set of this processor agrees with the library's float32.

A child process is limited to an instruction set by oneDNN's environment variable, and converts tiny models; the bundled
ones are converted once per run, for the full processor.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from claimhound.pipeline.serving.agreement import logit_agreement, vector_agreement
from claimhound.pipeline.serving.processor import this_processor

pytestmark = pytest.mark.slow

# oneDNN's name of a set, and the processor flag that it needs. Every other test runs without a limit.
SETS = {
    "AVX2": "avx2",
    "AVX512_CORE": "avx512f",
    "AVX512_CORE_VNNI": "avx512_vnni",
    "AVX512_CORE_BF16": "avx512_bf16",
}
TEXTS = ["sea level rises", "the moon", "vaccines cause no autism " * 12, "carbon dioxide", "ice melts in the sun"]
PAIRS = [(claim, text) for claim in TEXTS[:2] for text in TEXTS]

CHILD = """
import json, sys
from pathlib import Path
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.conversion import converted
from claimhound.pipeline.serving.conversion_cache import Conversion
from claimhound.pipeline.models.encoders import load_encoder
from claimhound.pipeline.models.cross_encoders import load_reranker
from tests.quick_conversion import convert

def measure(folder, kind, precision):
    what = Conversion(Path(folder), kind, 64, precision)
    measured = converted(what, convert=convert).measured
    return {
        "served": measured.served,
        "candidates": {
            one.precision: {"agrees": one.agrees, "failure": one.failure, "is_compared": one.agreement is not None}
            for one in measured.candidates
        },
    }

encoder_dir, reranker_dir, texts, pairs = (json.loads(word) for word in sys.argv[1:])
found = {"logits": measure(reranker_dir, "cross-encoder", "auto")}
reranker = load_reranker(reranker_dir, Compute("cpu"))
found["logits"]["given"] = reranker.score([tuple(pair) for pair in pairs]).logits.tolist()
for precision in ("auto", "int8", "f32"):
    found[precision] = measure(encoder_dir, "encoder", precision)
    found[precision]["given"] = load_encoder(encoder_dir, Compute("cpu", precision=precision)).encode(texts).tolist()
print(json.dumps(found))
"""


@pytest.fixture(scope="module", params=SETS)
def measured(request, tmp_path_factory, tiny_model_dir, lively_reranker_dir):
    """What a child process limited to an instruction set measures and computes."""
    if SETS[request.param] not in this_processor().features:
        pytest.skip(f"this processor has no {SETS[request.param]}")
    environment = os.environ | {
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
        "NNCF_CI": "1",
        "ONEDNN_MAX_CPU_ISA": request.param,
    }
    words = [json.dumps(value) for value in (str(tiny_model_dir), str(lively_reranker_dir), TEXTS, PAIRS)]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *words],
        cwd=Path(__file__).resolve().parents[3],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def library_vectors(tiny_model_dir):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny_model_dir), device="cpu")
    return np.stack([model.encode(text) for text in TEXTS])


@pytest.fixture(scope="module")
def library_logits(lively_reranker_dir):
    import torch
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(lively_reranker_dir), device="cpu")
    return np.array([model.predict([pair], activation_fn=torch.nn.Identity()) for pair in PAIRS])


def test_the_chosen_precision_agrees_with_the_library(measured, library_vectors, library_logits):
    assert vector_agreement(np.array(measured["auto"]["given"]), library_vectors).suffices
    logits = logit_agreement(np.array(measured["logits"]["given"])[:, None], library_logits)
    # With ten pairs, swapping two neighbours gives a rank correlation of .988.
    assert logits.rms_error < 0.15 * logits.standard_deviation
    assert logits.spearman > 0.95


def test_a_forced_precision_is_used(measured, library_vectors):
    assert measured["f32"]["served"] == "f32"
    assert vector_agreement(np.array(measured["f32"]["given"]), library_vectors).least_cosine > 0.99999
    assert measured["int8"]["served"] == "int8"
    assert vector_agreement(np.array(measured["int8"]["given"]), library_vectors).suffices


def test_all_precisions_were_tried_and_one_that_agrees_is_used(measured):
    for name in ("auto", "logits"):
        candidates = measured[name]["candidates"]
        assert list(candidates) == ["bf16", "int8", "f32"]
        assert candidates["f32"] == {"agrees": True, "failure": None, "is_compared": True}
        assert candidates[measured[name]["served"]]["agrees"]


def test_a_precision_that_cannot_run_or_is_emulated_is_not_used(measured):
    for name in ("auto", "logits"):
        for precision, candidate in measured[name]["candidates"].items():
            if not candidate["is_compared"]:
                assert measured[name]["served"] != precision
            if candidate["failure"] is not None:
                assert not candidate["is_compared"]
