"""Uploaded files: a name that is safe to show, a name that is safe on disk, and a size that is known before reading."""

from __future__ import annotations

import unicodedata
from pathlib import Path, PurePath

from claimhound.data.errors import InputError
from claimhound.data.formats.sources import known_as, locate, split_compression
from claimhound.data.formats.streams import open_stream
from claimhound.pipeline.server.jobs.limits import JobRefused

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt")
"""Formats of uploads. A Parquet file's size in memory is unknown until it has been read, so it is not among them."""
_COMPRESSIONS = (".gz", ".xz", ".zst")
_LONGEST_NAME = 100
_PIECE = 1 << 20


def shown_name(file_name: str) -> str:
    """Return the last part of a client's file name without characters that could mislead a reader or a header.

    Raises JobRefused for a name without the suffix of a format that can be uploaded.
    """
    last = unicodedata.normalize("NFC", file_name.replace("\\", "/").rpartition("/")[2])
    clean = " ".join("".join(c if c.isprintable() and c not in '"<>|:*?' else " " for c in last).split())
    plain, compression = split_compression(clean)
    suffix = PurePath(plain).suffix
    if suffix.lower() not in SUFFIXES:
        raise JobRefused(
            "wrong_file",
            f"file: its name must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, "
            f"to which {', '.join(_COMPRESSIONS[:-1])} or {_COMPRESSIONS[-1]} may be added",
        )
    ending = clean[len(plain) - len(suffix) :] if compression else suffix
    stem = clean[: len(clean) - len(ending)]
    return f"{stem[: _LONGEST_NAME - len(ending)]}{ending}"


def stored_name(shown: str) -> str:
    """Return the name on disk: of the client's name only the known endings are used."""
    plain, compression = split_compression(shown)
    return f"claims{PurePath(plain).suffix.lower()}" + (f".{compression}" if compression else "")


def require_small(path: Path, shown: str, most_bytes: int) -> None:
    """Raise JobRefused for a file that has more bytes unpacked than that, or is not what its name says.

    It is unpacked a piece at a time and not kept, so that a bomb takes neither disk nor memory.
    """
    source = known_as(locate(path, folder_file=""), shown)
    n_bytes = 0
    try:
        with open_stream(source) as stream:
            while piece := stream.read(_PIECE):
                n_bytes += len(piece)
                if n_bytes > most_bytes:
                    raise too_large(most_bytes)
    except InputError as error:
        raise JobRefused("wrong_file", str(error)) from error
    if not n_bytes:
        raise JobRefused("wrong_file", f"{shown}: is empty")


def too_large(most_bytes: int) -> JobRefused:
    """Return the refusal of an upload of too many bytes."""
    return JobRefused("too_large", f"file: may have {most_bytes:,} bytes, packed and unpacked; send it in parts")
