"""Bytes and lines of a source, decompressed and decoded as they are read."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import IO, TYPE_CHECKING, cast

from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.encodings import detect_encoding, encoding_fix, require_text, transcoded
from claimhound.data.formats.sources import Source
from claimhound.data.notices import Notices
from claimhound.data.rejects import Reject

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER_SIZE = 1 << 20
_HEAD_SIZE = 1 << 18
_PADDING = bytes(64)
_BLOCK_OF_NUL = re.compile(rb"\0{64,}")


@contextmanager
def open_stream(source: Source) -> Iterator[IO[bytes]]:
    """Yield the decompressed bytes of a file, or of standard input, which stays open.

    Raises InputError, also during reading inside the block, for a file that cannot be opened, is truncated, or does not
    have the compression of its suffix.
    """
    try:
        if source.path is None:
            yield sys.stdin.buffer
        else:
            with source.path.open("rb") as packed, _unpacked(packed, source.compression) as stream:
                yield stream
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, _BadZstdError) as error:
        raise InputError(f"{source.name}: damaged or truncated .{source.compression} file: {error}") from error
    except OSError as error:
        raise InputError(f"{source.name}: cannot be read: {error.strerror or error}") from error


@contextmanager
def open_text(source: Source, notices: Notices | None = None) -> Iterator[TextStream]:
    """Yield the text of a source, converted to UTF-8; its lines end with LF or CRLF.

    The encoding is that of the byte order mark, with a notice, or else the user's, or else UTF-8. If lines end with CR
    alone, it becomes LF. Byte order marks at the start of lines, where files were joined, and blocks of NUL bytes are
    dropped. Bytes that are invalid in the encoding become invalid UTF-8.

    Raises InputError as `open_stream` does, for a file that is not text, and for UTF-16 without a mark that the user
    does not name.
    """
    notices = Notices() if notices is None else notices
    with open_stream(source) as stream:
        head = stream.read(_HEAD_SIZE)
        require_text(source.name, head)
        encoding = detect_encoding(source.name, head, source.encoding, notices)
        pieces = _pieces(head, stream)
        if encoding is not None:
            pieces = transcoded(pieces, encoding)
        first = next(pieces, b"")
        pieces = chain([first], pieces)
        if _ends_lines_with_cr(first):
            pieces = _with_lf(pieces)
        yield TextStream(_cleaned(pieces, source.name, notices), encoding or "UTF-8")


def read_lines(
    source: Source, reject: Reject, strip: str | None = None, notices: Notices | None = None
) -> Iterator[tuple[int, str]]:
    """Yield each line that is not blank, after its number from 1.

    Lines are stripped of white space, or of the characters in `strip`. They end at LF, or at CR in files where CR
    alone ends the lines; other separators, such as U+2028, are text. A line that is invalid in the source's encoding is
    rejected.
    """
    with open_text(source, notices) as stream:
        yield from decoded_lines(source, stream, reject, strip)


def decoded_lines(
    source: Source, stream: TextStream, reject: Reject, strip: str | None = None
) -> Iterator[tuple[int, str]]:
    """Yield the lines of a stream as `read_lines` does."""
    for line_number, raw in enumerate(stream, 1):
        try:
            line = raw.decode().strip(strip)
        except UnicodeDecodeError as error:
            reject(not_decodable(source, line_number, error, stream.encoding))
            continue
        if line and (strip is None or not line.isspace()):
            yield line_number, line


def read_text(source: Source, notices: Notices | None = None) -> str:
    """Return the whole text, for formats that cannot be read in pieces.

    Raises RecordError, naming the line, if it is invalid in the source's encoding.
    """
    with open_text(source, notices) as stream:
        raw = stream.read()
        encoding = stream.encoding
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise not_decodable(source, raw.count(b"\n", 0, error.start) + 1, error, encoding) from error


def not_decodable(source: Source, line_number: int, error: UnicodeDecodeError, encoding: str) -> RecordError:
    """Return the error for a line that is invalid in its encoding."""
    byte = error.object[error.start]
    return RecordError(source.name, line_number, f"not {encoding}: byte 0x{byte:02x}; {encoding_fix(byte, encoding)}")


class TextStream(io.BufferedReader):
    """Text as UTF-8 bytes; `encoding` is the name of the source's encoding in errors."""

    def __init__(self, pieces: Iterator[bytes], encoding: str) -> None:
        super().__init__(_PieceReader(pieces), _BUFFER_SIZE)
        self.encoding = encoding

    def head(self) -> bytes:
        """Return the first 256 KiB of the text, or all if it is shorter, without consuming it."""
        return self.peek()


