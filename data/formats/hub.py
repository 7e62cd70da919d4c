"""Records out of Hugging Face data sets, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from claimhound.data.errors import InputError, first_line
from claimhound.data.formats.label_names import with_label_names
from claimhound.data.formats.plain_values import plain_record
from claimhound.data.formats.raw_record import RawRecord
from claimhound.data.formats.saved_sets import saved_splits
from claimhound.data.formats.sources import HUB_PREFIX, Source, parse_hub_name


def read_hub(source: Source) -> Iterator[RawRecord]:
    """Give the records of `hf:NAME[@CONFIG][:SPLIT]`, numbered from 1.

    NAME may be a folder of data files, or one that `save_to_disk` wrote, which is mapped into memory. The split may be
    left out where there is one only. Numbers that the features call labels become their names; all other values are
    turned into JSON's as for Parquet. Raises InputError where the data set, the configuration or the split is not
    there, or there is no network to fetch it over.
    """
    import datasets
    import pyarrow

    try:
        rows = _rows(source)
        features = rows.features
        named = with_label_names(None if features is None else features.to_dict())
        for number, row in enumerate(rows, 1):
            yield plain_record(number, named(row))
    # RuntimeError is what a data set with a loading script gives; the Hub's own errors are OSErrors.
    except (datasets.exceptions.DatasetsError, pyarrow.ArrowException, OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{source.name}: cannot be loaded: {first_line(error)}") from error


class _Named(NamedTuple):
    name: str
    config: str | None
    split: str | None


def _named(source: Source) -> _Named:
    """Return what the source's word names; the name of a folder that is there may hold `@` and `:`."""
    if source.path is not None:
        return _Named(str(source.path), None, None)
    word = source.name.removeprefix(HUB_PREFIX)
    head, _, tail = word.rpartition(":")
    for name, split in ((word, None), (head, tail)):
        folder = Path(name).expanduser()
        if name and folder.is_dir():
            return _Named(str(folder), None, split)
    return _Named(*parse_hub_name(source.name))


def _rows(source: Source) -> Any:
    """Return the rows of the one split that is meant, with their `features`, which may be None."""
    import datasets

    name, config, split = _named(source)
    splits = saved_splits(Path(name))
    if splits is not None:
        return _saved_rows(source, _Named(name, config, split), splits)
    loaded = datasets.load_dataset(name, config, split=split, streaming=True)
    if split:
        return loaded
    if len(loaded) == 1:
        return next(iter(loaded.values()))
    raise InputError(f"{source.name}: has the splits {', '.join(sorted(loaded))}; {_add_split(source)}")


def _saved_rows(source: Source, named: _Named, splits: list[str]) -> Any:
    import datasets

    name, config, split = named
    if config is not None:
        raise InputError(f"{source.name}: is a saved data set, which has no configurations; leave out @{config}")
    if not splits:
        rows: Any = datasets.load_from_disk(name)
        if split not in (None, str(rows.split)):
            raise InputError(f"{source.name}: is one saved data set without splits; leave out :{split}")
        return rows
    if split is None and len(splits) == 1:
        split = splits[0]
    if split not in splits:
        what = _add_split(source) if split is None else f"it has no {split}"
        raise InputError(f"{source.name}: has the splits {', '.join(sorted(splits))}; {what}")
    return datasets.load_from_disk(str(Path(name) / split))


def _add_split(source: Source) -> str:
    if source.path is None:
        return "add :SPLIT to name one"
    return f"name one as in {HUB_PREFIX}{source.name}:SPLIT"
