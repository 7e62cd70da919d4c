"""What a user says of how sources are to be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Format: TypeAlias = Literal["jsonl", "json", "csv", "tsv", "parquet", "text", "hub", "catalogue"]
InputFormat: TypeAlias = Literal["jsonl", "json", "csv", "tsv", "parquet", "text"]
DateOrder: TypeAlias = Literal["dmy", "mdy"]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How sources are read; what is None or empty is found out from the source itself.

    `id_field`, `text_field` and `date_field` name the fields of those. `date_order` says how `03/04/2021` is meant, day
    or month first. `input_format` comes before a file's suffix, `encoding` is Python's name of one, `delimiter` is the
    character between the cells of a table, and `columns` are those of a CSV or TSV file that has no header line.
    `label_names` are the names of labels that stand as whole numbers from 0. With `joins_lines` the
    wrapped lines of a plain text are one text.
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
