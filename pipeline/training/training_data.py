"""Training pairs read from several sources, without excluded claims, and described for the model card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.pair_sources import PairSource, read_pair_source
from claimhound.data.labelled_sets.splits import without_claims
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.serving.compute import Notify
from claimhound.pipeline.training.model_card import DataFile, data_file


@dataclass(frozen=True)
class PairSources:
    """Sources of pairs by purpose, and the claims never to train on: those to measure on."""

    training: Sequence[PairSource] = ()
    pretraining: Sequence[PairSource] = ()
    validation: Sequence[PairSource] = ()
    excluded_claims: Sequence[str] = ()


@dataclass(frozen=True)
class TrainingData:
    """The pairs of each source, the files they came from, and the number of pairs left out because of their claim."""

    pairs: tuple[tuple[TrainingPair, ...], ...]
    files: tuple[DataFile, ...]
    n_excluded: int

    def all_pairs(self) -> list[TrainingPair]:
        """Return the pairs of all sources; the source's number keeps their query ids apart."""
        return [
            pair._replace(query_id=f"{number}:{pair.query_id}")
            for number, pairs in enumerate(self.pairs)
            for pair in pairs
        ]

    def without(self, claims: Iterable[str]) -> TrainingData:
        """Return the data without the pairs of these claims, which count as left out."""
        sides = [without_claims(pairs, claims, claim_of_pair) for pairs in self.pairs]
        n_left_out = sum(len(left_out) for _, left_out in sides)
        return TrainingData(tuple(tuple(kept) for kept, _ in sides), self.files, self.n_excluded + n_left_out)


def claim_of_pair(pair: TrainingPair) -> str:
    """Return the claim of a pair."""
    return pair.query


def read_training_data(
    sources: Sequence[PairSource],
    excluded_claims: Iterable[str],
    *,
    purpose: str,
    n_negatives: int = 2,
    seed: int,
    notify: Notify,
) -> TrainingData:
    """Read the sources without the pairs of `excluded_claims`; the card names `purpose`, such as `training`."""
    excluded = list(excluded_claims)
    pairs, files, n_excluded = [], [], 0
    for source in sources:
        notify(f"reading {source}")
        read = read_pair_source(source, n_negatives=n_negatives, seed=seed)
        kept, left_out = without_claims(read, excluded, claim_of_pair)
        n_excluded += len(left_out)
        pairs.append(tuple(kept))
        drawn = "" if source.limit is None else f" of {source.limit:,} claims drawn by seed"
        relevant = f", relevant: {', '.join(source.labels)}" if source.labels else ""
        files.append(data_file(source.path, f"{source.kind}: {len(kept):,} {purpose} pairs{drawn}{relevant}"))
    return TrainingData(tuple(pairs), tuple(files), n_excluded)


def refuse_shared_claims(first: Iterable[str], second: Iterable[str], what: str, cure: str) -> None:
    """Raise InputError if a claim, compared as normalised text, is in both; the message starts with `what`."""
    known = {normalize_text(text) for text in second}
    shared = list(dict.fromkeys(text for text in first if normalize_text(text) in known))
    if shared:
        others = f" and {len(shared) - 1:,} more" if len(shared) > 1 else ""
        raise InputError(f"{what}: {shared[0]!r}{others}; {cure}")
