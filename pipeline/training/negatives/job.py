"""From judged claims and an index to a file of mined claims."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from claimhound.data.disk.atomic import require_writable
from claimhound.data.labelled_sets.mined_claims import write_mined_claims
from claimhound.data.progress import Progress, silent
from claimhound.data.records import Qrels, Query
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.serving.compute import Notify, ignore
from claimhound.pipeline.training.negatives.candidates import find_candidates
from claimhound.pipeline.training.negatives.mining import MiningReport, MiningSettings, mine_hard_negatives


def mine_to_file(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    output_path: Path,
    settings: MiningSettings = MiningSettings(),  # noqa: B008 (frozen)
    *,
    on_progress: Progress = silent,
    notify: Notify = ignore,
) -> MiningReport:
    """Mine hard negatives from the pipeline's fused lists and write them; return what was used and left out.

    If the pipeline has a reranker, passages it finds relevant are left out (`guard.max_p`, the probability that a
    search shows). The file is written atomically. Raises InputError before the search if it cannot be
    written.
    """
    require_writable(output_path)
    found = find_candidates(pipeline, claims, qrels, settings.pool_k, on_progress=on_progress, notify=notify)
    mined, report = mine_hard_negatives(claims, qrels, found, settings)
    write_mined_claims(mined, output_path)
    return report
