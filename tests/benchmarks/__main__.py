"""Speed and agreement with the plain libraries: `make bench BENCH="--index DIR --claims FILE --qrels FILE"`.

The plain libraries are `SentenceTransformer.encode` and `CrossEncoder.predict` in float32, `faiss.IndexFlatIP` and
rank-bm25. The two are measured in turn (A B A B …), so ratios hold on a machine whose speed drifts. Without options the
bundled sample is indexed, to show that everything runs; meaningful figures need a large index.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import psutil
from rank_bm25 import BM25Okapi
from rich.console import Console
from rich.table import Table

from claimhound.data.bundled import sample_dir
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.readers.claims import read_claims
from claimhound.data.records import Document, Qrels, Query, Ranking, Run, ScoredDoc
from claimhound.data.text.text_form import read_form
from claimhound.indexes.analysis.terms import tokenize
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.evaluation.measures import mean_measures
from claimhound.pipeline.indexing.building import build_index
from claimhound.pipeline.model_folders.finding import BUNDLED, find_model_dir
from claimhound.pipeline.models.cross_encoders import CrossEncoderModel, load_reranker
from claimhound.pipeline.models.encoders import Encoder, load_encoder
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.serving.compute import Compute
from tests.benchmarks.timing import seconds

_ROUNDS = 3


class Report:
    """Rows of the table: name, ours, the plain library, their ratio, the goal."""

    def __init__(self) -> None:
        self._table = Table(
            "what", "ours", "plain", "ratio", "to reach", title="ours beside the plain way", title_justify="left"
        )
        self.records: list[dict[str, str]] = []

    def add(self, what: str, ours: str, plain: str = "", ratio: str = "", goal: str = "") -> None:
        """Add a row and print it at once: a long run may be interrupted."""
        self._table.add_row(what, ours, plain, ratio, goal)
        self.records.append({"what": what, "ours": ours, "plain": plain, "ratio": ratio, "to reach": goal})
        print(f"  {what}: {ours} | {plain} | {ratio} | {goal}", file=sys.stderr, flush=True)

    def show(self) -> None:
        """Print the table."""
        Console(width=max(100, Console().width)).print(self._table)


def in_turn(
    ours: Callable[[], object], plain: Callable[[], object], rounds: int = _ROUNDS
) -> tuple[float, float, float]:
    """Return the median seconds of both and the median of the ratios plain / ours, pair by pair, after a warm-up."""
    ours()
    plain()
    pairs = [(seconds(ours), seconds(plain)) for _ in range(rounds)]
    return (
        statistics.median(first for first, _ in pairs),
        statistics.median(second for _, second in pairs),
        statistics.median(second / first for first, second in pairs),
    )


def pooled_documents(
    pipeline: EvidencePipeline, claims: Sequence[Query], wanted: Sequence[str], n: int
) -> list[Document]:
    """Return the judged documents and n others that the first stage finds for the claims, the hardest negatives."""
    pool: dict[str, None] = {}
    for claim in claims:
        pool.update(dict.fromkeys(hit.doc_id for hit in pipeline.rank([claim.text])[0].fused or []))
    held = set(pipeline.index.positions_of(wanted))
    others = sorted(set(pool) - held)
    chosen = np.random.default_rng(42).permutation(len(others))[:n]
    return pipeline.index.documents(sorted(held) + [others[i] for i in sorted(chosen.tolist())])


def bench_encoding(
    report: Report,
    encoder: Encoder,
    documents: Sequence[Document],
    claims: Sequence[Query],
    qrels: Qrels,
    n: int,
) -> None:
    """Encode n sentences both ways, and compare the recall of a dense search of all `documents`."""
    import torch
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(
        str(find_model_dir("encoder", BUNDLED)), device="cpu", model_kwargs={"dtype": torch.float32}
    )
    texts = [document.text for document in documents]
    some = texts[-n:]
    first, second, ratio = in_turn(lambda: encoder.encode(some), lambda: plain.encode(some))
    report.add(
        "encoding, sentences/s", f"{len(some) / first:.0f}", f"{len(some) / second:.0f}", f"{ratio:.1f}x", ">= 4x"
    )
    questions = [claim.text for claim in claims]
    ours_run = _dense_run(encoder.encode(questions, as_query=True), encoder.encode(texts), claims, documents)
    plain_run = _dense_run(plain.encode(questions), plain.encode(texts), claims, documents)
    held = {document.doc_id for document in documents}
    kept = {query_id: {d: g for d, g in grades.items() if d in held} for query_id, grades in qrels.items()}
    kept = {query_id: kept[query_id] for query_id in (claim.query_id for claim in claims) if kept.get(query_id)}
    ours_recall = mean_measures(ours_run, kept, ["R@100"])["R@100"]
    plain_recall = mean_measures(plain_run, kept, ["R@100"])["R@100"]
    report.add(
        f"dense recall@100 over {len(documents):,} of the sentences",
        f"{ours_recall:.3f}",
        f"{plain_recall:.3f}",
        f"{ours_recall - plain_recall:+.3f}",
        "within .01",
    )


def _dense_run(questions: Any, vectors: Any, claims: Sequence[Query], documents: Sequence[Document]) -> Run:
    run: Run = {}
    for claim, vector in zip(claims, questions, strict=True):
        scores = vectors @ vector
        best = np.argsort(-scores)[:100]
        run[claim.query_id] = [ScoredDoc(documents[i].doc_id, float(scores[i])) for i in best]
    return run


def bench_vectors(report: Report, index: IndexSnapshot, encoder: Encoder, claims: Sequence[Query]) -> None:
    """Search the index's vectors by inverted lists and exhaustively."""
    flat = faiss.IndexIDMap(faiss.IndexFlatIP(encoder.identity.dim))
    for segment in index.segments:
        for positions, vectors in segment.blocks().without(index.dead).float32_blocks():
            flat.add_with_ids(vectors, positions)
    questions = encoder.encode([claim.text for claim in claims], as_query=True)
    ours_ms, plain_ms, agreement = [], [], []
    for row in range(len(questions)):
        question = questions[row : row + 1]
        start = time.perf_counter()
        found = index.search_vectors(question, 100, probe_share=PipelineConfig().probe_share)[0]
        middle = time.perf_counter()
        flat.search(question, 100)
        plain_ms.append((time.perf_counter() - middle) * 1000)
        ours_ms.append((middle - start) * 1000)
        best = {hit.doc_id for hit in index.search_vectors(question, 100, probe_share=1.0)[0]}
        agreement.append(len({hit.doc_id for hit in found} & best) / max(1, len(best)))
    ours, plain = statistics.median(ours_ms), statistics.median(plain_ms)
    report.add("vector search, ms (median)", f"{ours:.1f}", f"{plain:.1f}", f"{plain / ours:.1f}x", "< 15 ms")
    report.add("its agreement with exact search, top 100", f"{statistics.mean(agreement):.3f}", "1", "", ">= .98")


