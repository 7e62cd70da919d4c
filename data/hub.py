"""Records out of Hugging Face data sets, streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from data.errors import InputError
from data.notices import Notices
from data.plain_values import plain_record
from data.raw_record import RawRecord
from data.rejects import Reject
from data.sources import Source, parse_hub_name


def read_hub(source: Source, reject: Reject, notices: Notices) -> Iterator[RawRecord]:
    """Give the records of `hf:NAME[@CONFIG][:SPLIT]`, numbered from 1; NAME may be a folder of data files.

    The split may be left out where there is one only. Values are turned into JSON's as for Parquet. Raises InputError
    where the data set, the configuration or the split is not there, or there is no network to fetch it over.
    """
    import datasets

    name, config, split = parse_hub_name(source.name)
    try:
        loaded = datasets.load_dataset(name, config, split=split, streaming=True)
        rows: Iterable[dict[str, Any]] = loaded if split else _only_split(source, loaded)
        for number, row in enumerate(rows, 1):
            record = plain_record(source, number, row, reject, notices)
            if record is not None:
                yield record
    # RuntimeError is what a data set with a loading script gives; the Hub's own errors are OSErrors.
    except (datasets.exceptions.DatasetsError, OSError, ValueError, RuntimeError) as error:
        lines = str(error).strip().splitlines()
        raise InputError(f"{source.name}: cannot be loaded: {lines[0] if lines else type(error).__name__}") from error


def _only_split(source: Source, splits: dict[str, Iterable[dict[str, Any]]]) -> Iterable[dict[str, Any]]:
    if len(splits) == 1:
        return next(iter(splits.values()))
    raise InputError(f"{source.name}: has the splits {', '.join(sorted(splits))}; add :SPLIT to name one")
