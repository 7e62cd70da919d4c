"""A job's finished parts on disk, so that one which died goes on where it was."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from data.errors import InputError
from data.records import Json

_FORMAT = 1


class Journal:
    """Entries in the order in which they were added; each is there whole or not at all, after a crash too.

    A file of lines `CRC-32 JSON`, of which the first names the job. What a dying process wrote of a line is cut off
    when the journal is opened again. One process at a time.
    """

    def __init__(self, path: Path, file: FileIO, entries: list[Json]) -> None:
        """Use `open`."""
        self.path = path
        self.entries = entries
        """What earlier runs of the job left behind."""
        self._file = file

    @classmethod
    def open(cls, path: Path, job: Mapping[str, Json], *, fresh: bool = False) -> Self:
        """Open the journal of a job, or begin one; with `fresh` whatever was there is given up.

        `job` is all that makes two jobs the same. Raises InputError where the file belongs to another job, naming what
        differs; where it is no journal or damaged; and where it cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            entries, end = ([], 0) if fresh or not path.exists() else _read(path)
            if entries:
                _require_same(path, entries[0], dict(job))
            # Unbuffered: what a full disk did not take must not be tried again when the file is closed.
            file = FileIO(path, "r+" if path.exists() else "x+")
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
        journal = cls(path, file, entries[1:])
        try:
            journal._cut_to(end)
            if not entries:
                journal._write([{"format": _FORMAT, "job": dict(job)}])
        except BaseException:
            file.close()
            raise
        return journal

    def append(self, entries: Iterable[Json]) -> None:
        """Add entries; when this returns they are on the disk. Raises InputError where they cannot be written."""
        self._write(entries)

    def remove(self) -> None:
        """Give the journal up: the job is done."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _cut_to(self, size: int) -> None:
        try:
            self._file.truncate(size)
            self._file.seek(size)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror or error}") from error

    def _write(self, entries: Iterable[Json]) -> None:
        data = memoryview(b"".join(map(_line, entries)))
        try:
            while data:
                data = data[self._file.write(data) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror or error}") from error


def _line(entry: Json) -> bytes:
    body = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(body), body)


def _read(path: Path) -> tuple[list[Json], int]:
    """Return the entries and where the last of them ends."""
    entries: list[Json] = []
    end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                entries.append(_parse(line))
            except ValueError as error:
                if number == 1 and (line.endswith(b"\n") or not _begins_one(line)):
                    raise InputError(f"{path}: is no journal of claimhound; use another folder, or --fresh") from error
                # Only the last line can be one that a dying process was writing.
                if file.read(1):
                    raise InputError(f"{path}:{number}: damaged; give up what it holds with --fresh") from error
                break
            end += len(line)
    return entries, end


def _begins_one(line: bytes) -> bool:
    return all(byte in b"0123456789abcdef" for byte in line[:8]) and line[8:9] in (b"", b" ")


def _parse(line: bytes) -> Json:
    if not line.endswith(b"\n"):
        raise ValueError("cut off")
    checksum, _, body = line[:-1].partition(b" ")
    if int(checksum, 16) != zlib.crc32(body):
        raise ValueError("its checksum does not match")
    value: Json = json.loads(body)
    return value


def _require_same(path: Path, head: Json, job: dict[str, Json]) -> None:
    if not isinstance(head, dict) or head.get("format") != _FORMAT or not isinstance(head.get("job"), dict):
        raise InputError(f"{path}: written by another version of claimhound; give up what it holds with --fresh")
    before, now = dict(_leaves(head["job"])), dict(_leaves(json.loads(json.dumps(job))))
    differing = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    if differing:
        shown = "; ".join(f"{name} was {before.get(name)}, is {now.get(name)}" for name in differing[:3])
        more = f"; and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise InputError(
            f"{path}: belongs to an unfinished job with other settings ({shown}{more}); "
            "run that one again, or give it up with --fresh"
        )


def _leaves(value: Json, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the settings inside a job by their dotted names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else key)
    else:
        yield name, json.dumps(value, ensure_ascii=False)
