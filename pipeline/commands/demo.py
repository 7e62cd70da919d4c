"""`demo`: index the bundled sample and answer three claims."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from claimhound.data.bundled import sample_dir
from claimhound.pipeline.commands.answers import print_tables
from claimhound.pipeline.commands.options import count_option
from claimhound.pipeline.commands.output import print_text, say
from claimhound.pipeline.serving.compute import Compute

CLAIMS = (
    "The MMR jab gives children autism.",
    "The oceans have come up about eight inches since 1900.",
    "You can see the Great Wall of China from the Moon.",
)


@click.command()
@count_option("-k", 3, "Number of pieces of evidence per claim.")
def demo(k: int) -> None:
    """Index the bundled sample and answer three claims."""
    from claimhound.api import build_index
    from claimhound.pipeline.search.opening import open_pipeline

    compute = Compute("cpu", notify=say)
    with tempfile.TemporaryDirectory(prefix="claimhound-demo-") as scratch:
        index_dir = Path(scratch) / "index"
        report = build_index(sample_dir() / "evidence.jsonl", index_dir, compute=compute)
        say(f"indexed {report.n_read} sentences of the bundled sample")
        print_tables(open_pipeline(index_dir, compute=compute).find_evidence(CLAIMS, k))
    print_text(
        "Now with your own corpus (one sentence per line, or JSONL with a text field):\n"
        "  claimhound index build corpus.jsonl --index my-index\n"
        '  claimhound search "a claim" --index my-index'
    )
