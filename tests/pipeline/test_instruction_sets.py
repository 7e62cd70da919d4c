"""Every precision on every instruction set that this processor has, against the library's float32.

A child is told by an environment variable of oneDNN's to use no instructions beyond a set, and converts tiny models;
the bundled ones are converted once in a run, for the processor as it is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from pipeline.agreement import logit_agreement, vector_agreement
from pipeline.processor import this_processor

pytestmark = pytest.mark.slow

# What oneDNN calls a set, and the processor's flag without which limiting to it limits to less.
SETS = {
    "AVX2": "avx2",
    "AVX512_CORE": "avx512f",
    "AVX512_CORE_VNNI": "avx512_vnni",
    "AVX512_CORE_BF16": "avx512_bf16",
    "": "",  # no limit: what users get here
}
TEXTS = ["sea level rises", "the moon", "vaccines cause no autism " * 12, "carbon dioxide", "ice melts in the sun"]
PAIRS = [(claim, text) for claim in TEXTS[:2] for text in TEXTS]

CHILD = """
import json, sys
from pathlib import Path
from data.errors import ModelError
from pipeline.config import Compute
from pipeline.conversion import Conversion, converted
from pipeline.converting import main
from pipeline.encoders import load_encoder
from pipeline.rerankers import load_reranker

encoder_dir, reranker_dir, texts, pairs = (json.loads(word) for word in sys.argv[1:])
found = {}
for precision in ("auto", "bf16", "int8", "f32"):
    for name, folder, kind in (("vectors", encoder_dir, "encoder"), ("logits", reranker_dir, "cross-encoder")):
        what = Conversion(Path(folder), kind, 64, precision)
        record = converted(what, convert=lambda what, target: main(*what, target)).measured
        entry = found.setdefault(precision, {})
        entry[name + "_candidates"] = {one.precision: [one.agrees, one.failure] for one in record.candidates}
        entry[name + "_served"] = record.served
        if record.served is not None:
            compute = Compute("cpu", precision=precision)
            if kind == "encoder":
                entry[name] = load_encoder(folder, compute).encode(texts).tolist()
            else:
                entry[name] = load_reranker(folder, compute).score([tuple(pair) for pair in pairs]).logits.tolist()
print(json.dumps(found))
"""


@pytest.fixture(scope="module", params=SETS, ids=lambda name: name or "no-limit")
def measured(request, tmp_path_factory, tiny_model_dir, lively_reranker_dir):
    """What a child that is limited to an instruction set measures and computes."""
    flag = SETS[request.param]
    if flag and flag not in this_processor().features:
        pytest.skip(f"this processor has no {flag}")
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")), "NNCF_CI": "1"}
    if request.param:
        environment["ONEDNN_MAX_CPU_ISA"] = request.param
    words = [json.dumps(value) for value in (str(tiny_model_dir), str(lively_reranker_dir), TEXTS, PAIRS)]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *words], env=environment, capture_output=True, text=True, check=False, timeout=400
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


def test_what_serves_agrees_with_the_library(measured, library_vectors, library_logits):
    served = measured["auto"]
    assert vector_agreement(np.array(served["vectors"]), library_vectors).suffices
    logits = logit_agreement(np.array(served["logits"])[:, None], library_logits)
    # Ten pairs are few for a rank correlation: one exchange of neighbours is .988.
    assert logits.rms_error < 0.15 * logits.standard_deviation
    assert logits.spearman > 0.95


def test_float32_is_right_wherever_it_is_forced(measured, library_vectors, library_logits):
    found = measured["f32"]
    assert vector_agreement(np.array(found["vectors"]), library_vectors).least_cosine > 0.99999
    np.testing.assert_allclose(np.array(found["logits"])[:, None], library_logits, atol=2e-4)


@pytest.mark.parametrize("precision", ["bf16", "int8", "f32"])
def test_a_precision_that_is_forced_is_served_or_cannot_run(measured, precision):
    found = measured[precision]
    for name in ("vectors", "logits"):
        ((forced, (_, failure)),) = found[f"{name}_candidates"].items()
        assert forced == precision
        assert (found[f"{name}_served"] is None) == (failure is not None)


def test_every_precision_was_tried_and_what_agreed_is_what_serves(measured):
    for name in ("vectors", "logits"):
        candidates = measured["auto"][f"{name}_candidates"]
        assert list(candidates) == ["bf16", "int8", "f32"]
        assert candidates["f32"] == [True, None]
        assert candidates[measured["auto"][f"{name}_served"]][0]
