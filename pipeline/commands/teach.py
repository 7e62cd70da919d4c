"""`teach`: a teacher's logits for the training of a smaller cross-encoder."""

from __future__ import annotations

import random
from pathlib import Path

import click

from claimhound.data.read_options import ReadOptions
from claimhound.data.records import Qrels, Query
from claimhound.data.text.wording import counted
from claimhound.pipeline.commands.judged_files import (
    claims_of,
    exclude_any_option,
    label_names_option,
    read_judged,
    texts_to_exclude,
)
from claimhound.pipeline.commands.long_jobs import long_job, require_folder_for
from claimhound.pipeline.commands.model_choice import compute_options, encoder_option
from claimhound.pipeline.commands.options import count_option, path_option, seed_option
from claimhound.pipeline.commands.output import print_text, say
from claimhound.pipeline.commands.reading_options import claim_reading_options
from claimhound.pipeline.commands.training_options import PAIRS, STANCE_PAIRS
from claimhound.pipeline.serving.compute import Compute

_AT_LEAST_0 = click.IntRange(min=0)


@click.command("teach", short_help="Write a large model's logits for a small one to learn.")
@click.option("--teacher", required=True, metavar="MODEL", help="Cross-encoder with two heads, relevance and stance.")
@path_option(
    "--output",
    "output_path",
    "FILE",
    "JSONL file of the pairs; `train cross-encoder --taught` reads it.",
    required=True,
)
@path_option("--index", "index_dir", "DIR", "Index whose passages the teacher reads for --claims.")
@click.option("--claims", metavar="FILE", help="Claims to search for in --index; they need no judgments.")
@click.option("--qrels", metavar="FILE", help="Judgments of --claims, if there are any.")
@click.option(
    "--n-claims", metavar="N", type=click.IntRange(min=1), help="Claims to draw from --claims.  [default: all]"
)
@click.option(
    "--n-first",
    default=4,
    show_default=True,
    metavar="N",
    type=_AT_LEAST_0,
    help="First passages of each fused list, all of which are read.",
)
@click.option(
    "--n-drawn",
    default=12,
    show_default=True,
    metavar="N",
    type=_AT_LEAST_0,
    help="Passages drawn from the rest of each list.",
)
@count_option("--pool-k", 100, "Worst rank of a drawn passage.")
@click.option("--relevance", multiple=True, metavar=PAIRS, help="Pairs with a relevance to read as well; repeatable.")
@click.option("--stance", "stances", multiple=True, metavar=STANCE_PAIRS, help="The same, with a stance; repeatable.")
@label_names_option
@exclude_any_option
@seed_option("Seed of the draws.", default=42)
@encoder_option
@claim_reading_options
@compute_options
def teach_command(
    teacher: str,
    output_path: Path,
    index_dir: Path | None,
    claims: str | None,
    qrels: str | None,
    n_claims: int | None,
    n_first: int,
    n_drawn: int,
    pool_k: int,
    relevance: tuple[str, ...],
    stances: tuple[str, ...],
    exclude_claims: tuple[str, ...],
    seed: int,
    encoder: str | None,
    compute: Compute,
    reading: ReadOptions,
) -> None:
    """Write the logits of a teacher, for relevance and stance, on passages that the index retrieves for claims.

    The claims need no judgments. --relevance and --stance add pairs with labels, which the file keeps. The file is
    written only when complete.
    """
    if (index_dir is None) != (claims is None):
        raise click.UsageError("--index and --claims belong together")
    if claims is None and not relevance and not stances:
        raise click.UsageError("name --index and --claims, --relevance or --stance")
    for flag, value in (("--qrels", qrels), ("--n-claims", n_claims), ("--encoder", encoder)):
        if claims is None and value is not None:
            raise click.UsageError(f"{flag} needs --index and --claims")
    require_folder_for(output_path)
    from claimhound.data.labelled_sets.pair_sources import PairSource
    from claimhound.data.labelled_sets.splits import without_claims
    from claimhound.data.labelled_sets.stance_sources import StanceSource
    from claimhound.pipeline.search.config import PipelineConfig
    from claimhound.pipeline.search.opening import open_pipeline
    from claimhound.pipeline.training.teaching import ListSettings, listed_pairs, load_teacher, teach
    from claimhound.pipeline.training.two_heads.data import TwoHeadSources, read_two_head_data

    settings = ListSettings(n_first, n_drawn, pool_k, seed)
    sources = TwoHeadSources(
        list(map(PairSource.parse, relevance)),
        [StanceSource.parse(spec, reading.label_names) for spec in stances],
        excluded_claims=texts_to_exclude(exclude_claims, reading),
    )
    model = load_teacher(teacher, compute)
    pairs = read_two_head_data(sources, seed=seed, notify=say).all_pairs()
    with long_job("pairs", "no file was written") as advance:
        if claims is not None and index_dir is not None:
            found, judgments = _claims_to_search(claims, qrels, reading)
            queries, _ = without_claims(found, sources.excluded_claims, lambda claim: claim.text)
            if n_claims is not None:
                queries = random.Random(seed).sample(queries, min(n_claims, len(queries)))
            pipeline = open_pipeline(
                index_dir,
                encoder=encoder,
                with_reranker=False,
                with_stance=False,
                config=PipelineConfig(first_stage_k=max(PipelineConfig().first_stage_k, pool_k), rerank_k=pool_k),
                compute=compute,
            )
            pairs += listed_pairs(pipeline, queries, judgments, settings, on_progress=advance, notify=say)
        n_pairs = teach(model, pairs, output_path, on_progress=advance)
    print_text(f"{output_path}: {counted(n_pairs, 'pair')} with the logits of {model.name}")


def _claims_to_search(claims: str, qrels: str | None, reading: ReadOptions) -> tuple[list[Query], Qrels]:
    """Return the claims with their judgments, none if no file has them."""
    if qrels is None:
        return claims_of(claims, reading), {}
    found, judged = read_judged(claims, qrels, reading)
    return found or [], judged.qrels
