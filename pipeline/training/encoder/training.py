"""Training a bi-encoder by contrast, through sentence-transformers' own trainer, losses and evaluator."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claimhound.data.errors import ModelError
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.model_folders.layouts import read_encoder_layout
from claimhound.pipeline.serving.compute import Device
from claimhound.pipeline.serving.devices import resolve_device
from claimhound.pipeline.training.base_models import loading, mix_in, prepare_for_training, save_half_precision
from claimhound.pipeline.training.checkpoints import CHECKPOINTS, PhaseOutcome, run_fingerprint, run_phases
from claimhound.pipeline.training.encoder.batches import (
    ContrastiveEntry,
    batch_sampler,
    contrastive_entries,
    plan_batches,
    relevant_texts,
)
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.precision import autocast, use_threads
from claimhound.pipeline.training.watched_trainer import (
    LossWatch,
    Phase,
    Progress,
    Schedule,
    run_trainer,
    training_arguments,
    watched,
)
from claimhound.pipeline.training.writing import writing

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn
    from transformers import PreTrainedModel

_RECALL_KS = (1, 5, 10, 100)


@dataclass(frozen=True)
class EncoderTrainingReport:
    """What a training run did.

    `metrics` are InformationRetrievalEvaluator's over the passages of the validation claims, `base_metrics` the same of
    the model before training; empty without validation claims.
    """

    n_entries: int
    n_pretraining_entries: int
    n_validation_claims: int
    n_validation_passages: int
    seconds: float
    resumed_from_step: int | None
    losses: dict[str, float] = field(default_factory=dict)
    base_metrics: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


def train_encoder(
    sources: Sequence[Sequence[TrainingPair]],
    *,
    base_model: str | Path,
    output_dir: Path,
    recipe: EncoderRecipe,
    pretraining: Sequence[Sequence[TrainingPair]] = (),
    validation_pairs: Sequence[TrainingPair] = (),
    device: Device = "auto",
    n_threads: int | None = None,
    resume: bool = True,
    on_progress: Progress | None = None,
) -> EncoderTrainingReport:
    """Train a bi-encoder and save it to `output_dir`, where `load_encoder` and `SentenceTransformer` load it.

    Each claim learns to be nearer its passage than all other passages of its batch and its own hard negatives (see
    `contrastive_entries` and `plan_batches`). The sources of `pretraining` are learned first, in a phase with a
    schedule of its own. Checkpoints stand in `output_dir/checkpoints` until the run ends; a run that was cut off goes
    on from its last one when called again with the same arguments, and gives the weights that it would have given
    uncut. Weights are saved in float16.

    Raises InputError without two claims to tell apart, where the folder holds checkpoints of another run and where it
    cannot be written, ModelError for a base model that cannot be loaded or trained, and when the loss stops being a
    number (the checkpoints stay).
    """
    started = time.monotonic()
    chosen = resolve_device(device)
    use_threads(n_threads)
    learned = {"pretraining": contrastive_entries(pretraining, recipe.n_negatives, recipe.seed)} if pretraining else {}
    learned["training"] = contrastive_entries(sources, recipe.n_negatives, recipe.seed)
    checkpoints_dir = output_dir / CHECKPOINTS

    def train(name: str, source: str, phase_dir: Path) -> tuple[SentenceTransformer, PhaseOutcome]:
        model = load_base_encoder(source, chosen)
        return model, _train_phase(name, learned[name], model, phase_dir, recipe, chosen, on_progress)

    outcome = run_phases(
        list(learned),
        str(base_model),
        checkpoints_dir,
        train,
        fingerprint=run_fingerprint([str(base_model), asdict(recipe)], learned.values()),
        resume=resume,
    )
    model, base = load_base_encoder(outcome.model_dir, chosen), load_base_encoder(str(base_model), chosen)
    if recipe.base_share:
        mix_in(model, base, recipe.base_share)
    base_metrics, metrics = {}, {}
    if validation_pairs:
        base_metrics = evaluate_encoder(base, validation_pairs, recipe, chosen)
        metrics = evaluate_encoder(model, validation_pairs, recipe, chosen)
    with writing(output_dir):
        save_half_precision(model, output_dir)
    shutil.rmtree(checkpoints_dir)
    return EncoderTrainingReport(
        n_entries=len(learned["training"]),
        n_pretraining_entries=len(learned.get("pretraining", ())),
        n_validation_claims=len(relevant_texts(validation_pairs)),
        n_validation_passages=len({normalize_text(pair.text) for pair in validation_pairs}),
        seconds=round(time.monotonic() - started, 1),
        resumed_from_step=outcome.resumed_from_step,
        losses=outcome.losses,
        base_metrics=base_metrics,
        metrics=metrics,
    )


def load_base_encoder(source: str, device: str) -> SentenceTransformer:
    """Load any BERT-like model or bi-encoder of the kind that our own runtimes read, with vectors of unit length.

    A model that says nothing of pooling is averaged. Raises ModelError for one of another kind.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize

    with loading(source):
        layout = read_encoder_layout(Path(source))
        if not layout.fast:
            raise ModelError(f"{source}: cannot be trained further here: {layout.slow_because}")
        model = SentenceTransformer(source, device=device, trust_remote_code=False, local_files_only=True)
    if len(model) == 2:
        model.append(Normalize())
    return model