def bench_bm25(report: Report, index: IndexSnapshot, documents: Sequence[Document], claims: Sequence[Query]) -> None:
    """Search the whole index by BM25, and the sampled documents by rank-bm25."""
    plain = BM25Okapi([tokenize(document.text) or [""] for document in documents])
    few = [claim.text for claim in claims][:20]
    for text in few:
        index.search_text(text, 100)
    ours_ms = statistics.median(1000 * seconds(lambda text=text: index.search_text(text, 100)) for text in few)
    plain_ms = statistics.median(
        1000 * seconds(lambda text=text: np.argsort(plain.get_scores(tokenize(text)))) for text in few
    )
    report.add(
        f"BM25 over {index.n_docs:,}, ms (plain: rank-bm25 over {len(documents):,})",
        f"{ours_ms:.1f}",
        f"{plain_ms:.1f}",
        f"{plain_ms / ours_ms:.0f}x",
        "< 5 ms",
    )


def bench_rescoring(
    report: Report,
    pipeline: EvidencePipeline,
    reranker: CrossEncoderModel,
    claims: Sequence[Query],
    qrels: Qrels,
) -> None:
    """Rescore the fused candidates of some claims both ways, and compare the rankings by model score alone."""
    import torch
    from sentence_transformers import CrossEncoder

    plain = CrossEncoder(str(find_model_dir("reranker", BUNDLED)), device="cpu", model_kwargs={"dtype": torch.float32})
    fused: dict[str, Ranking] = {}
    for claim in claims:
        fused[claim.query_id] = (pipeline.rank([claim.text])[0].fused or [])[:100]
    pairs = [
        (claim.text, read_form(document))
        for claim in claims
        for document in pipeline.index.documents([hit.doc_id for hit in fused[claim.query_id]])
    ]
    some = pairs[:400]
    first, second, ratio = in_turn(lambda: reranker.score(some), lambda: plain.predict(some))
    report.add("rescoring, pairs/s", f"{len(some) / first:.0f}", f"{len(some) / second:.0f}", f"{ratio:.1f}x", ">= 3x")
    kept = {claim.query_id: qrels[claim.query_id] for claim in claims if claim.query_id in qrels}
    ours_ndcg = mean_measures(_rescored(fused, reranker.score(pairs).logits), kept, ["nDCG@10"])["nDCG@10"]
    plain_ndcg = mean_measures(_rescored(fused, plain.predict(pairs)), kept, ["nDCG@10"])["nDCG@10"]
    report.add(
        f"its nDCG@10 over {len(kept)} claims",
        f"{ours_ndcg:.3f}",
        f"{plain_ndcg:.3f}",
        f"{ours_ndcg - plain_ndcg:+.3f}",
        "within .005",
    )


