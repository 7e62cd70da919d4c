"""From judged claims and an index to a reranker ready to serve: mine, train, fit the blend, write the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from claimhound.data.labelled_sets.mined_claims import training_pairs
from claimhound.data.labelled_sets.splits import split_by_claim, without_claims
from claimhound.data.records import Qrels, Query
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.calibration.trained_reranker import fitted_blend
from claimhound.pipeline.evaluation.measures import mean_measures
from claimhound.pipeline.models.blending import Blend, save_blend
from claimhound.pipeline.models.cross_encoders import load_reranker
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.training.model_card import data_file, write_card
from claimhound.pipeline.training.negatives.candidates import find_candidates
from claimhound.pipeline.training.negatives.mining import (
    MiningReport,
    MiningSettings,
    NegativeGuard,
    mine_hard_negatives,
)
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.reranker.training import (
    RerankerTrainingReport,
    balanced,
    check_base_model,
    train_reranker,
)
from claimhound.pipeline.training.training_data import PairSources, read_training_data
from claimhound.pipeline.training.training_run import TrainingRun

_MEASURES = ("R@5", "R@10", "R@100", "nDCG@10")


@dataclass(frozen=True)
class BuiltReranker:
    """The outcome; `held_out` holds the measures of the fused and the reranked list over the validation claims.

    `mining` is None if the training pairs were mined before. `calibration_error` is NaN if no blend could be fitted.
    """

    training: RerankerTrainingReport
    mining: MiningReport | None
    blend: Blend
    held_out: dict[str, dict[str, float]]
    calibration_error: float


def build_reranker(
    run: TrainingRun[RerankerRecipe],
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    *,
    sources: PairSources = PairSources(),  # noqa: B008 (frozen)
    guard: NegativeGuard = NegativeGuard(),  # noqa: B008 (frozen)
    data_files: Mapping[str, Path] | None = None,
) -> BuiltReranker:
    """Train a reranker for the first stage of `pipeline` and write its folder: weights, tokenizer, blend and card.

    The training pairs are mined from that stage, or read from `sources.training` if given. Claims among
    `sources.excluded_claims`, compared as normalised text, are left out, as are pairs of those and of the claims held
    out for validation. The card names `data_files` (role -> path) with their checksums. Raises InputError for data with
    nothing to learn from and ModelError for a base model that cannot be trained.
    """
    recipe = run.recipe
    mining_settings = MiningSettings(recipe.n_negatives, recipe.first_rank, recipe.pool_k, recipe.seed, guard)
    if (changed := check_base_model(run)) is not None:
        run.notify(changed)
    used, _ = without_claims(claims, sources.excluded_claims, lambda claim: claim.text)
    train, validation = split_by_claim(used, recipe.validation_share, recipe.seed)
    found = find_candidates(
        pipeline,
        validation if sources.training else used,
        qrels,
        recipe.pool_k,
        on_progress=run.on_progress,
        notify=run.notify,
    )
    held_out_texts = [*sources.excluded_claims, *(claim.text for claim in validation)]
    main, before = (
        read_training_data(given, held_out_texts, purpose=purpose, seed=recipe.seed, notify=run.notify)
        for given, purpose in ((sources.training, "training"), (sources.pretraining, "pretraining"))
    )
    mining = None
    pairs, pretraining_pairs = main.all_pairs(), before.all_pairs()
    if not sources.training:
        mined, mining = mine_hard_negatives(train, qrels, found, mining_settings)
        pairs = training_pairs(mined)
    validation_pairs = []
    if validation:
        one_each = replace(mining_settings, n_negatives=1, first_rank=1)
        validation_pairs = balanced(training_pairs(mine_hard_negatives(validation, qrels, found, one_each)[0]))
    run.notify(f"training on {len(pretraining_pairs):,} + {len(pairs):,} pairs")
    report = train_reranker(run, pairs, pretraining_pairs=pretraining_pairs, validation_pairs=validation_pairs)
    run.notify("fitting the blend on validation claims")
    measured = [claim for claim in validation if claim.query_id in found.fused]
    reranker = load_reranker(str(run.output_dir), run.compute)
    serving = EvidencePipeline(pipeline.index, pipeline.encoder, reranker, pipeline.config)
    fitted = fitted_blend(serving, measured, qrels, recipe.seed)
    built = BuiltReranker(report, mining, Blend(), {}, float("nan"))
    if fitted is not None:
        counted = {claim.query_id: qrels[claim.query_id] for claim in measured}
        lists = {"fused": fitted.fused, "reranked": fitted.reranked}
        held_out = {name: mean_measures(ranked, counted, _MEASURES) for name, ranked in lists.items()}
        built = BuiltReranker(report, mining, fitted.blend, held_out, fitted.calibration_error)
    save_blend(built.blend, run.output_dir)
    files = [data_file(path, role) for role, path in (data_files or {}).items()]
    write_card("reranker", run, built, [*files, *main.files, *before.files], _described(pipeline))
    return built


def _described(pipeline: EvidencePipeline) -> str:
    index = pipeline.index
    described = f"{index.n_docs:,} documents"
    if isinstance(index, IndexSnapshot):
        described = f"index {index.path.name}, generation {index.manifest.generation}, {described}"
    return f"{described}, encoder {pipeline.encoder.identity.name if pipeline.encoder else 'none'}"
