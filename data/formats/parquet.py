"""Records of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator

from claimhound.data.errors import InputError, first_line
from claimhound.data.formats.label_names import features_of, with_label_names
from claimhound.data.formats.plain_values import plain_record
from claimhound.data.formats.raw_record import RawRecord
from claimhound.data.formats.sources import Source


def read_parquet(source: Source) -> Iterator[RawRecord]:
    """Yield one record for each row, numbered from 1; times become ISO 8601, nulls and NaN are left out.

    Numeric labels become their names from the file's Hugging Face features. Raises InputError for a damaged file.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(source.path) as table:
            number = 0
            named = with_label_names(features_of(table.schema_arrow.metadata))
            for batch in table.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    yield plain_record(number, named(row))
    except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{source.name}: damaged or not a Parquet file: {first_line(error)}") from error
