"""Conversion of a model to every precision available here, measured against the library; the best is kept.

`pipeline/serving/conversion.py` runs it as a process: MODEL_DIR KIND MAX_LENGTH PRECISION TARGET_DIR.

The measurement compares what a user gets (our tokens, padding, pooling and batches) with sentence-transformers itself
in float32, one text at a time. So it also finds a folder that we read differently from the library, which is then left
to the library. The activation scales of int8 are fixed on quantization texts, so a text's result depends on that text
alone; scales taken from each batch (ONNX Runtime's dynamic quantization) would make it depend on its neighbours.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import openvino
import torch
import transformers

from claimhound.data.disk.checksums import sha256_of
from claimhound.data.errors import last_line
from claimhound.pipeline.model_folders.batching import Batch, TokenizedText, batches_by_length
from claimhound.pipeline.model_folders.tokenization import TextTokenizer
from claimhound.pipeline.models.encoders import TransformerEncoder, encoder_identity
from claimhound.pipeline.models.pair_readers import TokenPairReader
from claimhound.pipeline.serving.agreement import Agreement, logit_agreement, vector_agreement
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.conversion_cache import IR, RECORD, Conversion
from claimhound.pipeline.serving.conversion_record import Measured
from claimhound.pipeline.serving.conversion_texts import PairTexts, Texts, conversion_texts
from claimhound.pipeline.serving.devices import n_threads_available
from claimhound.pipeline.serving.first_token import ShortLastLayer, reads_first_token_alone
from claimhound.pipeline.serving.library_loading import load_library_cross_encoder, load_library_encoder
from claimhound.pipeline.serving.library_models import LibraryCrossEncoder, LibraryEncoder
from claimhound.pipeline.serving.openvino_runtime import OpenVinoRuntime, compile_model
from claimhound.pipeline.serving.precision import PREFERRED, Candidate, ConvertedPrecision, choose
from claimhound.pipeline.serving.processor import this_processor
from claimhound.pipeline.serving.torch_runtime import takes_token_types

_N_TOKENS = "n_tokens"
# The second matrix of the first two layers' feed-forward blocks, in the names of several architectures.
_SENSITIVE = re.compile(r"\blayers?\.[01]\.(output\.dense|ffn\.lin2|mlp\.Wo)\b")
_ON_CPU = Compute("cpu")
_OUT_OF_MEMORY = re.compile(r"bad_?\s?alloc|can.t alloc|(out of|not enough|cannot allocate) memory", re.IGNORECASE)
# Precisions take turns in each round of the speed measurement, so a busy moment affects all; the best round counts.
_ROUNDS = 3
_ROUND_S = 0.1
_ROWS, _TOKENS = 16, 32
# A precision below this share of the fastest is emulated: comparing it would take minutes, and it would never serve.
_EMULATED = 0.05
_FAREWELL_S = 0.1


class _Exact(NamedTuple):
    """A model for OpenVINO that is not quantized; `inputs` are the names of a batch's inputs.

    A `short` model has one more input: the number of tokens to compute in its last layer.
    """

    model: openvino.Model
    inputs: list[str]
    short: bool


def main(what: Conversion, target: Path, texts: Texts) -> None:
    """Write the model to serve and its measurements into `target`."""
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    library = _library_model(what)
    reference = _outputs(library, texts)  # one text at a time
    try:
        exact = _exact(what, library.transformer)
    except Exception as error:  # a tracer raises anything for an architecture that it cannot follow
        _raise_passing(error)
        _write(target, Measured(None, f"it cannot be converted ({last_line(error)})", this_processor().name, (), {}))
        return
    del library
    made, compiled, failures = _compiled(what, exact, texts)
    candidates = _measured(what, compiled, failures, texts, reference)
    served = choose(candidates)
    if what.precision != "auto" and not failures:
        (served,) = candidates
    files: dict[str, str] = {}
    if served is not None:
        model = made[served.precision]
        openvino.save_model(model, target / IR, compress_to_fp16=_half_suffices(model))
        files = {path.name: sha256_of(path) for path in sorted(target.iterdir())}
    reason = "" if served is not None else "; ".join(f"{one.precision}: {_why_not(one)}" for one in candidates)
    measured = Measured(served and served.precision, reason, this_processor().name, tuple(candidates), files)
    _write(target, measured)
    # A compiled model that goes waits for its threads and holds Python's lock, which a thread that has just called back
    # into Python still wants: seen to hang for good on a busy machine. Let them end first.
    time.sleep(_FAREWELL_S)


def _write(target: Path, measured: Measured) -> None:
    (target / RECORD).write_text(measured.to_json(), encoding="utf-8")


def _library_model(what: Conversion) -> LibraryEncoder | LibraryCrossEncoder:
    """Return the model as the library loads it, in float32."""
    if what.kind == "encoder":
        return load_library_encoder(what.model_dir, encoder_identity(str(what.model_dir)), _ON_CPU)
    return load_library_cross_encoder(what.model_dir, _ON_CPU, what.max_length)


def _outputs(model: Any, texts: Texts) -> np.ndarray:
    """Return the outputs of an `Encoder` or a `PairReader` for the comparison texts."""
    if isinstance(texts, PairTexts):
        logits: np.ndarray = model.logits(texts.comparison)[0]
        return logits
    return np.concatenate(
        [model.encode(texts.comparison_claims, as_query=True), model.encode(texts.comparison_documents)]
    )


def _compiled(
    what: Conversion, exact: _Exact, texts: Texts
) -> tuple[dict[ConvertedPrecision, openvino.Model], dict[ConvertedPrecision, Any], dict[ConvertedPrecision, str]]:
    """Return the models in the wanted precisions, the compiled ones, and the reasons why others failed."""
    made: dict[ConvertedPrecision, openvino.Model] = {}
    compiled: dict[ConvertedPrecision, Any] = {}
    failures: dict[ConvertedPrecision, str] = {}
    for precision in PREFERRED:
        if what.precision not in ("auto", precision):
            continue
        if precision == "bf16" and not _has_bfloat16():
            failures[precision] = "the processor has no bfloat16"
            continue
        try:
            made[precision] = _in_precision(what, exact, precision, texts)
            compiled[precision] = compile_model(made[precision], precision, n_threads_available())
        except Exception as error:  # OpenVINO and NNCF raise many kinds; the record and `doctor` name them
            _raise_passing(error)
            failures[precision] = last_line(error)
    return made, compiled, failures


def _raise_passing(error: Exception) -> None:
    """Raise an error that is temporary or due to the installation: a recorded failure is never retried."""
    if isinstance(error, MemoryError | ImportError | OSError) or _OUT_OF_MEMORY.search(str(error)):
        raise error


def _has_bfloat16() -> bool:
    """Return whether OpenVINO computes in bfloat16 here; otherwise it would silently use float32."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _measured(
    what: Conversion,
    compiled: dict[ConvertedPrecision, Any],
    failures: dict[ConvertedPrecision, str],
    texts: Texts,
    reference: np.ndarray,
) -> list[Candidate]:
    """Return the measurements of each precision, in the order of preference."""
    n_threads = n_threads_available()
    runtimes = {precision: OpenVinoRuntime(model, precision, n_threads) for precision, model in compiled.items()}
    rates = _rates(runtimes, what.max_length, n_threads)
    fastest = max(rates.values(), default=0.0)
    candidates = [Candidate(precision, failure=failure) for precision, failure in failures.items()]
    for precision, runtime in runtimes.items():
        is_emulated = what.precision == "auto" and rates[precision] < _EMULATED * fastest
        agreement = None if is_emulated else _agreement(what, runtime, texts, reference)
        candidates.append(Candidate(precision, rates[precision], agreement))
    return sorted(candidates, key=lambda one: PREFERRED.index(one.precision))


