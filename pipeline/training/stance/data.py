"""Labelled sets of stances read for training, without excluded claims, and described for the model card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from claimhound.data.labelled_sets.splits import without_claims
from claimhound.data.labelled_sets.stance_sources import StanceSource, read_stance_source
from claimhound.data.labelled_sets.stances import StancePair, StanceSet
from claimhound.pipeline.evaluation.stance import label_counts
from claimhound.pipeline.serving.compute import Notify
from claimhound.pipeline.training.model_card import DataFile, data_file


class StanceData(NamedTuple):
    """The pairs of each set, the files they came from, and the number of pairs left out because of their claim."""

    sets: list[StanceSet]
    files: list[DataFile]
    n_excluded: int


def read_stance_data(
    sources: Sequence[StanceSource], excluded_claims: Iterable[str], *, seed: int, notify: Notify
) -> StanceData:
    """Read the sources without the pairs of `excluded_claims`.

    Raises InputError for a file whose name marks it as one to measure on, before any is read.
    """
    for source in sources:
        source.require_trainable()
    excluded = list(excluded_claims)
    sets, files, n_excluded = [], [], 0
    for source in sources:
        notify(f"reading {source.kind} {source.path}")
        found = read_stance_source(source, "train", seed=seed)
        kept, left_out = without_claims(found.pairs, excluded, claim_of)
        sets.append(replace(found, pairs=kept))
        counts = ", ".join(f"{n:,} {stance}" for stance, n in label_counts(sets[-1]).items())
        what = "sentences" if source.kind == "counterfactual" else "claims"
        drawn = "" if source.limit is None else f" of {source.limit:,} {what} drawn by seed"
        dropped = f"; {len(left_out):,} left out" if left_out else ""
        files.append(data_file(source.path, f"{found.name}: {len(kept):,} pairs{drawn} ({counts}){dropped}"))
        n_excluded += len(left_out)
        notify(files[-1].gave)
    return StanceData(sets, files, n_excluded)


def claim_of(pair: StancePair) -> str:
    """Return the claim of a pair."""
    return pair.claim
