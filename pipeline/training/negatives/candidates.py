"""Candidates for negatives: a pipeline's hits for claims, and its models' comparisons of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from claimhound.data.progress import Progress, batches, silent
from claimhound.data.records import Qrels, Query, Run
from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.text_form import read_form
from claimhound.indexes.vectors import unit_vectors
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.results import StageRankings
from claimhound.pipeline.serving.compute import Notify, ignore

Similarity: TypeAlias = Callable[[str, str], float]
"""(doc_id, doc_id) -> cosine of two documents."""

ClaimScore: TypeAlias = Callable[[str, str], float]
"""(query_id, doc_id) -> a model's score of the document for the claim: a cosine, or a probability."""

_CLAIMS_AT_A_TIME = 64


@dataclass(frozen=True)
class Candidates:
    """The candidates of judged claims: the `fused` lists that negatives come from, and the passages' `texts` by id.

    `similarity` and `closeness` are None without an encoder, `probability` without a reranker; the probability of a
    passage that the reranker did not read is 0.
    """

    fused: Run
    texts: Mapping[str, str]
    similarity: Similarity | None = None
    closeness: ClaimScore | None = None
    probability: ClaimScore | None = None


def find_candidates(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    pool_k: int,
    *,
    on_progress: Progress = silent,
    notify: Notify = ignore,
) -> Candidates:
    """Search for the claims that have judgments, and read the first `pool_k` of each list and everything judged."""
    judged = [claim for claim in claims if qrels.get(claim.query_id)]
    notify(f"searching candidates of {len(judged):,} claims")
    stages: dict[str, StageRankings] = {}
    for batch in batches(judged, _CLAIMS_AT_A_TIME, "searching", on_progress):
        found = pipeline.rank([claim.text for claim in batch])
        stages |= {claim.query_id: rankings for claim, rankings in zip(batch, found, strict=True)}
    fused: Run = {query_id: found.first_stage for query_id, found in stages.items()}
    texts = _texts(pipeline, fused, qrels, pool_k)
    similarity, closeness = None, None
    if pipeline.encoder is not None:
        notify(f"encoding {len(texts):,} candidates, to compare them with judged evidence")
        similarity, closeness = _cosines(pipeline, judged, texts)
    probability = None if pipeline.reranker is None else _probability(stages)
    return Candidates(fused, texts, similarity, closeness, probability)


def _texts(pipeline: EvidencePipeline, fused: Run, qrels: Qrels, pool_k: int) -> dict[str, str]:
    depth = max(pool_k, pipeline.config.rerank_k)
    wanted = {hit.doc_id for ranking in fused.values() for hit in ranking[:depth]}
    judged = sorted({doc_id for query_id in fused for doc_id in qrels.get(query_id, {})} - wanted)
    held = pipeline.index.positions_of(judged) if judged else {}
    doc_ids = [*sorted(wanted), *(doc_id for doc_id in judged if doc_id in held)]
    return {document.doc_id: read_form(document) for document in pipeline.index.documents(doc_ids)}


def _cosines(
    pipeline: EvidencePipeline, claims: Sequence[Query], texts: Mapping[str, str]
) -> tuple[Similarity, ClaimScore]:
    assert pipeline.encoder is not None
    row_of = {doc_id: row for row, doc_id in enumerate(texts)}
    query_row_of = {claim.query_id: row for row, claim in enumerate(claims)}
    vectors = pipeline.encoder.encode(list(texts.values()))  # (documents, dim)
    query_vectors = pipeline.encoder.encode(
        [searched_text(claim.text) for claim in claims], as_query=True
    )  # (claims, dim)
    if pipeline.encoder.identity.similarity == "dot":
        # The guards are cosines; no fixed inner product means that two passages are the same.
        vectors, query_vectors = unit_vectors(vectors), unit_vectors(query_vectors)
    return (
        lambda first, second: float(vectors[row_of[first]] @ vectors[row_of[second]]),
        lambda query_id, doc_id: float(query_vectors[query_row_of[query_id]] @ vectors[row_of[doc_id]]),
    )


def _probability(stages: Mapping[str, StageRankings]) -> ClaimScore:
    scores = {query_id: dict(found.rerank or []) for query_id, found in stages.items()}
    return lambda query_id, doc_id: scores[query_id].get(doc_id, 0.0)
