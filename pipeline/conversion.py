"""A model folder to int8 for OpenVINO, once, in a process of its own.

Searching then needs neither torch nor NNCF, which take seconds to import and hundreds of megabytes. Activation scales
are fixed by calibration on the bundled sample, so that a text's result depends on that text alone; scales taken from
each batch (ONNX Runtime's dynamic quantization) would make it depend on its neighbours.

Run as `python -m pipeline.conversion MODEL_DIR KIND MAX_LENGTH TARGET_DIR`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from data.bundled import sample_dir
from data.claims import read_claims
from data.documents import read_documents
from data.errors import ModelError
from data.judgments import read_qrels
from pipeline.batching import batches_by_length
from pipeline.model_files import cache_dir, weights_sha256
from pipeline.tokenization import TextTokenizer

Kind = Literal["encoder", "cross-encoder"]

# Raise when the conversion or the sample changes, so that what an older version cached is made anew.
_VERSION = 3
_CALIBRATION_TEXTS = 300
_IR = "model.xml"
_N_TOKENS = "n_tokens"
_MAKING = "making-"
_ABANDONED_S = 24 * 3600


def _convert_in_child(model_dir: Path, kind: Kind, max_length: int, target: Path) -> None:
    # NNCF_CI keeps NNCF from reporting its use over the network.
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    environment = os.environ | {
        "NNCF_CI": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": path,
    }
    # -P: a folder `pipeline` or `data` where the user happens to be is not ours.
    command = [sys.executable, "-P", "-m", "pipeline.conversion", str(model_dir), kind, str(max_length), str(target)]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if finished.returncode != 0:
        lines = [line for line in finished.stderr.splitlines() if line.strip()] or ["no reason given"]
        free = shutil.disk_usage(target).free / 1e6
        raise ModelError(
            f"{model_dir}: cannot be converted to int8 ({lines[-1].strip()}); "
            f"it was written below {cache_dir()}, where {free:,.0f} MB are free"
        )


def converted_dir(
    model_dir: Path,
    kind: Kind,
    max_length: int,
    on_start: Callable[[str], None] | None = None,
    *,
    convert: Callable[[Path, Kind, int, Path], None] = _convert_in_child,
) -> Path:
    """Return the folder with the model in int8, converting it first if that was not done before.

    `on_start` is told in one line that a conversion begins: it takes up to a minute. `convert` writes the model into
    the folder that it is given last. Raises ModelError if the model cannot be converted or kept.
    """
    weights = weights_sha256(model_dir)
    stamp = [
        _VERSION,
        kind,
        max_length,
        weights,
        (model_dir / "config.json").read_text(encoding="utf-8"),
        version("openvino"),
    ]
    key = hashlib.sha256(json.dumps(stamp).encode()).hexdigest()[:24]
    target = cache_dir() / "int8" / key
    try:
        if (target / _IR).is_file():
            return target
        if on_start is not None:
            on_start(f"converting the {kind} to int8 for this machine's processor (once, up to a minute) …")
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target.parent)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=_MAKING) as scratch:
            made = Path(scratch) / "model"
            made.mkdir()
            convert(model_dir, kind, max_length, made)
            try:
                made.rename(target)
            except OSError:
                # Another process made the same one meanwhile.
                if not (target / _IR).is_file():
                    raise
    except OSError as error:
        raise ModelError(
            f"{target.parent}: cannot be used ({error.strerror}); converted models are kept there, "
            "or where XDG_CACHE_HOME says"
        ) from error
    return target


def _remove_abandoned(folder: Path) -> None:
    """Remove what a conversion left that was killed."""
    for path in folder.glob(f"{_MAKING}*"):
        try:
            abandoned = path.stat().st_mtime < time.time() - _ABANDONED_S
        except OSError:
            continue  # just finished
        if abandoned:
            shutil.rmtree(path, ignore_errors=True)


def takes_token_types(config: Any) -> bool:
    """Tell from a transformers configuration whether the model tells the two texts of a pair apart by number."""
    return bool(getattr(config, "type_vocab_size", 0) > 1)


def _convert(model_dir: Path, kind: Kind, max_length: int, target: Path) -> None:
    import nncf
    import openvino
    import torch
    import transformers

    from pipeline.first_token import ShortLastLayer, reads_first_token_alone

    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    loader = transformers.AutoModel if kind == "encoder" else transformers.AutoModelForSequenceClassification
    model = loader.from_pretrained(model_dir, attn_implementation="eager", dtype=torch.float32).eval()
    names = ["input_ids", "attention_mask"]
    if takes_token_types(model.config):
        names.append("token_type_ids")
    sequences = {name: {0: "rows", 1: "tokens"} for name in names}
    short = kind == "cross-encoder" and reads_first_token_alone(model)
    if short:
        model = ShortLastLayer(model)
        names.append(_N_TOKENS)

    class OneOutput(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            output = self.model(**dict(zip(names, inputs, strict=True)))
            value: torch.Tensor = output.last_hidden_state if kind == "encoder" else output.logits
            return value

    example = torch.ones(2, 16, dtype=torch.long)  # (rows, tokens)
    examples = (*(example for _ in sequences), *([torch.tensor(16)] if short else []))
    with tempfile.TemporaryDirectory() as scratch:
        onnx_path = Path(scratch) / "model.onnx"
        # The TorchScript exporter: the newer one needs a further package and gave the same graph.
        torch.onnx.export(
            OneOutput(),
            examples,
            str(onnx_path),
            input_names=names,
            output_names=["output"],
            dynamic_axes=sequences | {"output": {0: "rows"}},
            opset_version=17,
            dynamo=False,
        )
        exact = openvino.Core().read_model(onnx_path)
    tokenizer = TextTokenizer(model_dir, max_length)
    inputs = [
        {name: getattr(batch, name) for name in sequences}
        # All tokens, so that the ranges are the whole layer's. From one token a text, where ranges were still the mean
        # of each text's extremes, logits of four tiny random models were off by 1.4 times as much.
        | ({_N_TOKENS: np.array(batch.input_ids.shape[1])} if short else {})
        for batch in batches_by_length(tokenizer.tokenize(_calibration_texts(kind)), max_length, tokens_per_batch=1)
    ]
    small = nncf.quantize(
        exact,
        nncf.Dataset(inputs),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(inputs),
        advanced_parameters=_whole_ranges() if kind == "cross-encoder" else None,
    )
    if short:
        _fix_input(small, _N_TOKENS, 1)
    openvino.save_model(small, target / _IR)


def _whole_ranges() -> Any:
    """Return parameters that let activations range from the least to the greatest value of all texts.

    By default NNCF takes the mean of each text's extremes, which cuts off: against float32, the bundled reranker's
    logits were wrong by .345 (root of the mean square) over 300 climate pairs, and are by .099.
    """
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    return AdvancedQuantizationParameters(activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX)


def _fix_input(model: Any, name: str, value: int) -> None:
    """Have an OpenVINO model take `value` for an input, and no longer ask for it."""
    import openvino

    parameter = model.input(name).get_node()
    parameter.output(0).replace(openvino.opset13.constant(np.array(value, dtype=np.int64)).output(0))
    model.remove_parameter(parameter)
    model.validate_nodes_and_infer_types()


def _calibration_texts(kind: Kind) -> list[str] | list[tuple[str, str]]:
    """Return texts of the bundled sample: evidence and claims, or judged and neighbouring pairs."""
    folder = sample_dir()
    evidence = {document.doc_id: document.text for document in read_documents([str(folder / "evidence.jsonl")])}
    claims = {claim.query_id: claim.text for claim in read_claims(str(folder / "claims.jsonl"))}
    if kind == "encoder":
        texts = [*claims.values(), *evidence.values()]
        step = max(1, len(texts) // _CALIBRATION_TEXTS)
        return texts[::step][:_CALIBRATION_TEXTS]
    qrels = read_qrels(str(folder / "qrels.tsv"))
    judged = [(claims[claim], evidence[doc]) for claim, grades in qrels.items() for doc in grades]
    others = [*evidence.values()]
    step = len(others) // max(1, _CALIBRATION_TEXTS - len(judged))
    spread = [(text, others[(7 * row) % len(others)]) for row, text in enumerate([*claims.values()] * max(1, step))]
    return (judged + spread)[:_CALIBRATION_TEXTS]


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))  # type: ignore[arg-type]
