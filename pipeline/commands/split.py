"""`split`: hold claims out, to measure and calibrate on what no model learns."""

from __future__ import annotations

from pathlib import Path

import click

from claimhound.data.errors import InputError
from claimhound.data.read_options import ReadOptions
from claimhound.data.text.wording import counted
from claimhound.pipeline.commands.judged_files import claims_of, exclude_option, texts_of_claims
from claimhound.pipeline.commands.options import path_option, seed_option
from claimhound.pipeline.commands.output import print_text
from claimhound.pipeline.commands.reading_options import claim_reading_options


@click.command("split", short_help="Hold claims out of a training.")
@click.argument("claims", metavar="CLAIMS")
@claim_reading_options
@path_option("--output", "output_path", "FILE", "JSONL file of the claims held out.", required=True)
@click.option(
    "--share",
    default=0.1,
    show_default=True,
    metavar="X",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of the distinct claims to hold out.",
)
@exclude_option
@seed_option("Seed of the draw.", default=42)
def split(
    claims: str,
    output_path: Path,
    share: float,
    exclude_claims: tuple[str, ...],
    seed: int,
    reading: ReadOptions,
) -> None:
    """Draw claims to hold out of a training, so that probabilities can be fitted to them and models measured on them.

    The draw depends on the seed and the claims' texts alone; with the same share, seed and --exclude-claims it is that
    of `train reranker`. Pass the file to --exclude-claims of a training, and to --claims of `calibrate`.
    """
    from claimhound.data.labelled_sets.claim_files import write_claims
    from claimhound.data.labelled_sets.splits import split_by_claim, without_claims

    if output_path.exists() and Path(claims).exists() and output_path.samefile(claims):
        raise InputError(f"{output_path}: is the file of all claims; name another for those held out")
    excluded = texts_of_claims(exclude_claims, reading)
    used, _ = without_claims(claims_of(claims, reading), excluded, lambda claim: claim.text)
    kept, held_out = split_by_claim(used, share, seed)
    if not held_out:
        raise InputError(f"{claims}: {counted(len(used), 'claim')} cannot be split; two distinct ones are needed")
    write_claims(held_out, output_path)
    print_text(f"{output_path}: {counted(len(held_out), 'claim')} held out, {len(kept):,} left")
