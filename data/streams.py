"""A source's bytes and lines, unpacked on the way and never held as a whole."""

from __future__ import annotations

import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from data.errors import InputError, RecordError
from data.rejects import Reject
from data.sources import Source

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER_SIZE = 1 << 20
_BOM = b"\xef\xbb\xbf"


@contextmanager
def open_stream(source: Source) -> Iterator[IO[bytes]]:
    """Give the unpacked bytes of a file or of standard input, which stays open.

    Raises InputError, also out of the block's own reading, for a file that cannot be opened, is cut short or is not
    of the compression that its suffix says.
    """
    try:
        if source.path is None:
            yield sys.stdin.buffer
        else:
            with source.path.open("rb") as packed, _unpacked(packed, source.compression) as stream:
                yield stream
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, _BadZstdError) as error:
        raise InputError(f"{source.name}: damaged or cut short .{source.compression} file: {error}") from error
    except OSError as error:
        raise InputError(f"{source.name}: cannot be read: {error.strerror or error}") from error


def read_lines(source: Source, reject: Reject, strip: str | None = None) -> Iterator[tuple[int, str]]:
    """Give each line that is not blank, and its number from 1.

    The line comes without white space around it, or without the characters in `strip`, if given.

    A line ends at LF (a CR before it is white space); other separators, such as U+2028, are text. A byte order mark is
    dropped. A line that is not UTF-8 is rejected.
    """
    with open_stream(source) as stream:
        for line_number, raw in enumerate(stream, 1):
            if line_number == 1 and raw.startswith(_BOM):
                raw = raw[len(_BOM) :]  # noqa: PLW2901
            try:
                line = raw.decode().strip(strip)
            except UnicodeDecodeError as error:
                reject(not_utf8(source, line_number, error))
                continue
            if line and (strip is None or not line.isspace()):
                yield line_number, line


def read_text(source: Source) -> str:
    """Return the whole text, for formats that cannot be read in pieces.

    Raises RecordError, naming the line, where it is not UTF-8.
    """
    with open_stream(source) as stream:
        raw = stream.read()
    raw = raw.removeprefix(_BOM)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise not_utf8(source, raw.count(b"\n", 0, error.start) + 1, error) from error


def not_utf8(source: Source, line_number: int, error: UnicodeDecodeError) -> RecordError:
    """Return the error for a line that holds bytes of another encoding."""
    return RecordError(source.name, line_number, f"not UTF-8: byte 0x{error.object[error.start]:02x}")


class _BadZstdError(Exception):
    """The bytes are not those of a whole zstd file."""


def _unpacked(packed: IO[bytes], compression: str | None) -> IO[bytes]:
    if compression == "gz":
        return cast("IO[bytes]", io.BufferedReader(gzip.GzipFile(fileobj=packed), _BUFFER_SIZE))
    if compression == "xz":
        return cast("IO[bytes]", io.BufferedReader(lzma.LZMAFile(packed), _BUFFER_SIZE))
    if compression == "zst":
        return io.BufferedReader(_ZstdReader(packed), _BUFFER_SIZE)
    return packed


class _ZstdReader(io.RawIOBase):
    """Unpacks zstd frames one after the other.

    zstandard's own stream_reader ends quietly where a file is cut short, which would lose records in silence.
    """

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._frame = _ZstdFrame()
        self._pending = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer and return how many bytes were written to it; 0 at the end."""
        target = memoryview(buffer).cast("B")
        while not self._pending:
            piece = self._frame.left_over() or self._packed.read(1 << 16)
            if self._frame.ended and piece:
                self._frame = _ZstdFrame()
            if not piece:
                if self._frame.begun and not self._frame.ended:
                    raise _BadZstdError("the last frame has no end")
                return 0
            self._pending = memoryview(self._frame.unpack(piece))
        count = min(len(target), len(self._pending))
        target[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count


class _ZstdFrame:
    """One frame of a zstd file: knows whether it has begun, has ended, and what bytes came behind its end."""

    def __init__(self) -> None:
        import zstandard

        self._unpacker = zstandard.ZstdDecompressor().decompressobj()
        self._error = zstandard.ZstdError
        self.begun = False

    @property
    def ended(self) -> bool:
        return self._unpacker.eof

    def left_over(self) -> bytes:
        return self._unpacker.unused_data if self.ended else b""

    def unpack(self, piece: bytes) -> bytes:
        self.begun = True
        try:
            return self._unpacker.decompress(piece)
        except self._error as error:
            raise _BadZstdError(str(error)) from error
