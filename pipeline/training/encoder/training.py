"""Contrastive training of a bi-encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claimhound.data.errors import ModelError
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.model_folders.layouts import read_encoder_layout
from claimhound.pipeline.training.base_models import loading, mix_in
from claimhound.pipeline.training.encoder.batches import (
    ContrastiveEntry,
    batch_sampler,
    contrastive_entries,
    plan_batches,
    relevant_texts,
)
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.precision import autocast
from claimhound.pipeline.training.recipe import PRETRAINING, TRAINING, Phase
from claimhound.pipeline.training.training_run import TrainingRun, run_training
from claimhound.pipeline.training.watched_trainer import Lesson

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn

_RECALL_KS = (1, 5, 10, 100)


@dataclass(frozen=True)
class EncoderTrainingReport:
    """The outcome of a training run.

    `metrics` are InformationRetrievalEvaluator's over the passages of the validation claims, `base_metrics` the same
    for the model before training; both are empty without validation claims.
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
    run: TrainingRun[EncoderRecipe],
    sources: Sequence[Sequence[TrainingPair]],
    *,
    pretraining: Sequence[Sequence[TrainingPair]] = (),
    validation_pairs: Sequence[TrainingPair] = (),
) -> EncoderTrainingReport:
    """Train a bi-encoder and save it where `load_encoder` and `SentenceTransformer` can load it.

    Each claim learns to be nearer its passage than all other passages of its batch and its own hard negatives (see
    `contrastive_entries` and `plan_batches`). The sources of `pretraining` are learned first, in their own phase. See
    `run_training` for what is resumed and saved, and for its errors. Raises InputError without two claims to tell
    apart, and ModelError for a base model that cannot be loaded or trained.
    """
    recipe = run.recipe
    learned = {PRETRAINING: contrastive_entries(pretraining, recipe.n_negatives, recipe.seed)} if pretraining else {}
    learned[TRAINING] = contrastive_entries(sources, recipe.n_negatives, recipe.seed)
    device = run.device
    measured: list[dict[str, float]] = []

    def finish(model: SentenceTransformer) -> None:
        base = load_base_encoder(str(run.base.folder), device)
        if recipe.base_share:
            mix_in(model, base, recipe.base_share)
        if validation_pairs:
            measured.extend(evaluate_encoder(each, validation_pairs, recipe, device) for each in (base, model))

    trained = run_training(
        run,
        learned,
        load=lambda source: load_base_encoder(source, device),
        lesson=lambda model, phase, entries: _lesson(model, phase, entries, recipe),
        finish=finish,
    )
    base_metrics, metrics = measured or ({}, {})
    return EncoderTrainingReport(
        n_entries=len(learned[TRAINING]),
        n_pretraining_entries=len(learned.get(PRETRAINING, ())),
        n_validation_claims=len(relevant_texts(validation_pairs)),
        n_validation_passages=len({normalize_text(pair.text) for pair in validation_pairs}),
        **trained._asdict(),
        base_metrics=base_metrics,
        metrics=metrics,
    )


def load_base_encoder(source: str, device: str) -> SentenceTransformer:
    """Load a BERT-like model or bi-encoder that our own runtimes can serve, with vectors of unit length.

    A model without a pooling setting is mean-pooled. Raises ModelError for a model of another kind.
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
    """Return InformationRetrievalEvaluator's metrics of finding each claim's passages among those of all pairs."""
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    # The evaluator's types also cover images, which is why plain dicts of texts need Any.
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


def _lesson(
    model: SentenceTransformer, phase: Phase, entries: Sequence[ContrastiveEntry], recipe: EncoderRecipe
) -> Lesson:
    # To the trainer all epochs are one: it assumes that every epoch has as many batches as the first.
    batches = [
        batch for epoch in range(phase.epochs) for batch in plan_batches(entries, phase.batch_size, recipe.seed, epoch)
    ]
    columns = {"query": [entry.query for entry in entries], "positive": [entry.positive for entry in entries]}
    for number in range(recipe.n_negatives):
        columns[f"negative_{number + 1}"] = [entry.negatives[number] for entry in entries]
    prompts = {column: _prompt(model, "query" if column == "query" else "document") for column in columns}
    return Lesson(
        columns,
        _loss(model, recipe),
        batch_sampler(batches),
        n_planned_steps=len(batches),
        prompts={column: prompt for column, prompt in prompts.items() if prompt} or None,
        max_length=recipe.max_length,
    )


def _loss(model: SentenceTransformer, recipe: EncoderRecipe) -> nn.Module:
    """Return the loss over a batch, with cached gradients if the batch is learned in parts.

    Source: van den Oord et al., Representation Learning with Contrastive Predictive Coding, 2018
    (https://arxiv.org/abs/1807.03748), equation 4; the caching is Gao et al., 2021 (https://arxiv.org/abs/2101.06983).
    """
    from sentence_transformers.sentence_transformer.losses import (
        CachedMultipleNegativesRankingLoss,
        MultipleNegativesRankingLoss,
    )

    scale = 1 / recipe.temperature
    if recipe.is_cached:
        return CachedMultipleNegativesRankingLoss(model, scale=scale, mini_batch_size=recipe.mini_batch_size)
    return MultipleNegativesRankingLoss(model, scale=scale)


def _prompt(model: SentenceTransformer, kind: str) -> str:
    """Return the model's prompt for a kind of text, under the names that `load_encoder` knows."""
    names = ("query",) if kind == "query" else ("document", "passage", "corpus")
    return next((prompt for name in names if (prompt := model.prompts.get(name))), "")
