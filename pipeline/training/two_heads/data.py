"""What a model with two heads learns from: judged pairs, labelled sets and a teacher's logits, as one kind of pair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.pair_sources import PairSource
from claimhound.data.labelled_sets.splits import without_claims
from claimhound.data.labelled_sets.stance_sources import StanceSource
from claimhound.data.labelled_sets.taught_pairs import TaughtPair, of_relevance, of_stance, read_taught_pairs
from claimhound.pipeline.serving.compute import Notify
from claimhound.pipeline.training.model_card import DataFile, data_file
from claimhound.pipeline.training.stance.data import read_stance_data
from claimhound.pipeline.training.training_data import read_training_data


@dataclass(frozen=True)
class TwoHeadSources:
    """What to learn: judged pairs, labelled sets and files of `claimhound teach`, and the claims never to train on."""

    relevance: Sequence[PairSource] = ()
    stance: Sequence[StanceSource] = ()
    taught: Sequence[Path] = ()
    excluded_claims: Sequence[str] = ()


@dataclass(frozen=True)
class TwoHeadSet:
    """The pairs of one source, with a short name; see `StanceSet` for `tells_refuted`."""

    name: str
    path: Path
    pairs: Sequence[TaughtPair]
    tells_refuted: bool = True


class TwoHeadData(NamedTuple):
    """The pairs of each source, the files they came from, and the number of pairs left out because of their claim."""

    sets: list[TwoHeadSet]
    files: list[DataFile]
    n_excluded: int

    def all_pairs(self) -> list[TaughtPair]:
        """Return the pairs of all sources."""
        return [pair for one in self.sets for pair in one.pairs]


def read_two_head_data(sources: TwoHeadSources, *, seed: int, notify: Notify) -> TwoHeadData:
    """Read the sources without the pairs of the excluded claims.

    Raises InputError for a labelled set whose name marks it as one to measure on, before any is read, and for a source
    that has no pair to learn.
    """
    excluded = sources.excluded_claims
    # First, since it refuses a set to measure on before it reads any.
    stance = read_stance_data(sources.stance, excluded, seed=seed, notify=notify)
    judged = read_training_data(sources.relevance, excluded, purpose="relevance", seed=seed, notify=notify)
    taught = _read_taught(sources.taught, excluded, notify)
    sets = [
        *(
            TwoHeadSet(_short_name(source.path), source.path, [of_relevance(pair) for pair in pairs])
            for source, pairs in zip(sources.relevance, judged.pairs, strict=True)
        ),
        *(
            TwoHeadSet(one.name, source.path, [of_stance(pair) for pair in one.pairs], one.tells_refuted)
            for source, one in zip(sources.stance, stance.sets, strict=True)
        ),
        *taught.sets,
    ]
    for one in sets:
        if not one.pairs:
            raise InputError(f"{one.path}: has no pair to learn: all of its claims are excluded; leave the file out")
    files = [*judged.files, *stance.files, *taught.files]
    return TwoHeadData(sets, files, judged.n_excluded + stance.n_excluded + taught.n_excluded)


def refuse_single_labels(sets: Iterable[TwoHeadSet]) -> None:
    """Raise InputError for a set with the same label on every pair.

    A model would learn to recognise the set, not what the label means. A teacher tells its pairs apart, whatever their
    labels.
    """
    for one in sets:
        if any(pair.teacher is not None for pair in one.pairs):
            continue
        stances = {pair.stance for pair in one.pairs}
        if len(stances) == 1 and None not in stances:
            raise InputError(
                f"{one.path}: all {len(one.pairs):,} pairs are {stances.pop()}; join it with pairs of other stances "
                "in one file, or leave it out"
            )
        kinds = {pair.is_relevant for pair in one.pairs} - {None}
        if len(kinds) == 1:
            word = "relevant; `evidence:FILE` draws others for them" if kinds.pop() else "not relevant"
            raise InputError(f"{one.path}: all {len(one.pairs):,} pairs are {word}")


def _read_taught(paths: Iterable[Path], excluded: Sequence[str], notify: Notify) -> TwoHeadData:
    """Return the pairs of a teacher's files without excluded claims."""
    sets, files, n_excluded = [], [], 0
    for path in paths:
        notify(f"reading {path}")
        kept, left_out = without_claims(read_taught_pairs(path), excluded, lambda pair: pair.claim)
        sets.append(TwoHeadSet(_short_name(path), path, kept))
        dropped = f"; {len(left_out):,} left out" if left_out else ""
        files.append(data_file(path, f"{len(kept):,} pairs with a teacher's logits{dropped}"))
        notify(f"{sets[-1].name}: {files[-1].gave}")
        n_excluded += len(left_out)
    return TwoHeadData(sets, files, n_excluded)


def _short_name(path: Path) -> str:
    return f"{path.absolute().parent.name}/{path.name.partition('.')[0]}"
