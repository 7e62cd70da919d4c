"""Records out of the catalogue of the library ir_datasets, which fetches a data set when it is first read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal, TypeAlias

from claimhound.data.errors import InputError, first_line
from claimhound.data.extras import require
from claimhound.data.formats.plain_values import plain_record
from claimhound.data.formats.raw_record import RawRecord
from claimhound.data.formats.sources import Source, parse_catalogue_name
from claimhound.data.notices import Notices
from claimhound.data.rejects import Reject

CataloguePart: TypeAlias = Literal["docs", "queries", "qrels"]
_NAMES: dict[CataloguePart, str] = {"docs": "documents", "queries": "queries", "qrels": "judgments"}


def read_catalogue(
    source: Source, reject: Reject, part: CataloguePart, text_names: Collection[str], notices: Notices
) -> Iterator[RawRecord]:
    """Give the documents, queries or judgments of `ir_datasets:ID`, numbered from 1, with the library's field names.

    A document or query that has none of `text_names` gets a field `text`: what the library takes for its text. Values
    are turned into JSON's as for Parquet; so bytes, such as a page as it was fetched, are left out.

    Raises InputError, in one line, where the library is not installed, does not know the id or does not have this part
    of it, and where the data set cannot be fetched or read.
    """
    require("ir_datasets", "ir-datasets", source.name)
    import ir_datasets

    try:
        data_set = ir_datasets.load(parse_catalogue_name(source.name))
    except KeyError as error:
        raise InputError(f"{source.name}: ir_datasets {ir_datasets.__version__} has no data set of that id") from error
    if not data_set.has(part):
        there = [name for other, name in _NAMES.items() if data_set.has(other)]
        raise InputError(f"{source.name}: has no {_NAMES[part]}; it has {' and '.join(there) or 'only parts'}")
    try:
        for number, entry in enumerate(getattr(data_set, f"{part}_iter")(), 1):
            fields = entry._asdict()
            if part != "qrels" and not any(name in fields for name in text_names):
                fields["text"] = entry.default_text()
            yield plain_record(source, number, fields, reject, notices)
    # No network is an OSError, a failed checksum or a damaged file a RuntimeError or ValueError; ImportError is for
    # the libraries that a few sets need beside their own.
    except (OSError, EOFError, ValueError, RuntimeError, ImportError) as error:
        raise InputError(f"{source.name}: cannot be loaded: {first_line(error)}") from error
