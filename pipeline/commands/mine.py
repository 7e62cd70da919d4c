"""`mine`: find hard negatives for judged claims."""

from __future__ import annotations

from pathlib import Path

import click

from claimhound.data.read_options import ReadOptions
from claimhound.data.text.wording import counted
from claimhound.pipeline.commands.judged_files import (
    exclude_option,
    judged_claims_options,
    read_judged,
    texts_of_claims,
)
from claimhound.pipeline.commands.long_jobs import long_job
from claimhound.pipeline.commands.model_choice import compute_options, encoder_option
from claimhound.pipeline.commands.options import count_option, index_option, path_option, seed_option
from claimhound.pipeline.commands.output import print_text, say
from claimhound.pipeline.commands.reading_options import claim_reading_options
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.serving.compute import Compute


@click.command("mine", short_help="Find hard negatives for judged claims.")
@index_option
@judged_claims_options
@claim_reading_options
@path_option(
    "--output",
    "output_path",
    "FILE",
    "JSONL file of the claims with their evidence and negatives; `train` reads it as mined:FILE.",
    required=True,
)
@exclude_option
@count_option("--n-negatives", 4, "Negatives for each relevant passage.")
@count_option("--first-rank", 1, "Best rank of the fused list that a negative may have.")
@count_option("--pool-k", 100, "Worst rank that a negative may have.")
@click.option(
    "--max-cosine",
    default=0.9,
    show_default=True,
    metavar="X",
    type=click.FloatRange(0, 1, min_open=True),
    help="Leave out candidates with a cosine above X to judged evidence.",
)
@click.option(
    "--margin",
    metavar="X",
    type=click.FloatRange(-1, 1),
    help="Leave out candidates whose cosine to the claim is above that of its nearest judged evidence, less X.",
)
@click.option("--reranker", metavar="MODEL", help="Leave out candidates that this cross-encoder finds relevant.")
@click.option(
    "--max-p",
    default=0.5,
    show_default=True,
    metavar="P",
    type=click.FloatRange(0, 1, min_open=True),
    help="Probability by --reranker above which a candidate is left out.",
)
@seed_option("Seed of the draws.", default=42)
@encoder_option
@compute_options
def mine(
    index_dir: Path,
    claims: str,
    qrels: str,
    output_path: Path,
    exclude_claims: tuple[str, ...],
    n_negatives: int,
    first_rank: int,
    pool_k: int,
    max_cosine: float,
    margin: float | None,
    reranker: str | None,
    max_p: float,
    seed: int,
    encoder: str | None,
    compute: Compute,
    reading: ReadOptions,
) -> None:
    """Find unjudged passages that the index's first stage retrieves for judged claims.

    Copies and near-duplicates of judged evidence are never negatives. The file is written only when complete.
    """
    if first_rank > pool_k:
        raise click.UsageError(f"--first-rank {first_rank} must not be greater than --pool-k {pool_k}")
    from claimhound.data.labelled_sets.splits import without_claims
    from claimhound.pipeline.search.opening import open_pipeline
    from claimhound.pipeline.training.negatives.job import mine_to_file
    from claimhound.pipeline.training.negatives.mining import MiningSettings, NegativeGuard

    excluded = texts_of_claims(exclude_claims, reading)
    found, judged = read_judged(claims, qrels, reading)
    queries, _ = without_claims(found or [], excluded, lambda claim: claim.text)
    pipeline = open_pipeline(
        index_dir,
        encoder=encoder,
        reranker=reranker,
        with_reranker=reranker is not None,
        with_stance=False,
        config=PipelineConfig(first_stage_k=max(PipelineConfig().first_stage_k, pool_k), rerank_k=pool_k),
        compute=compute,
    )
    with long_job("claims", "no file was written") as advance:
        report = mine_to_file(
            pipeline,
            queries,
            judged.qrels,
            output_path,
            MiningSettings(
                n_negatives, first_rank, pool_k, seed, NegativeGuard(max_cosine=max_cosine, margin=margin, max_p=max_p)
            ),
            on_progress=advance,
            notify=say,
        )
    n_claims = report.n_queries - report.n_queries_without_judgments
    print_text(
        f"{output_path}: {counted(n_claims, 'claim')}, {report.n_positives:,} judged relevant, "
        f"{counted(report.n_negatives, 'negative')}"
    )
    for name, n in (
        ("claims without relevant evidence in the index", report.n_queries_without_judgments),
        ("judged evidence missing from the index", report.n_judged_without_text),
        *((f"candidates rejected: {reason}", n) for reason, n in report.rejected.items()),
    ):
        if n:
            say(f"{name}: {n:,}")