def _why_not(candidate: Candidate) -> str:
    if candidate.failure is not None:
        return f"cannot run here ({candidate.failure})"
    return str(candidate.agreement) if candidate.agreement is not None else "emulated here, too slow"


def _agreement(what: Conversion, runtime: OpenVinoRuntime, texts: Texts, reference: np.ndarray) -> Agreement:
    """Compare our outputs with the library's."""
    tokenizer = TextTokenizer(what.model_dir, what.max_length)
    if what.kind == "encoder":
        identity = encoder_identity(str(what.model_dir))
        ours = _outputs(TransformerEncoder(tokenizer, runtime, identity), texts)
        return vector_agreement(ours, reference, with_lengths=identity.similarity == "dot")
    reader = TokenPairReader(tokenizer, runtime, reference.shape[1])
    return logit_agreement(_outputs(reader, texts), reference)


def _exact(what: Conversion, model: Any) -> _Exact:
    """Return a transformers model for OpenVINO, with one output: token vectors, or logits."""
    inputs = ["input_ids", "attention_mask"]
    if takes_token_types(model.config):
        inputs.append("token_type_ids")
    names = list(inputs)
    short = what.kind == "cross-encoder" and reads_first_token_alone(model)
    if short:
        model = ShortLastLayer(model)
        names.append(_N_TOKENS)

    class OneOutput(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *values: torch.Tensor) -> torch.Tensor:
            output = self.model(**dict(zip(names, values, strict=True)))
            value: torch.Tensor = output.last_hidden_state if what.kind == "encoder" else output.logits
            return value

    # A mask with padding: attention without a mask would be traced as another graph.
    tokens = torch.ones(2, 16, dtype=torch.long)
    mask = tokens.clone()
    mask[1, 12:] = 0
    examples = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": torch.zeros_like(tokens)}
    values = tuple(examples[name] for name in inputs) + ((torch.tensor(16),) if short else ())
    converted = openvino.convert_model(OneOutput().eval(), example_input=values)
    for port, name in zip(converted.inputs, names, strict=True):
        port.get_tensor().set_names({name})
        port.get_node().set_partial_shape(openvino.PartialShape([] if name == _N_TOKENS else [-1, -1]))
    converted.validate_nodes_and_infer_types()
    return _Exact(converted, inputs, short)


