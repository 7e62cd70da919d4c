"""Sources of records: the name that a user typed, resolved to a file, a stream or a named data set."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from claimhound.data.disk.file_systems import readable_name
from claimhound.data.errors import InputError
from claimhound.data.formats.delimiters import parse_delimiter
from claimhound.data.formats.encodings import require_encoding
from claimhound.data.formats.saved_sets import saved_splits
from claimhound.data.read_options import Format, ReadOptions

Compression: TypeAlias = Literal["gz", "xz", "zst"]

STDIN = "-"
HUB_PREFIX = "hf:"
CATALOGUE_PREFIX = "ir_datasets:"

_FORMATS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".txt": "text",
}
_COMPRESSIONS: dict[str, Compression] = {".gz": "gz", ".xz": "xz", ".zst": "zst"}
READABLE = ".jsonl, .ndjson, .json, .csv, .tsv, .txt (each also .gz, .xz, .zst) and .parquet"


@dataclass(frozen=True, slots=True)
class Source:
    """A place to read from; `name` is shown in errors, `stem` begins the ids of records that have none.

    `path` is None for standard input and for data sets of the Hub or of ir_datasets. `columns` are the columns of a CSV
    or TSV file without a header, empty if it has one. `encoding` and `delimiter` are given by the user, None to detect
    them. `is_named_format` says that the user named the format, `joins_lines` joins the wrapped lines of plain text.
    """

    name: str
    stem: str
    path: Path | None
    format: Format
    compression: Compression | None = None
    columns: tuple[str, ...] = ()
    encoding: str | None = None
    delimiter: str | None = None
    is_named_format: bool = False
    joins_lines: bool = False


def locate(source: str | Path, options: ReadOptions = ReadOptions(), *, folder_file: str) -> Source:  # noqa: B008 (frozen)
    """Return the source that a user named; its format follows from the suffix of the file.

    The name is a file, a folder that contains `folder_file` (plain or compressed), `-` for standard input (one text per
    line), `hf:NAME[@CONFIG][:SPLIT]`, or `ir_datasets:ID`. A file is looked up but not opened.

    Raises InputError for a missing file, an unknown suffix, a folder with none or several of these files, columns or a
    delimiter for a source that is not CSV or TSV, and an invalid encoding or delimiter.
    """
    located = _located(source, options, folder_file)
    if located.format not in ("csv", "tsv"):
        for given, what in ((options.columns, "columns"), (options.delimiter, "a delimiter")):
            if given:
                fix = "; if it is one, add --input-format csv" if located.format == "text" else ""
                raise InputError(f"{located.name}: not a CSV or TSV file, and only these have {what}{fix}")
    try:
        delimiter = None if options.delimiter is None else parse_delimiter(options.delimiter)
        if options.encoding is not None:
            require_encoding(options.encoding)
    except ValueError as error:
        raise InputError(str(error)) from error
    return replace(
        located,
        columns=options.columns,
        encoding=options.encoding,
        delimiter=delimiter,
        is_named_format=options.input_format is not None,
        joins_lines=options.joins_lines,
    )


def _located(source: str | Path, options: ReadOptions, folder_file: str) -> Source:
    name = str(source)
    if name == STDIN:
        if options.input_format == "parquet":
            raise InputError(f"{STDIN}: Parquet cannot be read from standard input; give a file")
        return Source(name=STDIN, stem="stdin", path=None, format=options.input_format or "text")
    data_set = _data_set(name)
    if data_set is not None:
        return data_set
    path = _existing(name)
    if saved_splits(path) is not None:
        return Source(name=name, stem=_id_stem(path.name), path=path, format="hub")
    if path.is_dir():
        path = find_in_folder(path, folder_file)
    suffix, compression = _suffixes(path.name)
    if suffix not in _FORMATS and path.is_symlink():
        suffix, compression = _suffixes(path.resolve().name)
    file_format = options.input_format or _FORMATS.get(suffix)
    if file_format is None:
        raise InputError(
            f"{path}: cannot read a file with suffix {suffix!r}; supported are {READABLE}; "
            "for other names, give --input-format"
        )
    if file_format == "parquet" and not path.is_file():
        raise InputError(f"{path}: Parquet cannot be read from a pipe; give a file")
    return _file_source(path, file_format, compression)


def _suffixes(file_name: str) -> tuple[str, Compression | None]:
    """Return the suffix of the format, in lower case, and the compression of a file name."""
    plain, compression = split_compression(file_name)
    return Path(plain).suffix.lower(), compression


def known_as(source: Source, name: str) -> Source:
    """Return a file's source as if the file had this name: in errors, and in the ids of records that have none."""
    return replace(source, name=name, stem=_id_stem(Path(split_compression(name)[0]).stem))


