"""Records of the ir_datasets catalogue; the library downloads a data set when it is first read."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from claimhound.data.errors import InputError, first_line
from claimhound.data.extras import require
from claimhound.data.formats.plain_values import plain_record
from claimhound.data.formats.raw_record import RawRecord
from claimhound.data.formats.sources import Source, parse_catalogue_name
from claimhound.data.read_options import Part

_NAMES: dict[Part, str] = {"docs": "documents", "queries": "queries", "qrels": "judgments"}


def read_catalogue(source: Source, part: Part, text_names: Collection[str]) -> Iterator[RawRecord]:
    """Yield the documents, queries or judgments of `ir_datasets:ID`, numbered from 1, with the library's field names.

    A document or query without any of `text_names` gets a field `text` with the library's default text. Values are
    converted to JSON as for Parquet, so bytes, such as a raw web page, are left out.

    Raises InputError if the library is not installed, does not know the id, or does not have this part of the data set,
    and if the data set cannot be downloaded or read.
    """
    require("ir_datasets", "ir-datasets", source.name)
    import ir_datasets

    try:
        data_set = ir_datasets.load(parse_catalogue_name(source.name))
    except KeyError as error:
        raise InputError(f"{source.name}: not a data set of ir_datasets {ir_datasets.__version__}") from error
    if not data_set.has(part):
        there = [name for other, name in _NAMES.items() if data_set.has(other)]
        raise InputError(f"{source.name}: has no {_NAMES[part]}; it has {' and '.join(there) or 'only subsets'}")
    try:
        for number, entry in enumerate(getattr(data_set, f"{part}_iter")(), 1):
            fields = entry._asdict()
            if part != "qrels" and not any(name in fields for name in text_names):
                fields["text"] = entry.default_text()
            yield plain_record(number, fields)
    # OSError: no network; RuntimeError and ValueError: a wrong checksum or a damaged file; ImportError: a library that
    # a few data sets need in addition.
    except (OSError, EOFError, ValueError, RuntimeError, ImportError) as error:
        raise InputError(f"{source.name}: cannot be loaded: {first_line(error)}") from error