def _rescored(fused: dict[str, Ranking], scores: Any) -> Run:
    run: Run = {}
    start = 0
    for query_id, ranking in fused.items():
        values = scores[start : start + len(ranking)]
        start += len(ranking)
        run[query_id] = sorted(
            (ScoredDoc(hit.doc_id, float(value)) for hit, value in zip(ranking, values, strict=True)),
            key=lambda hit: (-hit.score, hit.doc_id),
        )
    return run


def bench_loaded(report: Report, pipeline: EvidencePipeline, claims: Sequence[Query]) -> None:
    """Search claim by claim with all models loaded."""
    texts = [claim.text for claim in claims]
    for text in texts[:5]:
        pipeline.find_evidence([text], 5)
    spent = []
    stages: dict[str, list[float]] = {}
    for text in texts:
        start = time.perf_counter()
        answer = pipeline.find_evidence([text], 5)[0]
        spent.append((time.perf_counter() - start) * 1000)
        for name, value in answer.timings_ms.items():
            stages.setdefault(name, []).append(value)
    detail = ", ".join(f"{name} {statistics.median(values):.1f}" for name, values in stages.items())
    report.add("search, models loaded, ms (median)", f"{statistics.median(spent):.0f}", goal="< 400 ms")
    report.add("  of it by stage, ms (median)", detail)


def bench_process(report: Report, index_dir: Path, claim: str) -> None:
    """Search in a new process, as from a shell."""
    script = (
        "import sys, resource\n"
        "from claimhound.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 'torch' in sys.modules, file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", script, "search", claim, "--index", str(index_dir), "--format", "json"]
    spent, peak, torch_loaded = [], 0.0, False
    for _ in range(6):
        start = time.perf_counter()
        finished = subprocess.run(command, capture_output=True, text=True, check=True)
        spent.append(time.perf_counter() - start)
        kilobytes, loaded = finished.stderr.split()[-2:]
        peak, torch_loaded = max(peak, int(kilobytes) / 1e6), torch_loaded or loaded == "True"
    report.add("search, a new process, s (median)", f"{statistics.median(spent[1:]):.2f}", goal="< 2 s")
    report.add("  torch imported", "yes" if torch_loaded else "no", goal="no")
    report.add("  peak memory, GB", f"{peak:.2f}", goal="< 1.5 GB")


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--index", type=Path, help="a built index")
    parser.add_argument("--claims", help="claims; with --qrels")
    parser.add_argument("--qrels", help="judgments")
    parser.add_argument("--encode", type=int, default=2000, help="sentences to encode both ways")
    parser.add_argument(
        "--sample",
        type=int,
        default=6000,
        help="sentences besides the judged ones over which the dense recall is compared",
    )
    parser.add_argument("--rescore", type=int, default=40, help="claims whose candidates are rescored both ways")
    parser.add_argument("--output", type=Path, help="file for the rows as JSON")
    options = parser.parse_args()
    if options.index and not (options.claims and options.qrels):
        parser.error("--index needs --claims and --qrels")
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as scratch:
        encoder = load_encoder(compute=Compute("cpu"))
        index_dir = options.index
        claims, qrels = options.claims, options.qrels
        if index_dir is None:
            index_dir = Path(scratch) / "index"
            build_index([str(sample_dir() / "evidence.jsonl")], index_dir, encoder)
            claims, qrels = str(sample_dir() / "claims.jsonl"), str(sample_dir() / "qrels.tsv")
        report = Report()
        _run(report, index_dir, encoder, list(read_claims(claims)), read_qrels(qrels), options)
    report.show()
    if options.output:
        options.output.write_text(json.dumps(report.records, indent=2) + "\n")


def _run(
    report: Report,
    index_dir: Path,
    encoder: Encoder,
    claims: list[Query],
    qrels: Qrels,
    options: argparse.Namespace,
) -> None:
    claims = [claim for claim in claims if claim.query_id in qrels]
    bench_process(report, index_dir, claims[0].text)
    index = IndexSnapshot.open(index_dir)
    reranker = load_reranker(compute=Compute("cpu"))
    pipeline = EvidencePipeline(index, encoder, reranker)
    bench_loaded(report, pipeline, claims)
    report.add("  memory of this process then, GB", f"{psutil.Process().memory_info().rss / 1e9:.2f}", goal="< 1.5 GB")
    wanted = [doc_id for claim in claims for doc_id, grade in qrels[claim.query_id].items() if grade > 0]
    first_stage = EvidencePipeline(index, encoder, None)
    documents = pooled_documents(first_stage, claims, wanted, options.sample)
    bench_bm25(report, index, documents, claims)
    bench_vectors(report, index, encoder, claims)
    bench_encoding(report, encoder, documents, claims, qrels, options.encode)
    bench_rescoring(report, first_stage, reranker, claims[: options.rescore], qrels)


if __name__ == "__main__":
    main()