def evaluate_encoder(
    model: SentenceTransformer, pairs: Sequence[TrainingPair], recipe: EncoderRecipe, device: str
) -> dict[str, float]:
    """Return InformationRetrievalEvaluator's metrics of searching each claim's passages among those of all pairs."""
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    # The evaluator takes images, too, and its types want dicts of all that.
    queries: dict[str, Any] = {normalize_text(pair.query): pair.query for pair in pairs}
    corpus: dict[str, Any] = {normalize_text(pair.text): pair.text for pair in pairs}
    evaluator = InformationRetrievalEvaluator(
        queries=queries,
        corpus=corpus,
        relevant_docs=relevant_texts(pairs),
        accuracy_at_k=[1],
        precision_recall_at_k=list(_RECALL_KS),
        mrr_at_k=[10],
        ndcg_at_k=[10],
        map_at_k=[100],
        batch_size=4 * recipe.mini_batch_size,
        show_progress_bar=False,
        write_csv=False,
        query_prompt=_prompt(model, "query"),
        corpus_prompt=_prompt(model, "document"),
    )
    with autocast(recipe.precision, device):
        metrics = evaluator(model)
    wanted = [*(f"recall@{k}" for k in _RECALL_KS), "mrr@10", "ndcg@10", "map@100"]
    return {name: round(float(metrics[f"cosine_{name}"]), 4) for name in wanted}


def _train_phase(
    name: str,
    entries: Sequence[ContrastiveEntry],
    model: SentenceTransformer,
    phase_dir: Path,
    recipe: EncoderRecipe,
    device: str,
    on_progress: Progress | None,
) -> PhaseOutcome:
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

    is_first = name == "pretraining"
    epochs = recipe.pretraining_epochs if is_first else recipe.epochs
    batches = [
        batch for epoch in range(epochs) for batch in plan_batches(entries, recipe.batch_size, recipe.seed, epoch)
    ]
    # All epochs are one to the trainer: it takes every epoch for as many batches as the first has.
    phase = Phase(
        name,
        n_steps=len(batches),
        learning_rate=recipe.pretraining_learning_rate if is_first else recipe.learning_rate,
        batch_size=recipe.batch_size,
        dropout=recipe.dropout,
    )
    prepare_for_training(model, _transformer(model), dropout=recipe.dropout, freeze_embeddings=recipe.freeze_embeddings)
    columns = {"query": [entry.query for entry in entries], "positive": [entry.positive for entry in entries]}
    for number in range(recipe.n_negatives):
        columns[f"negative_{number + 1}"] = [entry.negatives[number] for entry in entries]
    schedule = Schedule(
        recipe.warmup_share, recipe.weight_decay, recipe.seed, recipe.precision, recipe.checkpoint_steps, device
    )
    prompts = {column: _prompt(model, "query" if column == "query" else "document") for column in columns}
    arguments = SentenceTransformerTrainingArguments(
        **training_arguments(phase, phase_dir, schedule),
        batch_sampler=batch_sampler(batches),
        prompts={column: prompt for column, prompt in prompts.items() if prompt} or None,
    )
    watch = LossWatch(phase, phase_dir, on_progress)
    served_length = model.max_seq_length
    model.max_seq_length = min(recipe.max_length, served_length or recipe.max_length)
    trainer = watched(SentenceTransformerTrainer, watch)(
        model=model, args=arguments, train_dataset=Dataset.from_dict(columns), loss=_loss(model, recipe)
    )
    outcome = run_trainer(trainer, watch)
    model.max_seq_length = served_length
    return outcome


def _loss(model: SentenceTransformer, recipe: EncoderRecipe) -> nn.Module:
    """Return the loss over a batch, its gradients cached where the batch is learned in parts.

    Source: van den Oord et al., Representation Learning with Contrastive Predictive Coding, 2018
    (https://arxiv.org/abs/1807.03748), equation 4; the caching is Gao et al., 2021 (https://arxiv.org/abs/2101.06983).
    """
    from sentence_transformers.sentence_transformer.losses import (
        CachedMultipleNegativesRankingLoss,
        MultipleNegativesRankingLoss,
    )

    scale = 1 / recipe.temperature
    if recipe.mini_batch_size < recipe.batch_size:
        return CachedMultipleNegativesRankingLoss(model, scale=scale, mini_batch_size=recipe.mini_batch_size)
    return MultipleNegativesRankingLoss(model, scale=scale)


def _prompt(model: SentenceTransformer, kind: str) -> str:
    """Return what the model wants before a text, under the names that `load_encoder` knows."""
    names = ("query",) if kind == "query" else ("document", "passage", "corpus")
    return next((prompt for name in names if (prompt := model.prompts.get(name))), "")


def _transformer(model: SentenceTransformer) -> PreTrainedModel:
    transformer: PreTrainedModel | None = getattr(model[0], "auto_model", None)
    if transformer is None:
        raise ModelError("the base model has no transformer")
    return transformer