class _PieceReader(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._pending = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer and return the number of bytes written; 0 at the end."""
        target = memoryview(buffer).cast("B")
        while not self._pending:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._pending = memoryview(piece)
        count = min(len(target), len(self._pending))
        target[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count


def _pieces(head: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    piece = head
    while piece:
        yield piece
        piece = stream.read(_BUFFER_SIZE)


def _ends_lines_with_cr(head: bytes) -> bool:
    n_carriage_returns = head.count(b"\r")
    return n_carriage_returns > 0 and n_carriage_returns - head.count(b"\r\n") > head.count(b"\n")


def _with_lf(pieces: Iterator[bytes]) -> Iterator[bytes]:
    held = b""
    for piece in pieces:
        whole = held + piece
        held = b"\r" if whole.endswith(b"\r") else b""
        yield whole[: len(whole) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if held:
        yield b"\n"


def _cleaned(pieces: Iterator[bytes], name: str, notices: Notices) -> Iterator[bytes]:
    """Drop byte order marks at the start of lines and blocks of NUL, by the piece: this costs nothing per line."""
    mark = b"\n" + codecs.BOM_UTF8
    held = b""
    begins = True
    for piece in pieces:
        whole = held + piece
        if begins:
            whole = whole.removeprefix(codecs.BOM_UTF8)
            begins = False
        # Searching for one byte first takes 0.01 ms per MiB; each of the longer patterns takes 0.4 to 1.6 ms.
        if b"\0" in whole and _PADDING in whole:
            notices.say(name, "contains blocks of NUL bytes, as left by a damaged disk; they are left out")
            whole = _BLOCK_OF_NUL.sub(b"", whole)
        if b"\xef" in whole and mark in whole:
            whole = whole.replace(mark, b"\n")
        held = next((mark[:n] for n in range(len(mark) - 1, 0, -1) if whole.endswith(mark[:n])), b"")
        yield whole[: len(whole) - len(held)]
    yield held


class _BadZstdError(Exception):
    """The bytes are not a complete zstd file."""


def _unpacked(packed: IO[bytes], compression: str | None) -> IO[bytes]:
    if compression == "gz":
        return cast("IO[bytes]", io.BufferedReader(gzip.GzipFile(fileobj=packed), _BUFFER_SIZE))
    if compression == "xz":
        return cast("IO[bytes]", io.BufferedReader(lzma.LZMAFile(packed), _BUFFER_SIZE))
    if compression == "zst":
        return io.BufferedReader(_PieceReader(_zstd_pieces(packed)), _BUFFER_SIZE)
    return packed


def _zstd_pieces(packed: IO[bytes]) -> Iterator[bytes]:
    """Decompress zstd frames one after the other.

    zstandard's own stream_reader ends silently at the end of a truncated file, which would lose records.
    """
    frame = _ZstdFrame()
    # A kilobyte at a time: each may become 32 MB, and a file that was made for it would fill the memory at 64 KiB.
    while piece := frame.left_over() or packed.read(1 << 10):
        if frame.ended:
            frame = _ZstdFrame()
        yield frame.unpack(piece)
    if frame.begun and not frame.ended:
        raise _BadZstdError("the last frame has no end")


class _ZstdFrame:
    """One frame of a zstd file: whether it has begun or ended, and the bytes after its end."""

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