def locate_text(source: str | Path, formats: Collection[Format] = ()) -> Source:
    """Return the source of a text file with any suffix (runs and judgments have all kinds), or of `-`.

    The format is one of `formats` if the suffix, or the prefix of a data set, says so; `text` otherwise. Raises
    InputError for a missing file or a folder.
    """
    name = str(source)
    if name == STDIN:
        return Source(name=STDIN, stem="stdin", path=None, format="text")
    data_set = _data_set(name)
    if data_set is not None and data_set.format in formats:
        return data_set
    path = _existing(name)
    if "hub" in formats and saved_splits(path) is not None:
        return Source(name=name, stem=_id_stem(path.name), path=path, format="hub")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give a file")
    plain, compression = split_compression(path.name)
    file_format = _FORMATS.get(Path(plain).suffix.lower(), "text")
    return _file_source(path, file_format if file_format in formats else "text", compression)


def parse_hub_name(word: str) -> tuple[str, str | None, str | None]:
    """Return (name, configuration, split) of `hf:NAME[@CONFIG][:SPLIT]`, None for a part that is not given.

    Raises InputError for an empty part.
    """
    rest, colon, split = word.removeprefix(HUB_PREFIX).partition(":")
    name, at, config = rest.partition("@")
    if not name or (colon and not split) or (at and not config):
        raise InputError(f"{word}: must have the form {HUB_PREFIX}NAME[@CONFIG][:SPLIT]")
    return name, config or None, split or None


def parse_catalogue_name(word: str) -> str:
    """Return the id of `ir_datasets:ID`; raises InputError if it is empty."""
    data_set = word.removeprefix(CATALOGUE_PREFIX)
    if not data_set.strip("/ "):
        raise InputError(f"{word}: must have the form {CATALOGUE_PREFIX}ID, as in {CATALOGUE_PREFIX}beir/climate-fever")
    return data_set


def split_compression(file_name: str) -> tuple[str, Compression | None]:
    """Return the file name without .gz, .xz or .zst, and its compression."""
    suffix = Path(file_name).suffix
    compression = _COMPRESSIONS.get(suffix.lower())
    return (file_name, None) if compression is None else (file_name[: -len(suffix)], compression)


def find_in_folder(folder: Path, file_name: str) -> Path:
    """Return the file with this name in a folder, plain or compressed; raises InputError for none or several."""
    found = [path for suffix in ("", *_COMPRESSIONS) if (path := folder / f"{file_name}{suffix}").is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{folder}: contains {', '.join(path.name for path in found)}; name one of these files")
    stem, suffix = Path(file_name).stem, Path(file_name).suffix
    near = sorted(path.name for path in folder.glob(f"{stem}*{suffix}*") if path.is_file())
    hint = f"; it contains {', '.join(near)}; name one of these files" if near else ""
    if not near and any(folder.glob("*.parquet")):
        hint = f"; to read its Parquet files together, give {HUB_PREFIX}{folder}, or name one of them"
    raise InputError(f"{folder}: is a folder without {file_name} (plain, .gz, .xz or .zst){hint}")


def _data_set(name: str) -> Source | None:
    """Return the data set that the name's prefix stands for, or None without a prefix."""
    if name.startswith(HUB_PREFIX):
        data_set, _, _ = parse_hub_name(name)
        return Source(name=name, stem=_last_part(data_set), path=None, format="hub")
    if name.startswith(CATALOGUE_PREFIX):
        return Source(name=name, stem=_last_part(parse_catalogue_name(name)), path=None, format="catalogue")
    return None


def _last_part(data_set: str) -> str:
    return _id_stem(data_set.rstrip("/").rsplit("/", 1)[-1])


def _file_source(path: Path, file_format: Format, compression: Compression | None) -> Source:
    if file_format == "parquet" and compression is not None:
        raise InputError(f"{path}: Parquet files are compressed internally; decompress the .{compression} file first")
    return Source(str(path), _id_stem(Path(split_compression(path.name)[0]).stem), path, file_format, compression)


def _existing(name: str) -> Path:
    path = Path(name)
    try:
        found = path.exists()
    except OSError as error:  # a name that is too long, or no permission
        raise InputError(f"{name!r}: not a usable path: {error.strerror}") from error
    if not found:
        raise InputError(
            f"{name}: no such file or folder; supported are {READABLE}, BEIR folders, "
            f"{HUB_PREFIX}NAME[@CONFIG][:SPLIT] and {CATALOGUE_PREFIX}ID"
        )
    return path


def _id_stem(stem: str) -> str:
    """Join the words of a file name, since ids in TREC files cannot contain white space."""
    return "_".join(readable_name(stem).split()) or "_"
