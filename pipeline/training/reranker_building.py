"""From judged claims and an index to a model folder ready to serve: mine, train, blend, write the card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from data.atomic import write_atomically
from data.errors import InputError
from data.normal_text import normalize_text
from data.records import Qrels, Query, Ranking, Run, ScoredDoc
from indexes.snapshot import IndexSnapshot
from pipeline.blending import Blend, HitScores, expected_calibration_error, fit_blend, probability, save_blend
from pipeline.evaluation.measures import mean_measures
from pipeline.evidence import EvidencePipeline, evidence_text
from pipeline.fusion import by_score
from pipeline.rerankers import Reranker, load_reranker
from pipeline.training.mining import (
    MiningReport,
    NegativeGuard,
    Similarity,
    TrainingPair,
    mine_hard_negatives,
    split_by_claim,
    without_claims,
)
from pipeline.training.model_card import DataFile, Provenance, data_file, render_model_card
from pipeline.training.pair_sources import read_pair_source
from pipeline.training.reranker_recipe import RerankerRecipe
from pipeline.training.reranker_training import (
    Progress,
    TrainingReport,
    balanced,
    check_base_model,
    train_reranker,
)

BLEND_FEATURES = ("logit", "log_fused_rank")
"""What the bundled blend weighs. On held-out claims cosine adds 0.002 nDCG@10, BM25's score then takes 0.006 away."""

_MEASURES = ("R@5", "R@10", "R@100", "nDCG@10")
_CLAIMS_AT_A_TIME = 64
CARD_FILE = "README.md"


@dataclass(frozen=True)
class PairSource:
    """A pair set for pretraining, `KIND:PATH`, and how many of its queries to draw; None is all."""

    spec: str
    limit: int | None = None

    @classmethod
    def parse(cls, text: str) -> PairSource:
        """Read `KIND:PATH` or `KIND:PATH@LIMIT`; raises InputError for a limit that is no number."""
        spec, at, limit = text.rpartition("@")
        if not at or "/" in limit:
            return cls(text)
        if not limit.isdecimal() or int(limit) < 1:
            raise InputError(f"{text!r}: what follows @ must be a number of queries, not {limit!r}")
        return cls(spec, int(limit))


