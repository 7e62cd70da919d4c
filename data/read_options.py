"""How to read sources, as given by the user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Format: TypeAlias = Literal["jsonl", "json", "csv", "tsv", "parquet", "text", "hub", "catalogue"]
InputFormat: TypeAlias = Literal["jsonl", "json", "csv", "tsv", "parquet", "text"]
DateOrder: TypeAlias = Literal["dmy", "mdy"]
Part: TypeAlias = Literal["docs", "queries", "qrels"]
"""Which records to read from a source that may contain several kinds."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read sources; an option that is None or empty is detected from the source.

    `id_field`, `text_field` and `date_field` are field names. `date_order` says whether the day or the month comes
    first in `03/04/2021`. `input_format` overrides the file's suffix, `encoding` is a Python encoding name, `delimiter`
    is the character between the cells of a table, and `columns` are the columns of a CSV or TSV file without a header.
    `label_names` are the names of numeric labels, counted from 0. `joins_lines` joins the wrapped lines of plain text.
    """

    id_field: str | None = None
    text_field: str | None = None
    date_field: str | None = None
    date_order: DateOrder | None = None
    input_format: InputFormat | None = None
    encoding: str | None = None
    delimiter: str | None = None
    columns: tuple[str, ...] = field(default=())
    label_names: tuple[str, ...] = field(default=())
    joins_lines: bool = False
