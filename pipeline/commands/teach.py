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
    exclude_option,
    label_names_option,
    read_judged,
    texts_of_claims,
)
from claimhound.pipeline.commands.long_jobs import long_job
from claimhound.pipeline.commands.model_choice import compute_options, encoder_option
from claimhound.pipeline.commands.options import count_option, path_option, seed_option
from claimhound.pipeline.commands.output import print_text, say
from claimhound.pipeline.commands.reading_options import claim_reading_options
from claimhound.pipeline.commands.training_options import PAIRS, STANCE_PAIRS
from claimhound.pipeline.serving.compute import Compute


@click.command("teach", short_help="Write a large model's logits for a small one to learn.")
@click.option("--teacher", required=True, metavar="MODEL", help="Cross-encoder with two heads.")
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
@count_option("--n-first", 4, "First passages of each fused list, all of which are read.")
@count_option("--n-drawn", 12, "Passages drawn from the rest of each list.")
@count_option("--pool-k", 100, "Worst rank of a drawn passage.")
@click.option("--relevance", multiple=True, metavar=PAIRS, help="Pairs with a relevance to read as well; repeatable.")
@click.option("--stance", "stances", multiple=True, metavar=STANCE_PAIRS, help="The same, with a stance; repeatable.")
@label_names_option
@exclude_option
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
    from claimhound.data.labelled_sets.pair_sources import PairSource
    from claimhound.data.labelled_sets.stance_sources import StanceSource
    from claimhound.data.labelled_sets.taught_pairs import of_relevance, of_stance
    from claimhound.pipeline.models.cross_encoders import load_stance
    from claimhound.pipeline.training.stance.data import read_stance_data
    from claimhound.pipeline.training.teaching import ListSettings, listed_pairs, require_two_heads, teach
    from claimhound.pipeline.training.training_data import read_training_data

    settings = ListSettings(n_first, n_drawn, pool_k, seed)
    pair_sources = list(map(PairSource.parse, relevance))
    stance_sources = [StanceSource.parse(spec, reading.label_names) for spec in stances]
    model = load_stance(teacher, compute)
    require_two_heads(model)
    excluded = texts_of_claims(exclude_claims, reading)
    judged = read_training_data(pair_sources, excluded, purpose="relevance", seed=seed, notify=say)
    labelled = read_stance_data(stance_sources, excluded, seed=seed, notify=say)
    pairs = [of_relevance(pair) for pairs in judged.pairs for pair in pairs]
    pairs += [of_stance(pair) for one in labelled.sets for pair in one.pairs]
    with long_job("pairs", "no file was written") as advance:
        if claims is not None and index_dir is not None:
            from claimhound.data.labelled_sets.splits import without_claims
            from claimhound.pipeline.search.config import PipelineConfig
            from claimhound.pipeline.search.opening import open_pipeline

            found, judgments = (claims_of(claims, reading), {}) if qrels is None else _judged(claims, qrels, reading)
            queries, _ = without_claims(found, excluded, lambda claim: claim.text)
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
            pairs += listed_pairs(pipeline, queries, judgments, settings, on_progress=advance)
        n_pairs = teach(model, pairs, output_path, on_progress=advance)
    print_text(f"{output_path}: {counted(n_pairs, 'pair')} with the logits of {model.name}")


def _judged(claims: str, qrels: str, reading: ReadOptions) -> tuple[list[Query], Qrels]:
    found, judged = read_judged(claims, qrels, reading)
    return found or [], judged.qrels