@dataclass(frozen=True)
class BuiltReranker:
    """What came of it; `held_out` holds the measures of the fused and the reranked list over validation claims."""

    training: TrainingReport
    mining: MiningReport
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
    guard: NegativeGuard = NegativeGuard(),  # noqa: B008 (frozen)
    pretraining: Sequence[PairSource] = (),
    excluded_claims: Sequence[str] = (),
    data_files: Mapping[str, Path] | None = None,
    resume: bool = True,
    on_progress: Progress | None = None,
    on_stage: Callable[[str], None] = lambda _message: None,
) -> BuiltReranker:
    """Train a reranker for the first stage of `pipeline` and write its folder: weights, tokenizer, blend and card.

    Claims, and queries of pretraining pairs, whose text is among `excluded_claims` are left out and counted: those are
    the claims to measure on. `data_files` (role -> path) are named with their hashes in the card. Goes on from the last
    checkpoint in `output_dir` when it was cut off. Raises InputError for data that gives nothing to learn from
    and ModelError for a base model that cannot be trained.
    """
    check_base_model(base_model, recipe)
    excluded = {normalize_text(text) for text in excluded_claims}
    used = [claim for claim in claims if normalize_text(claim.text) not in excluded]
    train, validation = split_by_claim(used, recipe.validation_share, recipe.seed)

    on_stage(f"searching candidates of {len(used):,} claims")
    judged = [claim for claim in used if qrels.get(claim.query_id)]
    stages = _rank(pipeline, judged, on_progress)
    fused: Run = {query_id: found.fused for query_id, found in stages.items()}
    texts = _texts(pipeline, fused, qrels, recipe.pool_k)
    on_stage("comparing candidates with judged evidence")
    similarity = _similarity(pipeline, texts)
    pairs, mining = mine_hard_negatives(
        train,
        qrels,
        fused,
        texts.get,
        n_negatives=recipe.n_negatives,
        first_rank=recipe.first_rank,
        pool_k=recipe.pool_k,
        seed=recipe.seed,
        guard=guard,
        similarity=similarity,
    )
    validation_pairs: list[TrainingPair] = []
    if validation:
        validation_pairs, _ = mine_hard_negatives(
            validation,
            qrels,
            fused,
            texts.get,
            n_negatives=1,
            seed=recipe.seed,
            guard=guard,
            similarity=similarity,
        )
    pretraining_pairs, sources, n_excluded_pairs = _pretraining_pairs(
        pretraining, excluded_claims, recipe.seed, on_stage
    )

    on_stage(f"training on {len(pretraining_pairs):,} + {len(pairs):,} pairs")
    report = train_reranker(
        pairs,
        base_model=base_model,
        output_dir=output_dir,
        recipe=recipe,
        pretraining_pairs=pretraining_pairs,
        validation_pairs=balanced(validation_pairs),
        resume=resume,
        on_progress=on_progress,
    )
    on_stage("fitting the blend on validation claims")
    measured = [claim for claim in validation if claim.query_id in stages]
    blend, held_out, error = _fit(
        load_reranker(str(output_dir)), measured, qrels, stages, texts, pipeline.config.rerank_k
    )
    save_blend(blend, output_dir)
    files = [data_file(path, role) for role, path in (data_files or {}).items()]
    card = render_model_card(
        _provenance(pipeline, base_model, [*files, *sources]), recipe, report, mining, blend, held_out, error
    )
    with write_atomically(output_dir / CARD_FILE) as file:
        file.write(card)
    return BuiltReranker(report, mining, blend, held_out, error, len(claims) - len(used), n_excluded_pairs)


@dataclass(frozen=True)
class _FirstStage:
    bm25: Ranking
    dense: Ranking
    fused: Ranking


def _rank(pipeline: EvidencePipeline, claims: Sequence[Query], on_progress: Progress | None) -> dict[str, _FirstStage]:
    found: dict[str, _FirstStage] = {}
    for start in range(0, len(claims), _CLAIMS_AT_A_TIME):
        batch = claims[start : start + _CLAIMS_AT_A_TIME]
        for claim, stages in zip(batch, pipeline.rank([claim.text for claim in batch]), strict=True):
            bm25 = stages.bm25 or []
            found[claim.query_id] = _FirstStage(bm25, stages.dense or [], stages.fused or bm25)
        if on_progress is not None:
            on_progress("searching", len(found), len(claims), float("nan"))
    return found


def _texts(pipeline: EvidencePipeline, fused: Run, qrels: Qrels, pool_k: int) -> dict[str, str]:
    depth = max(pool_k, pipeline.config.rerank_k)
    wanted = {hit.doc_id for ranking in fused.values() for hit in ranking[:depth]}
    judged = sorted({doc_id for query_id in fused for doc_id in qrels.get(query_id, {})} - wanted)
    held = pipeline.index.positions_of(judged) if judged else {}
    doc_ids = [*sorted(wanted), *(doc_id for doc_id in judged if doc_id in held)]
    return {document.doc_id: evidence_text(document) for document in pipeline.index.documents(doc_ids)}


def _similarity(pipeline: EvidencePipeline, texts: Mapping[str, str]) -> Similarity | None:
    if pipeline.encoder is None:
        return None
    rows = {doc_id: row for row, doc_id in enumerate(texts)}
    vectors = pipeline.encoder.encode(list(texts.values()))  # (n, dim)
    return lambda first, second: float(vectors[rows[first]] @ vectors[rows[second]])


