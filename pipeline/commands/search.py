"""`search`: find evidence for a claim."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from claimhound.data.labelled_sets.stances import SIDES
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
from claimhound.pipeline.commands.server_search import open_server, server_options
from claimhound.pipeline.commands.settings import chosen_config, settings_options
from claimhound.pipeline.commands.typed_claims import STDIN, as_utf8, claims_on_stdin, is_file, require_stdin


@click.command(cls=ClaimCommand, short_help="Find evidence for a claim.")
@click.argument("claim_words", metavar="CLAIM", nargs=-1, required=True)
@path_option("--index", "index_dir", "DIR", "Folder of the index.")
@server_options
@click.option("--corpus", metavar="FILE", help="Search a file of up to 5,000 passages in memory, without an index.")
@document_reading_options
@count_option("-k", 5, "Number of pieces of evidence.")
@adaptive_options
@condition_options
@click.option(
    "--context",
    default=0,
    show_default=True,
    metavar="N",
    type=click.IntRange(min=0),
    help="Also show N sentences before and after each.",
)
@no_fold_option
@stance_options
@click.option(
    "--side",
    "sides",
    multiple=True,
    type=click.Choice(["supports", "refutes"]),
    help="Show only evidence that points that way, from all that the reranker reads; give both for up to -k of each.",
)
@click.option("--explain", is_flag=True, help="Also show shared words, the rank and score of each stage, and timings.")
@format_option("table", "json", "jsonl", "tsv", text="Output format; all but the table are UTF-8 for programs.")
@settings_options
@reranker_options
@encoder_option
@no_encoder_option
@compute_options
def search(
    claim_words: tuple[str, ...],
    index_dir: Path | None,
    server: str | None,
    token_path: Path | None,
    corpus: str | None,
    reading: ReadOptions,
    k: int,
    adaptive_k: bool,
    min_score: float | None,
    before: str | None,
    where: tuple[str, ...],
    context: int,
    no_fold: bool,
    sides: tuple[str, ...],
    explain: bool,
    output_format: str,
    config_path: Path | None,
    first_stage_k: int,
    rerank_k: int,
    **model_options: Any,
) -> None:
    """Find evidence for CLAIM, or for each line of standard input if CLAIM is -.

    Put the claim in quotes. A one-word claim that begins with a dash needs -- before it. With --before, documents
    without a date are left out.
    """
    if len(claim_words) > 1:
        if any(word in _OPTION_NAMES for word in claim_words):
            raise click.UsageError("put options before the -- and the claim after it")
        raise click.UsageError('put the claim in quotes: claimhound search "a claim of several words" --index DIR')
    asked = open_server(server, index_dir, token_path) if server else None
    if token_path is not None and asked is None:
        raise click.UsageError("--token-file needs --server URL")
    if (index_dir is None) == (corpus is None) and asked is None:
        raise click.UsageError("give either --index DIR or --corpus FILE, or --server URL")
    if corpus is not None and (before or where or context):
        raise click.UsageError("--before, --where and --context need an index")
    if corpus is None and reading != ReadOptions():
        raise click.UsageError("options for reading a file need --corpus")
    if corpus == STDIN == claim_words[0]:
        raise click.UsageError("claim and corpus cannot both be read from standard input")
    models = ModelChoice(**model_options)
    models.refuse_contradictions(adaptive_k=adaptive_k, min_score=min_score)
    if sides and (models.no_stance or adaptive_k):
        raise click.UsageError(
            f"--side cannot be combined with {'--no-stance' if models.no_stance else '--adaptive-k'}"
        )
    conditions = chosen_conditions(before, where)
    claim = as_utf8(claim_words[0])
    if claim == STDIN:
        require_stdin()
    if is_file(claim):
        say(f"{claim} is a file; searching for its name. For the claims in it, use: claimhound annotate {claim}")
    config = chosen_config(config_path, first_stage_k=first_stage_k, rerank_k=rerank_k)
    found_by = asked or models.open(index_dir, config, corpus=corpus, reading=reading, on_notices=say_notices)
    claims = claims_on_stdin() if claim == STDIN else [claim]
    find = partial(
        found_by.find_evidence,
        k=k,
        adaptive=adaptive_k,
        min_score=min_score,
        conditions=conditions,
        context=context,
        folding=not no_fold,
        sides=[side for side in SIDES if side.lower() in sides],
    )
    # Each claim is answered before the next is read.
    answers = (answer for claim in claims for answer in find([claim]))
    print_answers(answers, output_format, explain=explain, several=claim == STDIN)


_OPTION_NAMES = frozenset(name for option in search.params if isinstance(option, click.Option) for name in option.opts)
