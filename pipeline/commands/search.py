"""`search`: find evidence for a claim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from claimhound.data.read_options import ReadOptions
from claimhound.pipeline.commands.answers import print_answers
from claimhound.pipeline.commands.conditions import chosen_conditions, condition_options
from claimhound.pipeline.commands.dash_claims import ClaimCommand
from claimhound.pipeline.commands.model_choice import (
    ModelChoice,
    compute_options,
    encoder_option,
    no_encoder_option,
    reranker_options,
    stance_options,
)
from claimhound.pipeline.commands.options import (
    adaptive_options,
    count_option,
    format_option,
    no_fold_option,
    path_option,
)
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.commands.reading_options import document_reading_options, say_notices
from claimhound.pipeline.commands.settings import chosen_config, settings_options
from claimhound.pipeline.commands.typed_claims import STDIN, as_utf8, claims_on_stdin, is_file

if TYPE_CHECKING:
    from claimhound.indexes.conditions import Conditions
    from claimhound.pipeline.search.evidence import EvidencePipeline
    from claimhound.pipeline.search.results import ClaimEvidence


@click.command(cls=ClaimCommand, short_help="Find evidence for a claim.")
@click.argument("claim_words", metavar="CLAIM", nargs=-1, required=True)
@path_option("--index", "index_dir", "DIR", "Folder of the index.")
@click.option("--corpus", metavar="FILE", help="Search the few passages of a file in memory, without an index.")
@document_reading_options
@count_option("-k", 5, "Pieces of evidence.")
@adaptive_options
@condition_options
@click.option(
    "--context",
    default=0,
    show_default=True,
    metavar="N",
    type=click.IntRange(min=0),
    help="Show N sentences before and after each, too.",
)
@no_fold_option
@stance_options
@click.option("--explain", is_flag=True, help="Show shared words, each stage's rank and score, and the time spent.")
@format_option(
    "table", "json", "jsonl", "tsv", text="A table for people; JSON, JSON lines or TSV, in UTF-8, for programs."
)
@settings_options
@reranker_options
@encoder_option
@no_encoder_option
@compute_options
def search(
    claim_words: tuple[str, ...],
    index_dir: Path | None,
    corpus: str | None,
    reading: ReadOptions,
    k: int,
    adaptive_k: bool,
    min_score: float | None,
    before: str | None,
    where: tuple[str, ...],
    context: int,
    no_fold: bool,
    explain: bool,
    output_format: str,
    config_path: Path | None,
    first_stage_k: int,
    rerank_k: int,
    **model_options: Any,
) -> None:
    """Find evidence for CLAIM, in quotes; with - for each line of standard input.

    Put -- before a claim of one word that begins with a dash. A document without a date is not before any day.
    """
    if len(claim_words) > 1:
        if any(word in _OPTION_NAMES for word in claim_words):
            raise click.UsageError("put options before the --, and the claim behind it")
        raise click.UsageError('put the claim in quotes: claimhound search "a claim of several words" --index DIR')
    if (index_dir is None) == (corpus is None):
        raise click.UsageError("name an index with --index, or a file with --corpus (one of the two)")
    if corpus is not None and (before or where or context):
        raise click.UsageError("--before, --where and --context need an index")
    if corpus is None and reading != ReadOptions():
        raise click.UsageError("options that say how a file is read need --corpus")
    if corpus == STDIN == claim_words[0]:
        raise click.UsageError("claim and corpus cannot both come from standard input")
    models = ModelChoice(**model_options)
    models.refuse_contradictions(adaptive_k=adaptive_k, min_score=min_score)
    conditions = chosen_conditions(before, where)
    claim = as_utf8(claim_words[0])
    if is_file(claim):
        say(f"{claim} is a file, and only its name is searched for; for the claims in it: claimhound annotate {claim}")
    config = chosen_config(config_path, first_stage_k=first_stage_k, rerank_k=rerank_k)
    pipeline = models.open(index_dir, config, corpus=corpus, reading=reading, on_notices=say_notices)
    claims = claims_on_stdin() if claim == STDIN else [claim]
    answers = _answers(
        pipeline, claims, k, conditions, context, adaptive=adaptive_k, min_score=min_score, folding=not no_fold
    )
    print_answers(answers, output_format, explain=explain, several=claim == STDIN)


def _answers(
    pipeline: EvidencePipeline,
    claims: Iterable[str],
    k: int,
    conditions: Conditions,
    context: int,
    *,
    adaptive: bool,
    min_score: float | None,
    folding: bool,
) -> Iterator[ClaimEvidence]:
    """Yield each claim's answer before the next claim is read."""
    for claim in claims:
        yield from pipeline.find_evidence(
            [claim],
            k,
            adaptive=adaptive,
            min_score=min_score,
            conditions=conditions,
            context=context,
            folding=folding,
        )


_OPTION_NAMES = frozenset(name for option in search.params if isinstance(option, click.Option) for name in option.opts)