def _in_precision(what: Conversion, exact: _Exact, precision: ConvertedPrecision, texts: Texts) -> openvino.Model:
    """Return the model to compile for a precision; all except int8 are the same model with different hints."""
    model = _quantized(what, exact, texts) if precision == "int8" else exact.model.clone()
    if exact.short:
        _fix_input(model, _N_TOKENS, 1)
    return model


def _quantized(what: Conversion, exact: _Exact, texts: Texts) -> openvino.Model:
    import nncf

    tokens = TextTokenizer(what.model_dir, what.max_length).tokenize(texts.quantization)
    inputs = [
        {name: getattr(batch, name) for name in exact.inputs}
        # All tokens, for the ranges of the whole layer. With one token per text, when ranges were still
        # the mean of each text's extremes, logits of four tiny random models were off by 1.4 times as much.
        | ({_N_TOKENS: np.array(batch.input_ids.shape[1])} if exact.short else {})
        for batch in batches_by_length(tokens, what.max_length, tokens_per_batch=1)
    ]
    return nncf.quantize(
        exact.model,
        nncf.Dataset(inputs),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(inputs),
        **(_for_cross_encoders(exact.model) if what.kind == "cross-encoder" else {}),
    )


def _for_cross_encoders(model: openvino.Model) -> dict[str, Any]:
    """Return the quantization options for a cross-encoder, whose logits are more sensitive than a mean of vectors.

    Activations range from the least to the greatest value of all texts. By default NNCF takes the mean of each text's
    extremes, which cuts values off: the root mean square error of the logits of version 0.2's reranker over 300 climate
    pairs, against float32, was .345 that way and is .099.

    The first two layers' feed-forward outputs, whose activations have outliers, stay floating point. This reduces the
    reranker's error from .106 to .077, with a spread of the logits of 1.08, and raises the stance model's rank
    correlation from .9939 to .9962; it costs a quarter of the speed.
    """
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    products = [op.get_friendly_name() for op in model.get_ops() if op.get_type_name() == "MatMul"]
    sensitive = [name for name in products if _SENSITIVE.search(name)]
    return {
        "advanced_parameters": AdvancedQuantizationParameters(
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
        ),
        "ignored_scope": nncf.IgnoredScope(names=sensitive),
    }


def _fix_input(model: openvino.Model, name: str, value: int) -> None:
    """Replace an input of an OpenVINO model by the constant `value`."""
    parameter = model.input(name).get_node()
    parameter.output(0).replace(openvino.opset13.constant(np.array(value, dtype=np.int64)).output(0))
    model.remove_parameter(parameter)
    model.validate_nodes_and_infer_types()


def _rates(
    runtimes: dict[ConvertedPrecision, OpenVinoRuntime], max_length: int, n_threads: int
) -> dict[ConvertedPrecision, float]:
    """Return the batches of `_ROWS` short texts that each computes per second, on all cores of the process."""
    length = min(_TOKENS, max_length)
    text = TokenizedText([1] * length, [0] * length, False)
    (batch,) = batches_by_length([text] * _ROWS, max_length, tokens_per_batch=_ROWS * length)
    best = dict.fromkeys(runtimes, 0.0)
    for number in range(_ROUNDS + 1):
        for precision, runtime in runtimes.items():
            rate = _rate(runtime, batch, n_threads)
            if number > 0:  # the first run of a shape is a warm-up
                best[precision] = max(best[precision], rate)
    return best


def _rate(runtime: OpenVinoRuntime, batch: Batch, n_threads: int) -> float:
    n_batches, started = 0, time.perf_counter()
    while (took := time.perf_counter() - started) < _ROUND_S:
        runtime.run([batch] * n_threads, lambda _batch, _output: None)
        n_batches += n_threads
    return n_batches / took


def _half_suffices(model: openvino.Model) -> bool:
    """Return whether half precision, which takes half the disk space, represents the weights exactly.

    Scalars do not count: the attention's scale is one, and off by a ten-thousandth at most.
    """
    for node in model.get_ops():
        if node.get_type_name() == "Constant" and node.get_element_type() == openvino.Type.f32:
            values = node.data
            if values.size == 1:
                continue
            with np.errstate(over="ignore"):
                if not np.array_equal(values.astype(np.float16).astype(np.float32), values):
                    return False
    return True


if __name__ == "__main__":
    _asked = Conversion(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])  # type: ignore[arg-type]
    main(_asked, Path(sys.argv[5]), conversion_texts(_asked.kind))
