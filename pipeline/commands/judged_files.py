"""Files of claims, judgments and runs: the options that name them, and what reads them."""

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
from claimhound.pipeline.commands.options import combined
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.commands.reading_options import say_notices
from claimhound.pipeline.commands.wording import first_few

if TYPE_CHECKING:
    from claimhound.data.labelled_sets.judgments import Judgments
    from claimhound.data.records import Query, Run

judgment_options = combined(
    click.option(
        "--qrels",
        metavar="FILE",
        help="Judgments: BEIR's TSV, TREC's qrels, or claims with their evidence.  [default: those of --claims]",
    ),
    click.option(
        "--qrels-level",
        type=click.Choice(["document", "sentence"]),
        default="document",
        show_default=True,
        help="What SciFact's evidence stands for: abstracts, or their sentences as ID#N.",
    ),
)
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
    "--exclude-claims", multiple=True, metavar="FILE", help="Claims never to train on, by their text; repeatable."
)


def read_judged(
    claims: str | None, qrels: str | None, reading: ReadOptions, level: Any
) -> tuple[list[Query] | None, Judgments]:
    """Return the claims, if any are named, and the judgments, which stand with the claims or in a file of their own.

    `reading` says how the claims are read, and the judgments where they stand there or there are no claims. What the
    readers noticed is said once. Raises click.UsageError where standard input would have to be read twice.
    """
    from claimhound.data.labelled_sets.judgments import read_judgments
    from claimhound.data.readers.claims import read_claims

    if claims == STDIN and qrels in (None, STDIN):
        raise click.UsageError("standard input can be read only once; name a file of claims or of judgments")
    notices = [Notices(), Notices()]  # one file read for both is noticed once
    of_judgments = ReadOptions(label_names=reading.label_names) if claims and qrels else reading
    queries = None if claims is None else list(read_claims(claims, reading, notices=notices[0]))
    found = read_judgments(qrels or claims or "", of_judgments, level=level, notices=notices[1])
    for line in dict.fromkeys(line for noticed in notices for line in noticed.lines()):
        say(line)
    return queries, found


def claims_of(file: str, reading: ReadOptions = ReadOptions()) -> list[Query]:  # noqa: B008 (frozen)
    """Return the claims of a file, in order; what was noticed in reading is said."""
    from claimhound.data.notices import Notices
    from claimhound.data.readers.claims import read_claims

    notices = Notices()
    claims = list(read_claims(file, reading, notices=notices))
    say_notices(notices)
    return claims


def texts_of_claims(files: Iterable[str], reading: ReadOptions = ReadOptions()) -> list[str]:  # noqa: B008 (frozen)
    """Return the claims of further files, in order.

    Of what the user said of the claims' file only that holds for them which fits each one's own format.
    """
    return [claim.text for file in files for claim in claims_of(file, _fitting(file, reading))]


def _fitting(file: str, reading: ReadOptions) -> ReadOptions:
    from claimhound.data.readers.claims import locate_claims

    own = ReadOptions(id_field=reading.id_field, text_field=reading.text_field, encoding=reading.encoding)
    try:
        is_table = locate_claims(file, own).format in ("csv", "tsv")
    except InputError:
        return reading  # the name tells no format, so that it is the one that the user named
    return replace(own, columns=reading.columns, delimiter=reading.delimiter) if is_table else own


def read_runs(paths: Iterable[str]) -> dict[str, Run]:
    """Return the runs by the names of their files, by the whole path where two files have one name."""
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
