"""Training a cross-encoder on claim/evidence pairs, through sentence-transformers' own trainer."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from data.errors import InputError, ModelError
from pipeline.training.mining import TrainingPair
from pipeline.training.reranker_recipe import RerankerRecipe

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder
    from transformers import PreTrainedModel

Progress = Callable[[str, int, int, float], None]
"""Called as (phase, step, n_steps, loss) after every step."""

_CHECKPOINTS = "checkpoints"
_MEGA_BATCH = 50  # batches whose pairs are sorted by length together: enough to be alike, few enough to stay random


class _Phase(NamedTuple):
    """A stretch of training with a schedule of its own."""

    name: str
    pairs: Sequence[TrainingPair]
    learning_rate: float
    epochs: int
    batch_size: int
    dropout: float
    stop_after: int = 0
    """Steps after which the phase ends before its schedule does; 0 is never."""


@dataclass(frozen=True)
class TrainingReport:
    """What a training run did; `metrics` are CrossEncoderClassificationEvaluator's on the validation pairs."""

    n_pairs: int
    n_pretraining_pairs: int
    n_validation_pairs: int
    seconds: float
    resumed_from_step: int | None
    losses: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


def train_reranker(
    pairs: Sequence[TrainingPair],
    *,
    base_model: str | Path,
    output_dir: Path,
    recipe: RerankerRecipe,
    pretraining_pairs: Sequence[TrainingPair] = (),
    validation_pairs: Sequence[TrainingPair] = (),
    resume: bool = True,
    on_progress: Progress | None = None,
) -> TrainingReport:
    """Train a cross-encoder with one label and save it to `output_dir`, where `CrossEncoder(output_dir)` loads it.

    Binary cross-entropy on the label of each pair; labels between 0 and 1 are allowed. `pretraining_pairs` are
    learned first, in a phase with its own schedule. Checkpoints stand in `output_dir/checkpoints` until the run ends; a
    run that was cut off goes on from its last one when called again with the same arguments, and gives the weights that
    it would have given uncut. Weights are saved in float16.

    Raises InputError without pairs of both kinds and where the folder holds checkpoints of another run, ModelError for
    a base model that cannot be loaded or trained, and when the loss stops being a number (the checkpoints stay).
    """
    _check_pairs(pairs, pretraining_pairs)
    started = time.monotonic()
    checkpoints_dir = output_dir / _CHECKPOINTS
    _claim_folder(checkpoints_dir, _run_fingerprint(pairs, pretraining_pairs, base_model, recipe), resume=resume)
    losses = {}
    resumed_from = None
    phases = [_Phase("training", pairs, recipe.learning_rate, recipe.epochs, recipe.batch_size, recipe.dropout)]
    if pretraining_pairs:
        first = _Phase(
            "pretraining",
            pretraining_pairs,
            recipe.pretraining_learning_rate,
            recipe.pretraining_epochs,
            recipe.pretraining_batch_size,
            recipe.pretraining_dropout,
            recipe.pretraining_steps,
        )
        phases.insert(0, first)
    model_source = str(base_model)
    for phase in phases:
        phase_dir = checkpoints_dir / phase.name
        finished_dir = phase_dir / "finished"
        if not (finished_dir / "finished.json").exists():
            model = load_base_model(model_source, recipe.max_length, recipe.seed)
            step, loss = _train_phase(phase, model, phase_dir, recipe, on_progress)
            resumed_from = step if step is not None else resumed_from
            model.save_pretrained(str(finished_dir), create_model_card=False)
            (finished_dir / "finished.json").write_text(json.dumps({"loss": loss}))
        losses[phase.name] = json.loads((finished_dir / "finished.json").read_text())["loss"]
        model_source = str(finished_dir)

    model = load_base_model(model_source, recipe.max_length, recipe.seed)
    metrics = evaluate_pairs(model, validation_pairs, recipe) if validation_pairs else {}
    save_half_precision(model, output_dir)
    shutil.rmtree(checkpoints_dir)
    return TrainingReport(
        n_pairs=len(pairs),
        n_pretraining_pairs=len(pretraining_pairs),
        n_validation_pairs=len(validation_pairs),
        seconds=round(time.monotonic() - started, 1),
        resumed_from_step=resumed_from,
        losses=losses,
        metrics=metrics,
    )