def _pretraining_pairs(
    sources: Sequence[PairSource], excluded_claims: Sequence[str], seed: int, on_stage: Callable[[str], None]
) -> tuple[list[TrainingPair], list[DataFile], int]:
    pairs: list[TrainingPair] = []
    files: list[DataFile] = []
    n_excluded = 0
    for source in sources:
        on_stage(f"reading {source.spec}")
        kind, _, path = source.spec.partition(":")
        found = read_pair_source(source.spec, limit=source.limit, seed=seed)
        kept, n_left_out = without_claims(found, excluded_claims)
        n_excluded += n_left_out
        pairs += [pair._replace(query_id=f"{len(files)}:{pair.query_id}") for pair in kept]
        drawn = "" if source.limit is None else f" of {source.limit:,} queries drawn by seed"
        files.append(data_file(Path(path), f"{kind}: {len(kept):,} pretraining pairs{drawn}"))
    return pairs, files, n_excluded


def _fit(
    reranker: Reranker,
    claims: Sequence[Query],
    qrels: Qrels,
    stages: Mapping[str, _FirstStage],
    texts: Mapping[str, str],
    rerank_k: int,
) -> tuple[Blend, dict[str, dict[str, float]], float]:
    """Return the blend fitted on the claims, the measures of both lists, and the calibration error.

    Without claims, or where none has a relevant hit, the blend is the plain sigmoid of the logit.
    """
    heads = {claim.query_id: stages[claim.query_id].fused[:rerank_k] for claim in claims}
    scores: list[HitScores] = []
    relevant: list[np.ndarray] = []
    for claim in claims:
        head = heads[claim.query_id]
        found = stages[claim.query_id]
        bm25, cosine = dict(found.bm25), dict(found.dense)
        logits = reranker.score([(claim.text, texts[hit.doc_id]) for hit in head]).logits
        scores.append(
            HitScores(
                logit=logits,
                fused_rank=np.arange(1, len(head) + 1, dtype=np.float64),
                bm25=np.array([bm25.get(hit.doc_id, np.nan) for hit in head]),
                cosine=np.array([cosine.get(hit.doc_id, np.nan) for hit in head]),
            )
        )
        judged = qrels[claim.query_id]
        relevant.append(np.array([judged.get(hit.doc_id, 0) > 0 for hit in head], dtype=np.bool_))
    every = HitScores(*(np.concatenate(column) for column in zip(*scores, strict=True))) if scores else None
    labels = np.concatenate(relevant) if relevant else np.zeros(0, dtype=np.bool_)
    if every is None or labels.all() or not labels.any():
        return Blend(), {}, float("nan")
    blend = fit_blend(every, labels, BLEND_FEATURES)
    reranked: Run = {}
    for claim, hits in zip(claims, scores, strict=True):
        values = probability(blend, hits).tolist()
        head = heads[claim.query_id]
        reranked[claim.query_id] = by_score(
            [ScoredDoc(hit.doc_id, value) for hit, value in zip(head, values, strict=True)]
        )
    counted = {claim.query_id: qrels[claim.query_id] for claim in claims}
    held_out = {
        "fused": mean_measures(heads, counted, _MEASURES),
        "reranked": mean_measures(reranked, counted, _MEASURES),
    }
    return blend, held_out, expected_calibration_error(probability(blend, every), labels)


def _provenance(pipeline: EvidencePipeline, base_model: str | Path, data_files: Sequence[DataFile]) -> Provenance:
    index = pipeline.index
    described = f"{index.n_docs:,} documents"
    if isinstance(index, IndexSnapshot):
        described = f"index {index.path.name}, generation {index.manifest.generation}, {described}"
    try:
        code = f"claimhound {version('claimhound')}"
    except PackageNotFoundError:
        code = "claimhound, not installed"
    base = Path(base_model)
    return Provenance(
        base_model=base.name if base.is_dir() else str(base_model),
        index=described,
        encoder=pipeline.encoder.identity.name if pipeline.encoder else "none",
        code_version=code,
        data_files=tuple(data_files),
    )
