"""From judged claims and an index to a file of mined claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from claimhound.data.disk.atomic import require_writable
from claimhound.data.labelled_sets.mined_claims import write_mined_claims
from claimhound.data.records import Qrels, Query
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.training.negatives.candidates import SearchProgress, find_candidates
from claimhound.pipeline.training.negatives.mining import MiningReport, NegativeGuard, mine_hard_negatives


def mine_to_file(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    output_path: Path,
    *,
    n_negatives: int = 4,
    first_rank: int = 1,
    pool_k: int = 100,
    seed: int = 42,
    guard: NegativeGuard = NegativeGuard(),  # noqa: B008 (frozen)
    on_progress: SearchProgress = lambda _phase, _done, _total: None,
    on_stage: Callable[[str], None] = lambda _message: None,
) -> MiningReport:
    """Mine hard negatives for the claims out of the pipeline's fused lists and write them; return what was left out.

    A reranker in the pipeline keeps out what it finds relevant (`guard.max_p`, the probability that a search shows).
    The file appears whole at the end or not at all. Raises InputError before the search where it cannot be written.
    """
    require_writable(output_path)
    found = find_candidates(pipeline, claims, qrels, pool_k, on_progress=on_progress, on_stage=on_stage)
    mined, report = mine_hard_negatives(
        claims,
        qrels,
        found.fused,
        found.texts.get,
        n_negatives=n_negatives,
        first_rank=first_rank,
        pool_k=pool_k,
        seed=seed,
        guard=guard,
        similarity=found.similarity,
        closeness=found.closeness,
        probability=found.probability,
    )
    write_mined_claims(mined, output_path)
    return report
