"""Answers on standard output, in every format."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from claimhound.pipeline.commands.output import print_text, say, use_utf8

if TYPE_CHECKING:
    from claimhound.pipeline.search.results import ClaimEvidence


def print_answers(answers: Iterable[ClaimEvidence], output_format: str, *, explain: bool, several: bool) -> None:
    """Print each answer as soon as it is ready; with `several`, JSON is an array even for one answer."""
    from claimhound.pipeline.search.answer_json import as_json
    from claimhound.pipeline.search.answer_tsv import TSV_COLUMNS, as_tsv_lines

    if output_format == "table":
        print_tables(answers, explain=explain)
        return
    use_utf8()
    if output_format == "tsv":
        print_text("\t".join(TSV_COLUMNS))
        for answer in answers:
            for line in as_tsv_lines(answer):
                print_text(line)
            _say_notes(answer)
    elif output_format == "jsonl":
        for answer in answers:
            print_text(as_json(answer, indent=None))
    elif several:
        _print_json_array(as_json(answer) for answer in answers)
    else:
        for answer in answers:
            print_text(as_json(answer))


def print_tables(answers: Iterable[ClaimEvidence], *, explain: bool = False) -> None:
    """Print a human-readable table for each answer."""
    from claimhound.pipeline.commands.answer_table import as_table

    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    for answer in answers:
        print_text(as_table(answer, explain=explain, is_terminal=is_terminal) + "\n")


def _say_notes(answer: ClaimEvidence) -> None:
    """Print an answer's notes to standard error, for formats that have no place for them."""
    for note in answer.notes:
        say(f"{answer.claim}: {note}")


def _print_json_array(items: Iterator[str]) -> None:
    """Print each item as soon as it is ready; the array is closed even after an error."""
    separator = "["
    try:
        for item in items:
            print_text(f"{separator}\n{item}")
            separator = ","
    finally:
        print_text("[]" if separator == "[" else "]")
