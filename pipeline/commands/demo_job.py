"""The main job on the bundled sample: index it and answer three claims."""

from __future__ import annotations

import tempfile
from pathlib import Path

from claimhound.data.bundled import sample_dir
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.indexing.building import build_index
from claimhound.pipeline.models.encoders import load_encoder
from claimhound.pipeline.models.rerankers import load_reranker
from claimhound.pipeline.models.stance import load_stance
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.results import ClaimEvidence
from claimhound.pipeline.serving.compute import Compute, Notify, ignore

DEMO_CLAIMS = (
    "The MMR jab gives children autism.",
    "The oceans have come up about eight inches since 1900.",
    "You can see the Great Wall of China from the Moon.",
)


def run_demo(k: int = 3, notify: Notify = ignore) -> list[ClaimEvidence]:
    """Return the answers for DEMO_CLAIMS out of an index of the bundled sample, which is gone afterwards."""
    compute = Compute("cpu", notify=notify)
    encoder = load_encoder(compute=compute)
    reranker = load_reranker(compute=compute)
    stance = load_stance(compute=compute)
    with tempfile.TemporaryDirectory(prefix="claimhound-demo-") as scratch:
        index_dir = Path(scratch) / "index"
        report = build_index([str(sample_dir() / "evidence.jsonl")], index_dir, encoder)
        notify(f"indexed {report.n_read} sentences of the bundled sample")
        pipeline = EvidencePipeline(IndexSnapshot.open(index_dir), encoder, reranker, stance=stance)
        return pipeline.find_evidence(DEMO_CLAIMS, k)
