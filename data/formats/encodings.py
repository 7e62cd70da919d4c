"""Text encodings: detected from the first bytes or given by the user, and converted to UTF-8."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterator

from claimhound.data.errors import InputError
from claimhound.data.notices import Notices

# UTF-32 first: its little-endian mark begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
    (codecs.BOM_UTF8, "UTF-8"),
)
_NOT_TEXT = (
    (b"\x1f\x8b", "is compressed with gzip; rename it to end in .gz"),
    (b"\xfd7zXZ\x00", "is compressed with xz; rename it to end in .xz"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd; rename it to end in .zst"),
    (b"PK\x03\x04", "is a ZIP archive or a spreadsheet (.xlsx, .ods), not text; unpack it, or save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "is an Office file, not text; save it as CSV or as plain text"),
    (b"%PDF-", "is a PDF, not text; extract its text first, for example with pdftotext"),
    (b"PAR1", "is a Parquet file; rename it to end in .parquet, or give --input-format parquet"),
)
_SAMPLE = 1 << 12
_CONTROLS = bytes({*range(1, 32)} - {*b"\t\n\v\f\r\x1b\x1c\x1d\x1e\x1f"})
_WIDE = frozenset(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"))
_NOT_FOR_FILES = frozenset(("idna", "punycode", "undefined", "mbcs", "oem"))
_UTF_8 = frozenset(("utf-8", "utf-8-sig", "ascii"))


def require_encoding(name: str) -> str:
    """Return Python's name of a text encoding; raises ValueError for an unknown name."""
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError) as error:
        raise ValueError(f"{name!r} is not an encoding; examples are utf-8, cp1252 and utf-16") from error
    if not found._is_text_encoding or found.name in _NOT_FOR_FILES:
        raise ValueError(f"{name!r} is not a text encoding; examples are utf-8, cp1252 and utf-16")
    return found.name


def require_text(name: str, head: bytes) -> None:
    """Raise InputError, with a fix, if the first bytes are those of a compressed file or another kind of file."""
    for magic, what in _NOT_TEXT:
        if head.startswith(magic):
            raise InputError(f"{name}: {what}")


def detect_encoding(name: str, head: bytes, given: str | None, notices: Notices) -> str | None:
    """Return the encoding of a text that begins with `head`, None for UTF-8.

    A byte order mark overrides the user's encoding, with a notice; a text that looks like UTF-8 although the user gave
    another encoding also gets a notice. Raises InputError for UTF-16 or UTF-32 without a mark unless the user names it,
    and for another text if the user names one of them.
    """
    encoding = None if given is None else require_encoding(given)
    marked = next((found for mark, found in _MARKS if head.startswith(mark)), None)
    if marked is not None:
        if encoding is not None and not encoding.startswith(marked.lower()):
            notices.say(name, f"read as {marked}, as its byte order mark says, not as {given}")
        elif encoding is None and marked != "UTF-8":
            notices.say(name, f"read as {marked}, as its byte order mark says")
        return None if marked == "UTF-8" else marked
    wide = _unmarked_wide(head)
    if encoding is None and wide is not None:
        raise InputError(f"{name}: is {wide[:6].upper()} without a byte order mark; give --encoding {wide}")
    if encoding is None or encoding in _UTF_8:
        if _is_binary(head):
            raise InputError(f"{name}: is not UTF-8 text; give its encoding with --encoding")
        return None
    if encoding in _WIDE:
        if wide is None and _is_utf8(head):
            raise InputError(f"{name}: is UTF-8, not {given}; leave --encoding out")
        if wide is None and encoding in ("utf-16", "utf-32"):
            raise InputError(f"{name}: is not {given}; {_NAME_IT}")
        return wide if wide is not None and encoding in ("utf-16", "utf-32") else given
    if not head.isascii() and _is_utf8(head):
        notices.say(name, f"read as {given}, as requested, but it is valid UTF-8")
    return given


def transcoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the text in UTF-8; a byte that is invalid in the encoding becomes a byte that is invalid in UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)(_KEEP_BYTES)
    for piece in pieces:
        if made := decoder.decode(piece).encode("utf-8", _KEEP_BYTES):
            yield made
    if made := decoder.decode(b"", final=True).encode("utf-8", _KEEP_BYTES):
        yield made


def encoding_fix(byte: int, encoding: str) -> str:
    """Return how to fix a byte that is invalid in the encoding."""
    if encoding != "UTF-8":
        return _NAME_IT
    try:
        bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return _NAME_IT
    return "if the file is Windows-1252, give --encoding cp1252, or save it as UTF-8"


_NAME_IT = "give the encoding of the file with --encoding, or save it as UTF-8"
_KEEP_BYTES = "claimhound.keep-bytes"


def _keep_bytes(error: UnicodeError) -> tuple[str | bytes, int]:
    """Decode invalid bytes to lone surrogates, and encode these to bytes again."""
    if isinstance(error, UnicodeDecodeError):
        bad = error.object[error.start : error.end]
        return "".join(chr(0xDC00 + byte) if byte >= 0x80 else "\udcff" for byte in bad), error.end
    if isinstance(error, UnicodeEncodeError):
        lone = error.object[error.start : error.end]
        return bytes(ord(char) - 0xDC00 if 0xDC80 <= ord(char) <= 0xDCFF else 0xFF for char in lone), error.end
    raise error


codecs.register_error(_KEEP_BYTES, _keep_bytes)


def _unmarked_wide(head: bytes) -> str | None:
    """Return the encoding of a text that the positions of its NUL bytes show to be UTF-16 or UTF-32, otherwise None.

    In UTF-32, half of every character is NUL. In UTF-16, one byte of a Latin letter, a space, a digit or a line end is
    NUL; the letters of another alphabet share that byte. Ideographs do not, but they are not valid UTF-8.
    """
    n_bytes = len(head[:_SAMPLE].rstrip(b"\0"))
    sample = head[: n_bytes + 3]
    sample = sample[: len(sample) - len(sample) % 4]
    if sample.count(0) < 3:
        return None
    for encoding, first in (("utf-32-le", 0), ("utf-32-be", 3)):
        zeros = [sample[place::4].count(0) * 4 / len(sample) for place in (first, abs(first - 2), abs(first - 3))]
        if zeros[0] < 0.1 and min(zeros[1:]) > 0.95:
            return encoding
    for encoding, low, high in (
        ("utf-16-le", sample[0::2], sample[1::2]),
        ("utf-16-be", sample[1::2], sample[0::2]),
    ):
        if high.count(0) < 2 or low.count(0) > 1 + high.count(0) // 20:
            continue
        often = Counter(high).most_common(2)
        shares_a_half = sum(n for _, n in often) > 0.9 * len(high) and not any(33 <= byte < 127 for byte, _ in often)
        if (0 in dict(often) and shares_a_half) or _is_binary(head[:_SAMPLE]) or not _is_utf8(head[:_SAMPLE]):
            return encoding
    return None


def _is_binary(head: bytes) -> bool:
    """Tell whether over a tenth of the bytes are control characters that do not occur in text; NUL does not count."""
    return len(head) > 20 * len(head.translate(None, _CONTROLS)) // 18


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True
