"""Finished parts of a job on disk, for resuming it after an interruption."""

from __future__ import annotations

import json
import os
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from claimhound.data.disk.file_systems import sync_file
from claimhound.data.errors import InputError
from claimhound.data.records import Json

_FORMAT = 1
_TAIL = 1 << 20


class Journal:
    """Entries in the order added; each is complete or absent, even after a crash.

    A file of lines `CRC-32 JSON`, the first of which identifies the job. An incomplete last line is cut off when the
    journal is reopened. Entries stay on the disk; each takes eight bytes of memory. For one process at a time.
    """

    def __init__(self, path: Path, file: FileIO, job: Mapping[str, Json], places: array[int], end: int) -> None:
        """Use `open`."""
        self.path = path
        self._file = file
        self._job = dict(job)
        self._places = places
        self._n_earlier = len(places)
        self._end = end
        self.confirms = True
        """Whether the file system can sync."""

    @classmethod
    def open(cls, path: Path, job: Mapping[str, Json], *, fresh: bool = False) -> Self:
        """Open the journal of a job, or start one; `fresh` discards an existing one.

        `job` is everything that makes two jobs the same. Raises InputError if the file belongs to another job, naming
        the differences, if it is not a journal, if it is damaged, and if it cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            head, places, end = (None, array("Q"), 0) if fresh or not path.exists() else _scan(path)
            if head is not None:
                _require_same(path, head, dict(job))
            # Unbuffered: what did not fit on a full disk must not be written again when the file is closed.
            file = FileIO(path, "r+" if path.exists() else "x+")
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
        journal = cls(path, file, job, places, end)
        try:
            journal._cut_to(end)
            if head is None:
                journal._write([_head(job)])
        except BaseException:
            file.close()
            raise
        return journal

    @property
    def entries(self) -> list[Json]:
        """The entries of earlier runs of the job."""
        return [self.read(number) for number in range(self._n_earlier)]

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Json]:
        """Yield every entry, reading one at a time."""
        return (self.read(number) for number in range(len(self)))

    def read(self, number: int) -> Json:
        """Return the n-th entry, from 0. Raises InputError if it is not what was written."""
        start = self._places[number]
        end = self._places[number + 1] if number + 1 < len(self._places) else self._end
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                return _parse(file.read(end - start))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"{self.path}: entry {number + 1} cannot be read ({reason})") from error

    def append(self, entries: Iterable[Json]) -> None:
        """Add entries and sync them to the disk. Raises InputError if they cannot be written."""
        self._places.extend(self._write(entries))

    def replace(self, entries: Iterable[Json]) -> None:
        """Replace all entries with these and close; on failure the old ones stay.

        Raises InputError if they cannot be written.
        """
        part = self.path.with_name(f"{self.path.name}.part")
        try:
            with FileIO(part, "w") as file:
                self._write_all(file, b"".join(map(_line, [_head(self._job), *entries])))
            self._file.close()
            part.replace(self.path)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror or error}") from error

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

    def _write(self, entries: Iterable[Json]) -> list[int]:
        """Write and sync lines; return where each begins."""
        lines = [_line(entry) for entry in entries]
        try:
            self._write_all(self._file, b"".join(lines))
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror or error}") from error
        places = []
        for line in lines:
            places.append(self._end)
            self._end += len(line)
        return places

    def _write_all(self, file: FileIO, content: bytes) -> None:
        data = memoryview(content)
        while data:
            data = data[file.write(data) :]
        self.confirms &= sync_file(file.fileno())


def last_entry(path: Path) -> tuple[dict[str, Json] | None, Json]:
    """Return a journal's job and its last complete entry; either is None if not written yet.

    Another process may be writing the journal; earlier entries are not read. Raises InputError for a file that is not a
    journal.
    """
    try:
        with path.open("rb") as file:
            line = file.readline()
            if not line.endswith(b"\n") and _begins_one(line):
                return None, None
            head = _parse(line)
            first = file.tell()
            last = _last_line(file, first)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path}: is not a journal of claimhound") from error
    job = head.get("job") if isinstance(head, dict) else None
    if not isinstance(job, dict):
        raise InputError(f"{path}: written by another version of claimhound")
    try:
        return job, None if last is None else _parse(last)
    except ValueError as error:
        raise InputError(f"{path}: damaged: {error}") from error


def _last_line(file: BinaryIO, first: int) -> bytes | None:
    """Return the last complete line that begins at `first` or later."""
    size = file.seek(0, os.SEEK_END)
    length = _TAIL
    while True:
        start = max(first, size - length)
        file.seek(start)
        # What follows the last line end is still being written; what precedes the first is the end of a line.
        lines = file.read(size - start).split(b"\n")[:-1]
        whole = lines if start == first else lines[1:]
        if whole:
            return whole[-1] + b"\n"
        if start == first:
            return None
        length *= 4


def _head(job: Mapping[str, Json]) -> Json:
    return {"format": _FORMAT, "job": dict(job)}


def _line(entry: Json) -> bytes:
    body = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return b"%08x %b\n" % (zlib.crc32(body), body)


def _scan(path: Path) -> tuple[Json, array[int], int]:
    """Return the head (None if there is none yet), where each entry begins, and where the last one ends."""
    head: Json = None
    places = array("Q")
    end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                if number == 1:
                    head = _parse(line)
                else:
                    _checked(line)
                    places.append(end)
            except ValueError as error:
                if number == 1 and (line.endswith(b"\n") or not _begins_one(line)):
                    raise InputError(
                        f"{path}: is not a journal of claimhound; use another folder or --fresh"
                    ) from error
                # Only the last line can be incomplete because a process died.
                if file.read(1):
                    raise InputError(f"{path}:{number}: damaged; discard it with --fresh") from error
                break
            end += len(line)
    return head, places, end


def _begins_one(line: bytes) -> bool:
    return all(byte in b"0123456789abcdef" for byte in line[:8]) and line[8:9] in (b"", b" ")


def _parse(line: bytes) -> Json:
    value: Json = json.loads(_checked(line))
    return value


def _checked(line: bytes) -> bytes:
    """Return the JSON of a line. Raises ValueError if it is incomplete or its checksum does not match."""
    if not line.endswith(b"\n"):
        raise ValueError("cut off")
    checksum, _, body = line[:-1].partition(b" ")
    if int(checksum, 16) != zlib.crc32(body):
        raise ValueError("its checksum does not match")
    return body


def _require_same(path: Path, head: Json, job: dict[str, Json]) -> None:
    before = head.get("job") if isinstance(head, dict) and head.get("format") == _FORMAT else None
    if not isinstance(before, dict):
        raise InputError(f"{path}: written by another version of claimhound; discard it with --fresh")
    differing = differences(before, job)
    if differing:
        raise InputError(
            f"{path}: belongs to an unfinished job with other settings ({differing}); "
            "run that job again, or discard it with --fresh"
        )


def differences(before: Mapping[str, Json], now: Mapping[str, Json]) -> str:
    """Describe the settings in which two jobs differ, the first three by name; empty if they are equal."""
    old, new = (dict(_leaves(json.loads(json.dumps(dict(job))))) for job in (before, now))
    differing = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    shown = "; ".join(f"{name} was {old.get(name)}, is {new.get(name)}" for name in differing[:3])
    return shown + (f"; and {len(differing) - 3} more" if len(differing) > 3 else "")


def _leaves(value: Json, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the settings of a job with their dotted names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else key)
    else:
        yield name, json.dumps(value, ensure_ascii=False)