def load_base_model(source: str, max_length: int, seed: int) -> CrossEncoder:
    """Load any BERT-like model or encoder folder as a cross-encoder with one label; a new head is drawn by `seed`."""
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import AutoTokenizer

    folder = Path(source)
    if folder.is_dir() and not (folder / "config.json").exists():
        raise ModelError(f"{source}: holds no config.json, so it is no model folder")
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        if len(tokenizer) <= len(tokenizer.all_special_ids):
            raise ModelError(f"{source}: its tokenizer has no words; the base model needs its tokenizer beside it")
        torch.manual_seed(seed)
        model: CrossEncoder = CrossEncoder(source, num_labels=1, max_length=max_length, device=_device())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{source}: cannot be loaded as a base model: {_first_line(error)}") from error
    return model


def check_base_model(base_model: str | Path, recipe: RerankerRecipe) -> None:
    """Raise ModelError for a base model that cannot be trained: found in a second, not after the mining."""
    load_base_model(str(base_model), recipe.max_length, recipe.seed)


def evaluate_pairs(model: CrossEncoder, pairs: Sequence[TrainingPair], recipe: RerankerRecipe) -> dict[str, float]:
    """Return CrossEncoderClassificationEvaluator's metrics on the pairs: accuracy, F1, precision, recall and more."""
    from sentence_transformers.cross_encoder.evaluation import CrossEncoderClassificationEvaluator

    evaluator = CrossEncoderClassificationEvaluator(
        sentence_pairs=[[pair.query, pair.text] for pair in pairs],
        labels=[int(pair.label >= 0.5) for pair in pairs],
        batch_size=4 * recipe.batch_size,
        show_progress_bar=False,
        write_csv=False,
    )
    with _autocast(recipe.precision):
        metrics = evaluator(model)
    return {name: round(float(value), 4) for name, value in metrics.items()}


def balanced(pairs: Sequence[TrainingPair]) -> list[TrainingPair]:
    """Return each claim's relevant pairs and as many of its negatives: what the published metrics are measured on."""
    kept: list[TrainingPair] = []
    room: dict[str, int] = {}
    for pair in pairs:
        if pair.label >= 0.5:
            room[pair.query_id] = room.get(pair.query_id, 0) + 1
    for pair in pairs:
        if pair.label >= 0.5:
            kept.append(pair)
        elif room.get(pair.query_id, 0) > 0:
            room[pair.query_id] -= 1
            kept.append(pair)
    return kept


def save_half_precision(model: CrossEncoder, output_dir: Path) -> None:
    """Save the model with float16 weights, half the bytes."""
    transformer: Any = _transformer(model)
    transformer.half()
    model.save_pretrained(str(output_dir), create_model_card=False)
    transformer.float()
    (output_dir / "model.safetensors").chmod(0o644)


