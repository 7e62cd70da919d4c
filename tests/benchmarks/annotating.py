"""`annotate` compared with two plain loops: `python -m tests.benchmarks.annotating --index DIR --claims FILE [--n 48]`.

The same claims go through `annotate`, including journal and output; through the library call of `search`, one at a
time; and through `sentence_transformers.CrossEncoder.rank` (float32 on a CPU, half precision on a GPU) over the same
candidates, one at a time. Models are loaded beforehand. The three take turns (A B C A B C …), so ratios hold on a
machine whose speed drifts. Then follow the pairs per second of the reranker alone and of `CrossEncoder.predict` over
all pairs in one call, and the peak memory of jobs in separate processes over the claims and ten times as many.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import locate_claims, read_good_and_bad_claims
from claimhound.data.records import Query
from claimhound.data.text.text_form import read_form
from claimhound.pipeline.annotation.annotating import annotate
from claimhound.pipeline.annotation.intake import LONGEST_CLAIM, ClaimSource
from claimhound.pipeline.annotation.searching import AnnotationSettings, Searcher
from claimhound.pipeline.model_folders.files import read_json
from claimhound.pipeline.model_folders.finding import BUNDLED, find_model_dir
from claimhound.pipeline.model_folders.layouts import read_cross_encoder_layout
from claimhound.pipeline.model_folders.tokenization import TextTokenizer
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import open_pipeline
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.devices import resolve_device
from tests.benchmarks.timing import seconds

_K = 5
_REPEATS = 10
Pair = tuple[str, str]


def plain_cross_encoder(device: str) -> Any:
    """Load the reranker as sentence-transformers does; in half precision on a GPU."""
    import torch
    from sentence_transformers import CrossEncoder

    # Explicit: the weights are stored in half precision, which is four times slower on a CPU.
    precision = {"dtype": torch.float16 if device == "cuda" else torch.float32}
    return CrossEncoder(str(find_model_dir("reranker", BUNDLED)), device=device, model_kwargs=precision)


def job_seconds(pipeline: EvidencePipeline, claims_path: Path, workers: int | None) -> float:
    """Annotate a file with an open pipeline, in a temporary folder, and return the time."""
    with tempfile.TemporaryDirectory() as folder:
        source, output = ClaimSource(str(claims_path)), Path(folder, "out.jsonl")
        settings = AnnotationSettings(k=_K)
        return seconds(lambda: annotate(source, output, lambda: Searcher(pipeline, n_workers=workers), settings))


def loop_seconds(pipeline: EvidencePipeline, claims: Sequence[str]) -> float:
    """Find evidence for one claim at a time, as `search` does."""
    return seconds(lambda: [pipeline.find_evidence([claim], _K) for claim in claims])


def rank_seconds(first_stage: EvidencePipeline, model: Any, claims: Sequence[str]) -> float:
    """Find candidates for one claim at a time and rank them with CrossEncoder.rank."""

    def rank() -> None:
        for claim in claims:
            texts = [text for _, text in candidate_pairs(first_stage, [claim])]
            if texts:
                model.rank(claim, texts, top_k=_K, show_progress_bar=False)

    return seconds(rank)


def candidate_pairs(first_stage: EvidencePipeline, claims: Sequence[str]) -> list[Pair]:
    """Return every claim with each of the candidates that the reranker would rescore."""
    pairs: list[Pair] = []
    for claim, stages in zip(claims, first_stage.rank(claims), strict=True):
        best = [hit.doc_id for hit in stages.final()[: first_stage.config.rerank_k]]
        pairs += [(claim, read_form(document)) for document in first_stage.index.documents(best)]
    return pairs


def peak_megabytes(words: Sequence[str]) -> float:
    """Run one of our commands in a separate process and return its peak memory."""
    process = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "claimhound", *words])
    _, status, usage = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"failed: {' '.join(words)}")
    return usage.ru_maxrss / 1024


def operations(pairs: Sequence[Pair]) -> float:
    """Return the multiplications and additions of the pairs' own tokens in the reranker's matrix products."""
    folder = find_model_dir("reranker", BUNDLED)
    config: Any = read_json(folder / "config.json")
    width, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    max_length = read_cross_encoder_layout(folder).max_length
    assert max_length is not None
    lengths = [len(text.ids) for text in TextTokenizer(folder, max_length).tokenize(list(pairs))]
    return float(sum(layers * n * (2 * (4 * width**2 + 2 * width * inner) + 4 * n * width) for n in lengths))


def matrix_rate(device: str) -> float:
    """Return the operations a second of one large matrix product in half precision on a GPU."""
    import torch

    matrix = torch.randn(8192, 8192, device=device, dtype=torch.float16)
    torch.matmul(matrix, matrix)
    torch.cuda.synchronize()
    rounds = 20
    spent = seconds(lambda: ([torch.matmul(matrix, matrix) for _ in range(rounds)], torch.cuda.synchronize()))
    return rounds * 2 * 8192**3 / spent


def write_claims(path: Path, claims: Sequence[Query], repeats: int = 1) -> Path:
    """Write the claims as JSON lines, several times over if asked; returns the path."""
    lines = (
        json.dumps({"id": f"{claim.query_id}-{turn}", "text": claim.text}) + "\n"
        for turn in range(repeats)
        for claim in claims
    )
    path.write_text("".join(lines), encoding="utf-8")
    return path


def main() -> None:
    """Measure all of it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--claims", required=True, help="any file that `annotate` reads")
    parser.add_argument("--columns", default="", help="columns of a CSV or TSV file without a header line")
    parser.add_argument("--text-field", help="field that holds the claim")
    parser.add_argument("--n", type=int, default=48, help="claims to measure with")
    parser.add_argument("--n-rank", type=int, default=12, help="claims of these for CrossEncoder.rank, which is slow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--device", default="cpu", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--no-memory", action="store_true", help="leave out the jobs in separate processes")
    options = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    device = resolve_device(options.device)
    source = locate_claims(options.claims, [name for name in options.columns.split(",") if name])
    found = read_good_and_bad_claims(source, ReadOptions(text_field=options.text_field), longest=LONGEST_CLAIM)
    claims = list(islice((item for item in found if isinstance(item, Query)), options.n))
    texts = [claim.text for claim in claims]
    pipeline = open_pipeline(options.index, compute=Compute(device))
    first_stage = EvidencePipeline(pipeline.index, pipeline.encoder, None, pipeline.config)
    plain = plain_cross_encoder(device)
    table = Table("what", "ours", "plain", "ratio", "to reach")
    with tempfile.TemporaryDirectory() as scratch:
        path = write_claims(Path(scratch, "claims.jsonl"), claims)
        _claims_a_second(table, pipeline, first_stage, plain, path, texts, options)
        _pairs_a_second(table, pipeline, first_stage, plain, texts, device, options.rounds)
        if not options.no_memory:
            many = write_claims(Path(scratch, "many.jsonl"), claims, _REPEATS)
            for name, file in (("claims", path), ("times as many, repeated", many)):
                n = len(claims) if file == path else _REPEATS
                output = Path(scratch, f"{file.stem}.out.jsonl")
                words = ["annotate", str(file), "--index", str(options.index), "--output", str(output)]
                peak = peak_megabytes([*words, "--device", device])
                table.add_row(f"peak memory, {n} {name}, MB", f"{peak:,.0f}", "", "", "")
    Console(width=max(100, Console().width)).print(table)


def _claims_a_second(
    table: Table,
    pipeline: EvidencePipeline,
    first_stage: EvidencePipeline,
    plain: Any,
    path: Path,
    texts: Sequence[str],
    options: argparse.Namespace,
) -> None:
    few = texts[: options.n_rank]
    loop_seconds(pipeline, texts[:2])
    rank_seconds(first_stage, plain, texts[:2])
    job_seconds(pipeline, path, options.workers)
    rows = [
        (
            job_seconds(pipeline, path, options.workers) / len(texts),
            loop_seconds(pipeline, texts) / len(texts),
            rank_seconds(first_stage, plain, few) / len(few),
        )
        for _ in range(options.rounds)
    ]
    for place, name, goal in ((1, "search's library call", "3x"), (2, "CrossEncoder.rank", "5x")):
        ours, other = (statistics.median(row[column] for row in rows) for column in (0, place))
        ratio = statistics.median(row[place] / row[0] for row in rows)
        table.add_row(f"claims/s, plain: {name}", f"{1 / ours:.2f}", f"{1 / other:.2f}", f"{ratio:.2f}x", goal)


def _pairs_a_second(
    table: Table,
    pipeline: EvidencePipeline,
    first_stage: EvidencePipeline,
    plain: Any,
    texts: Sequence[str],
    device: str,
    rounds: int,
) -> None:
    assert pipeline.reranker is not None
    score = pipeline.reranker.score
    n_claims = len(texts) if device == "cuda" else min(len(texts), 12)
    pairs = candidate_pairs(first_stage, texts[:n_claims])
    score(pairs)
    plain.predict(pairs[:100], show_progress_bar=False)
    rows = [
        (seconds(lambda: score(pairs)), seconds(lambda: plain.predict(pairs, show_progress_bar=False)))
        for _ in range(rounds)
    ]
    ours, other = (statistics.median(row[column] for row in rows) for column in (0, 1))
    ratio = statistics.median(row[1] / row[0] for row in rows)
    speeds = (f"{len(pairs) / ours:,.0f}", f"{len(pairs) / other:,.0f}")
    table.add_row("pairs/s, plain: CrossEncoder.predict", *speeds, f"{ratio:.2f}x", "3x" if device == "cuda" else "")
    if device == "cuda":
        share = operations(pairs) / ours / matrix_rate(device)
        table.add_row("share of the matrix rate", f"{share:.1%}", "", "", "")


if __name__ == "__main__":
    main()
