"""Files of claims, judgments and runs: their options and readers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from claimhound.data.errors import InputError
from claimhound.data.formats.sources import STDIN
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.text.wording import first_few
from claimhound.pipeline.commands.options import combined
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.commands.reading_options import say_notices

if TYPE_CHECKING:
    from claimhound.data.labelled_sets.judgments import Judgments
    from claimhound.data.records import Query, Run
    from claimhound.pipeline.evaluation.evaluating import MeasureSettings

qrels_level_option = click.option(
    "--qrels-level",
    type=click.Choice(["document", "sentence"]),
    default="document",
    show_default=True,
    help="Level of SciFact's evidence: abstracts, or their sentences as ID#N.",
)
judgment_options = combined(
    click.option(
        "--qrels",
        metavar="FILE",
        help="Judgments: BEIR's TSV, TREC's qrels, or claims with their evidence.  [default: those of --claims]",
    ),
    qrels_level_option,
)
AT_SENTENCES = "@sentence"
"""After the name of a further file of judgments: `--qrels-level sentence` for this file."""
label_names_option = click.option(
    "--label-names",
    metavar="NAMES",
    default="",
    callback=lambda _context, _option, text: tuple(name for word in text.split(",") if (name := word.strip())),
    help="Comma-separated names of labels that are numbers from 0, such as SUPPORTS,REFUTES.",
)
judged_claims_options = combined(
    click.option("--claims", required=True, metavar="FILE", help="Claims: JSONL, JSON, CSV, TSV or a BEIR folder."),
    click.option(
        "--qrels", required=True, metavar="FILE", help="Judgments: BEIR's TSV, TREC's qrels, or claims with evidence."
    ),
    label_names_option,
)
exclude_option = click.option(
    "--exclude-claims", multiple=True, metavar="FILE", help="Claims never to train on, matched by text; repeatable."
)

exclude_any_option = click.option(
    "--exclude-claims",
    multiple=True,
    metavar="FILE",
    help="Claims never to train on, compared by their words: a file of claims, or KIND:PATH; repeatable.",
)


def read_judged(
    claims: str | None, qrels: str | None, reading: ReadOptions, level: Any = "document"
) -> tuple[list[Query] | None, Judgments]:
    """Return claims and judgments as `judged.read_judged` does, and print the readers' notices.

    Raises click.UsageError if standard input would have to be read twice.
    """
    from claimhound.pipeline.evaluation import judged

    if claims == STDIN and qrels in (None, STDIN):
        raise click.UsageError("standard input can be read only once; name a file of claims or of judgments")
    return judged.read_judged(claims, qrels, reading, level=level, on_notice=say)


def read_measured(
    claims: str | None, qrels: str | None, reading: ReadOptions, level: Any, *, measures: str | None, seed: int
) -> tuple[list[Query] | None, Judgments, MeasureSettings]:
    """Return what `read_judged` does, and the settings of the measures, by default those that fit the judgments."""
    from claimhound.pipeline.evaluation.evaluating import MeasureSettings
    from claimhound.pipeline.evaluation.evidence_sets import default_measures
    from claimhound.pipeline.evaluation.measures import parse_measures

    chosen = None if measures is None else parse_measures(measures)
    queries, judged = read_judged(claims, qrels, reading, level)
    names = default_measures(judged.evidence_sets) if chosen is None else chosen
    return queries, judged, MeasureSettings(names, judged.evidence_sets, seed)


def claims_of(file: str, reading: ReadOptions = ReadOptions()) -> list[Query]:  # noqa: B008 (frozen)
    """Return the claims of a file, in order, and print the reader's notices."""
    from claimhound.data.readers.claims import read_claims

    notices = Notices()
    claims = list(read_claims(file, reading, notices=notices))
    say_notices(notices)
    return claims


def texts_of_claims(files: Iterable[str], reading: ReadOptions = ReadOptions()) -> list[str]:  # noqa: B008 (frozen)
    """Return the texts of the claims in more files, in order.

    `reading` was given for another file: only the options that fit a file's own format apply to it.
    """
    return [claim.text for file in files for claim in claims_of(file, _fitting(file, reading))]


def texts_to_exclude(names: Iterable[str], reading: ReadOptions) -> list[str]:
    """Return the claims that `exclude_any_option` names: those of files, and of the dev part of labelled sets."""
    from claimhound.data.labelled_sets.stance_sources import StanceSource, is_stance_source, read_stance_source

    texts: list[str] = []
    for name in names:
        if is_stance_source(name):
            labelled = read_stance_source(StanceSource.parse(name, reading.label_names), "dev")
            texts += [pair.claim for pair in labelled.pairs]
        else:
            texts += texts_of_claims([name], reading)
    return texts


def read_judged_beside(claims: str, qrels: str, reading: ReadOptions) -> tuple[list[Query], Judgments]:
    """Return claims and judgments as `read_judged` does; `QRELS@sentence` has the level of sentences.

    `reading` was given for another file: only the options that fit the claims' own format apply.
    """
    own = replace(_fitting(claims, reading), label_names=reading.label_names)
    path = qrels.removesuffix(AT_SENTENCES)
    queries, judged = read_judged(claims, path, own, "document" if path == qrels else "sentence")
    return queries or [], judged


def _fitting(file: str, reading: ReadOptions) -> ReadOptions:
    from claimhound.data.readers.claims import locate_claims

    own = ReadOptions(id_field=reading.id_field, text_field=reading.text_field, encoding=reading.encoding)
    try:
        is_table = locate_claims(file, own).format in ("csv", "tsv")
    except InputError:
        return reading  # the name tells no format, so the one that the user named applies
    return replace(own, columns=reading.columns, delimiter=reading.delimiter) if is_table else own


def read_runs(paths: Iterable[str]) -> dict[str, Run]:
    """Return the runs by file name, or by the whole path if two files have the same name."""
    from claimhound.data.labelled_sets.trec import read_run, tied_queries

    stems = [Path(path).name.split(".")[0] for path in paths]
    runs: dict[str, Run] = {}
    for path, stem in zip(paths, stems, strict=True):
        name = stem if stems.count(stem) == 1 else path
        if name in runs:
            raise click.UsageError(f"the run {path} is named twice")
        runs[name] = read_run(path)
        if tied := tied_queries(runs[name]):
            say(f"claims of {name} with tied scores, ordered as trec_eval does: {len(tied):,} ({first_few(tied)})")
    return runs
