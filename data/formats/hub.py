"""Records of Hugging Face data sets, streamed."""

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
    """Yield the records of `hf:NAME[@CONFIG][:SPLIT]`, numbered from 1.

    NAME may be a folder of data files, or one written by `save_to_disk`, which is memory-mapped. The split may be
    omitted if there is only one. Numeric labels become their names from the data set's features; all other values are
    converted to JSON as for Parquet. Raises InputError if the data set, configuration or split does not exist, or
    without a network.
    """
    import datasets
    import pyarrow

    try:
        rows = _rows(source)
        features = rows.features
        named = with_label_names(None if features is None else features.to_dict())
        for number, row in enumerate(rows, 1):
            yield plain_record(number, named(row))
    # A data set with a loading script raises RuntimeError; the Hub's own errors are OSErrors.
    except (datasets.exceptions.DatasetsError, pyarrow.ArrowException, OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{source.name}: cannot be loaded: {first_line(error)}") from error


class _Named(NamedTuple):
    name: str
    config: str | None
    split: str | None


def _named(source: Source) -> _Named:
    """Return the parts of the source's name; the name of an existing folder may contain `@` and `:`."""
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
    """Return the rows of the requested split, with their `features`, which may be None."""
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
        raise InputError(f"{source.name}: is a saved data set, which has no configurations; remove @{config}")
    if not splits:
        rows: Any = datasets.load_from_disk(name)
        if split not in (None, str(rows.split)):
            raise InputError(f"{source.name}: is a saved data set without splits; remove :{split}")
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
