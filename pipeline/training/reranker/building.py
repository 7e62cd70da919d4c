"""From judged claims and an index to a model folder ready to serve: mine, train, blend, write the card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.labelled_sets.mined_claims import MinedClaim, training_pairs
from claimhound.data.labelled_sets.pair_sources import PairSource
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.records import Qrels, Query
from claimhound.data.text.normal_text import normalize_text
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.calibration.calibrating import fitted_blend
from claimhound.pipeline.evaluation.measures import mean_measures
from claimhound.pipeline.models.blending import Blend, save_blend
from claimhound.pipeline.models.cross_encoders import load_reranker
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.serving.compute import Device
from claimhound.pipeline.training.model_card import CARD_FILE, DataFile, Provenance, code_version, data_file
from claimhound.pipeline.training.negatives.candidates import find_candidates
from claimhound.pipeline.training.negatives.mining import (
    MiningReport,
    NegativeGuard,
    mine_hard_negatives,
    split_by_claim,
)
from claimhound.pipeline.training.reranker.card import render_reranker_card
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.reranker.training import (
    TrainingReport,
    balanced,
    check_base_model,
    train_reranker,
)
from claimhound.pipeline.training.training_data import read_training_data
from claimhound.pipeline.training.watched_trainer import Progress

_MEASURES = ("R@5", "R@10", "R@100", "nDCG@10")


@dataclass(frozen=True)
class BuiltReranker:
    """What came of it; `held_out` holds the measures of the fused and the reranked list over validation claims.

    `mining` is None where the pairs to learn were mined before.
    """

    training: TrainingReport
    mining: MiningReport | None
    blend: Blend
    held_out: dict[str, dict[str, float]]
    calibration_error: float
    n_excluded_claims: int
    n_excluded_pairs: int


def build_reranker(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    *,
    base_model: str | Path,
    output_dir: Path,
    recipe: RerankerRecipe,
    base_name: str | None = None,
    guard: NegativeGuard = NegativeGuard(),  # noqa: B008 (frozen)
    data: Sequence[PairSource] = (),
    pretraining: Sequence[PairSource] = (),
    excluded_claims: Sequence[str] = (),
    data_files: Mapping[str, Path] | None = None,
    device: Device = "auto",
    n_threads: int | None = None,
    resume: bool = True,
    on_progress: Progress | None = None,
    on_stage: Callable[[str], None] = lambda _message: None,
) -> BuiltReranker:
    """Train a reranker for the first stage of `pipeline` and write its folder: weights, tokenizer, blend and card.

    The pairs to learn are mined out of that stage, or read from `data` where that is given. Claims, and queries of
    other pairs, whose text is among `excluded_claims` are left out and counted: those are the claims to measure on. No
    pair is learned either whose claim is held out for validation. `data_files` (role -> path) are named with their
    hashes in the card, where `base_name` is what the base model is called. Goes on from the last checkpoint in
    `output_dir` when it was cut off. Raises InputError for data that gives nothing to learn from and ModelError for a
    base model that cannot be trained.
    """
    if (changed := check_base_model(base_model, recipe)) is not None:
        on_stage(changed)
    excluded = {normalize_text(text) for text in excluded_claims}
    used = [claim for claim in claims if normalize_text(claim.text) not in excluded]
    train, validation = split_by_claim(used, recipe.validation_share, recipe.seed)
    found = find_candidates(
        pipeline,
        validation if data else used,
        qrels,
        recipe.pool_k,
        on_progress=lambda phase, done, total: on_progress(phase, done, total, float("nan")) if on_progress else None,
        on_stage=on_stage,
    )

    def mine(chosen: Sequence[Query], n_negatives: int, first_rank: int) -> tuple[list[MinedClaim], MiningReport]:
        return mine_hard_negatives(
            chosen,
            qrels,
            found.fused,
            found.texts.get,
            n_negatives=n_negatives,
            first_rank=first_rank,
            pool_k=recipe.pool_k,
            seed=recipe.seed,
            guard=guard,
            similarity=found.similarity,
            closeness=found.closeness,
        )

    held_out_texts = [*excluded_claims, *(claim.text for claim in validation)]
    files: list[DataFile] = []
    mining: MiningReport | None = None
    if data:
        read = read_training_data(data, held_out_texts, purpose="training", seed=recipe.seed, on_stage=on_stage)
        pairs = read.all_pairs()
        files += read.files
    else:
        mined, mining = mine(train, recipe.n_negatives, recipe.first_rank)
        pairs = training_pairs(mined)
    validation_pairs: list[TrainingPair] = training_pairs(mine(validation, 1, 1)[0]) if validation else []
    before = read_training_data(pretraining, held_out_texts, purpose="pretraining", seed=recipe.seed, on_stage=on_stage)
    files += before.files
    pretraining_pairs = before.all_pairs()

    on_stage(f"training on {len(pretraining_pairs):,} + {len(pairs):,} pairs")
    report = train_reranker(
        pairs,
        base_model=base_model,
        output_dir=output_dir,
        recipe=recipe,
        pretraining_pairs=pretraining_pairs,
        validation_pairs=balanced(validation_pairs),
        device=device,
        n_threads=n_threads,
        resume=resume,
        on_progress=on_progress,
    )
    on_stage("fitting the blend on validation claims")
    measured = [claim for claim in validation if claim.query_id in found.stages]
    serving = EvidencePipeline(pipeline.index, pipeline.encoder, load_reranker(str(output_dir)), pipeline.config)
    fitted = fitted_blend(serving, measured, qrels, recipe.seed)
    blend, held_out, error = Blend(), {}, float("nan")
    if fitted is not None:
        counted = {claim.query_id: qrels[claim.query_id] for claim in measured}
        blend, error = fitted.blend, fitted.calibration_error
        held_out = {
            "fused": mean_measures(fitted.fused, counted, _MEASURES),
            "reranked": mean_measures(fitted.reranked, counted, _MEASURES),
        }
    save_blend(blend, output_dir)
    named = [data_file(path, role) for role, path in (data_files or {}).items()]
    card = render_reranker_card(
        _provenance(pipeline, base_name or Path(base_model).name, [*named, *files]),
        recipe,
        report,
        mining,
        blend,
        held_out,
        error,
    )
    with write_atomically(output_dir / CARD_FILE) as file:
        file.write(card)
    return BuiltReranker(report, mining, blend, held_out, error, len(claims) - len(used), before.n_excluded)


def _provenance(pipeline: EvidencePipeline, base_name: str, data_files: Sequence[DataFile]) -> Provenance:
    index = pipeline.index
    described = f"{index.n_docs:,} documents"
    if isinstance(index, IndexSnapshot):
        described = f"index {index.path.name}, generation {index.manifest.generation}, {described}"
    return Provenance(
        base_model=base_name,
        index=described,
        encoder=pipeline.encoder.identity.name if pipeline.encoder else "none",
        code_version=code_version(),
        data_files=tuple(data_files),
    )
