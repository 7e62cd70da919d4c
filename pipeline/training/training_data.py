"""Pair sources read together: what is left out, what is refused, and what a model card says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.pair_sources import PairSource, read_pair_source
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.training.model_card import DataFile, data_file
from claimhound.pipeline.training.negatives.mining import without_claims


@dataclass(frozen=True)
class TrainingData:
    """The pairs of each source, the files that they came from, and how many pairs were left out for their claim."""

    pairs: tuple[tuple[TrainingPair, ...], ...]
    files: tuple[DataFile, ...]
    n_excluded: int

    def all_pairs(self) -> list[TrainingPair]:
        """Return the pairs of all sources, their query ids made different by the source's number."""
        return [
            pair._replace(query_id=f"{number}:{pair.query_id}")
            for number, pairs in enumerate(self.pairs)
            for pair in pairs
        ]


def read_training_data(
    sources: Sequence[PairSource],
    excluded_claims: Iterable[str],
    *,
    purpose: str,
    n_negatives: int = 2,
    seed: int = 42,
    on_stage: Callable[[str], None] = lambda _message: None,
) -> TrainingData:
    """Read the sources without the pairs of `excluded_claims`; `purpose` is what the card says that they are for."""
    excluded = list(excluded_claims)
    pairs, files, n_excluded = [], [], 0
    for source in sources:
        on_stage(f"reading {source}")
        kept, n_left_out = without_claims(read_pair_source(source, n_negatives=n_negatives, seed=seed), excluded)
        n_excluded += n_left_out
        pairs.append(tuple(kept))
        drawn = "" if source.limit is None else f" of {source.limit:,} claims drawn by seed"
        relevant = f", relevant: {', '.join(source.labels)}" if source.labels else ""
        files.append(data_file(source.path, f"{source.kind}: {len(kept):,} {purpose} pairs{drawn}{relevant}"))
    return TrainingData(tuple(pairs), tuple(files), n_excluded)


def refuse_shared_claims(first: Iterable[str], second: Iterable[str], what: str, cure: str) -> None:
    """Raise InputError naming claims that are, by their text, in both; `what` says what the two are."""
    known = {normalize_text(text) for text in second}
    shared = list(dict.fromkeys(text for text in first if normalize_text(text) in known))
    if shared:
        others = f" and {len(shared) - 1:,} more" if len(shared) > 1 else ""
        raise InputError(f"{what}: {shared[0]!r}{others}; {cure}")