def _train_phase(
    phase: _Phase,
    model: CrossEncoder,
    phase_dir: Path,
    recipe: RerankerRecipe,
    on_progress: Progress | None,
) -> tuple[int | None, float]:
    """Run one phase; return the step it resumed from and its mean loss over the last tenth of its steps."""
    from datasets import Dataset
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss
    from torch.nn import Dropout
    from transformers import PrinterCallback, ProgressCallback, TrainerCallback

    for module in model.modules():
        if isinstance(module, Dropout):
            module.p = phase.dropout
    if recipe.freeze_embeddings:
        _transformer(model).get_input_embeddings().requires_grad_(False)
    dataset = Dataset.from_dict(
        {
            "query": [pair.query for pair in phase.pairs],
            "text": [pair.text for pair in phase.pairs],
            "label": [float(pair.label) for pair in phase.pairs],
        }
    )
    n_steps = phase.epochs * math.ceil(len(phase.pairs) / phase.batch_size)
    precision = _resolve_precision(recipe.precision)
    arguments = CrossEncoderTrainingArguments(
        output_dir=str(phase_dir),
        num_train_epochs=phase.epochs,
        per_device_train_batch_size=phase.batch_size,
        learning_rate=phase.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(recipe.warmup_share * n_steps),
        weight_decay=recipe.weight_decay,
        seed=recipe.seed,
        data_seed=recipe.seed,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=_device() == "cpu",
        batch_sampler=_length_grouped_batches,
        save_strategy="steps",
        save_steps=recipe.checkpoint_steps,
        save_total_limit=2,
        eval_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )

    losses: list[float] = []

    class Trainer(CrossEncoderTrainer):
        """Stops at the first loss that is no finite number, before the step that would spoil the weights."""

        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            result = super().compute_loss(*args, **kwargs)
            loss = float((result[0] if isinstance(result, tuple) else result).detach())
            step = self.state.global_step + 1
            if not math.isfinite(loss):
                raise ModelError(
                    f"the loss of {phase.name} step {step} is {loss}: stopped; the checkpoints before it stand in "
                    f"{phase_dir}; try a learning rate below {phase.learning_rate:g}"
                )
            losses.append(loss)
            if on_progress is not None:
                on_progress(phase.name, step, phase.stop_after or n_steps, loss)
            return result

    class StopEarly(TrainerCallback):
        """Ends the phase; without a checkpoint at that step, which a resumed run would go on from by one more."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
            if state.global_step == phase.stop_after:
                control.should_training_stop = True
                control.should_save = False

    trainer = Trainer(model=model, args=arguments, train_dataset=dataset, loss=BinaryCrossEntropyLoss(model))
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    trainer.add_callback(StopEarly())
    last = _last_checkpoint(phase_dir)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    tail = losses[-max(1, len(losses) // 10) :]
    mean_loss = math.fsum(tail) / len(tail) if tail else math.nan
    return (int(last.name.rpartition("-")[2]) if last else None), round(mean_loss, 4)


def _length_grouped_batches(
    dataset: Any, batch_size: int, drop_last: bool, valid_label_columns: Any, generator: Any, seed: int
) -> Any:
    """Batches of pairs of like length, in random order: little of a batch is padding."""
    from sentence_transformers.base.sampler import DefaultBatchSampler

    lengths = [len(query) + len(text) for query, text in zip(dataset["query"], dataset["text"], strict=True)]

    class LengthGroupedBatchSampler(DefaultBatchSampler):
        def __iter__(self) -> Iterator[list[int]]:
            shuffler = random.Random(f"{seed}:{self.epoch}")
            order = list(range(len(lengths)))
            shuffler.shuffle(order)
            stride = batch_size * _MEGA_BATCH
            batches = []
            for start in range(0, len(order), stride):
                mega = sorted(order[start : start + stride], key=lambda row: lengths[row])
                batches += [mega[i : i + batch_size] for i in range(0, len(mega), batch_size)]
            shuffler.shuffle(batches)
            yield from batches

        def __len__(self) -> int:
            return math.ceil(len(lengths) / batch_size)

    return LengthGroupedBatchSampler(
        dataset,
        batch_size=batch_size,
        drop_last=drop_last,
        valid_label_columns=valid_label_columns,
        generator=generator,
        seed=seed,
    )


def _last_checkpoint(phase_dir: Path) -> Path | None:
    """The newest whole checkpoint: the trainer's state is what it writes last."""
    found = [path for path in phase_dir.glob("checkpoint-*") if (path / "trainer_state.json").exists()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _claim_folder(checkpoints_dir: Path, fingerprint: str, *, resume: bool) -> None:
    """Make the folder for checkpoints, or accept one that the same run left."""
    marker = checkpoints_dir / "run.json"
    if checkpoints_dir.exists() and not resume:
        shutil.rmtree(checkpoints_dir)
    if marker.exists():
        found = json.loads(marker.read_text())["fingerprint"]
        if found != fingerprint:
            raise InputError(
                f"{checkpoints_dir}: holds checkpoints of another run ({found[:12]}, this one is {fingerprint[:12]}); "
                f"give another --output, or start over with --no-resume"
            )
        return
    checkpoints_dir.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps({"fingerprint": fingerprint}))


def _run_fingerprint(
    pairs: Sequence[TrainingPair],
    pretraining_pairs: Sequence[TrainingPair],
    base_model: str | Path,
    recipe: RerankerRecipe,
) -> str:
    digest = hashlib.sha256(json.dumps([str(base_model), asdict(recipe)], sort_keys=True).encode())
    for part in (pretraining_pairs, pairs):
        digest.update(b"\0")
        for pair in part:
            digest.update(json.dumps(pair).encode())
    return digest.hexdigest()


def _check_pairs(pairs: Sequence[TrainingPair], pretraining_pairs: Sequence[TrainingPair]) -> None:
    n_relevant = sum(pair.label >= 0.5 for pair in pairs)
    if not 0 < n_relevant < len(pairs):
        raise InputError(
            f"nothing to learn from: {len(pairs)} training pairs, {n_relevant} of them relevant; both kinds are needed"
        )
    for pair in (*pretraining_pairs, *pairs):
        if not 0 <= pair.label <= 1:
            raise InputError(f"label {pair.label} of claim {pair.query_id!r} lies outside [0, 1]")


def _transformer(model: CrossEncoder) -> PreTrainedModel:
    if model.model is None:
        raise ModelError("the base model has no transformer")
    return model.model


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _resolve_precision(precision: str) -> str:
    if precision != "auto":
        return precision
    return "fp16" if _device() == "cuda" else "bf16"


@contextlib.contextmanager
def _autocast(precision: str) -> Iterator[None]:
    import torch

    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
    kind = kinds.get(_resolve_precision(precision))
    with torch.autocast(_device(), dtype=kind) if kind else contextlib.nullcontext():
        yield


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
