"""`demo`: the main job on the bundled sample."""

from __future__ import annotations

import click

from claimhound.pipeline.commands.answers import print_tables
from claimhound.pipeline.commands.options import count_option
from claimhound.pipeline.commands.output import print_text, say


@click.command()
@count_option("-k", 3, "Pieces of evidence for each claim.")
def demo(k: int) -> None:
    """Index the bundled sample and answer three claims."""
    from claimhound.pipeline.commands.demo_job import run_demo

    print_tables(run_demo(k, say))
    print_text(
        "Now with your own corpus (a sentence a line, or JSONL with a text field):\n"
        "  claimhound index build corpus.jsonl --index my-index\n"
        '  claimhound search "a claim" --index my-index'
    )
