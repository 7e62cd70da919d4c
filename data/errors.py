"""Errors that a user can fix, as one tree.

ClaimhoundError            every error that the user can fix; printed in one line, exit status 1
├── InputError             a file, folder or argument that cannot be used
│   └── RecordError        a bad record: names file and line
│       └── BlankText          a record with a blank text: has its id too
├── IndexWriteError        writing an index failed; the index is unchanged
├── IndexUnusableError     the index cannot be used
│   ├── IndexMissingError      no index at that path
│   ├── IndexVersionError      written in another format version or by other rules
│   ├── IndexDamagedError      its bytes differ from what was committed
│   ├── IndexLockedError       another process is writing to it
│   ├── EncoderMismatchError   its vectors come from another encoder
│   └── VectorsMismatchError   its encoder no longer produces the same vectors
├── ModelError             a model is missing or of the wrong kind
│   └── DeviceError            the requested device is not available
└── ServerError            a server cannot be reached, or does not answer what was asked
"""

from __future__ import annotations

from claimhound.data.records import Json


class ClaimhoundError(Exception):
    """An error that the user can fix; its message is one line that says how."""


class InputError(ClaimhoundError):
    """A file, folder or argument cannot be used."""


class RecordError(InputError):
    """A record of a source is bad; the message is `source:line: reason`."""

    def __init__(self, source: str, line: int, reason: str) -> None:
        """`line` counts from 1; in sources without lines it is the record's number."""
        super().__init__(f"{source}:{line}: {reason}")
        self.source = source
        self.line = line
        self.reason = reason

    def __reduce__(self) -> tuple[type[RecordError], tuple[object, ...]]:
        return type(self), (self.source, self.line, self.reason)


class BlankText(RecordError):
    """A record with a usable id and a blank text.

    `fields` are the record's other fields; `title` is its title, None if missing or blank.
    """

    def __init__(self, source: str, line: int, reason: str, record_id: str, fields: dict[str, Json]) -> None:
        super().__init__(source, line, reason)
        self.record_id = record_id
        self.fields = fields
        title = fields.get("title")
        self.title = (title.strip() or None) if isinstance(title, str) else None

    def __reduce__(self) -> tuple[type[RecordError], tuple[object, ...]]:
        return type(self), (self.source, self.line, self.reason, self.record_id, self.fields)


class IndexWriteError(ClaimhoundError):
    """Writing an index failed; the index is unchanged."""


class IndexUnusableError(ClaimhoundError):
    """The index cannot be used."""


class IndexMissingError(IndexUnusableError):
    """There is no index at the path."""


class IndexVersionError(IndexUnusableError):
    """The index has a format version or rules that this program cannot read or change."""


class IndexDamagedError(IndexUnusableError):
    """The bytes of the index differ from what was committed."""


class IndexLockedError(IndexUnusableError):
    """Another process is writing to the index."""


class EncoderMismatchError(IndexUnusableError):
    """The vectors of the index come from another encoder than the one in use."""


class VectorsMismatchError(IndexUnusableError):
    """The encoder no longer produces the vectors stored in the index."""


class ModelError(ClaimhoundError):
    """A model is missing or of the wrong kind."""


class DeviceError(ModelError):
    """The requested device is not available."""


class ServerError(ClaimhoundError):
    """A server cannot be reached, or does not answer what was asked."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its type if it has no message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def last_line(error: BaseException) -> str:
    """Return the last line of an error's message, or the name of its type if it has no message."""
    return next(iter(reversed(str(error).strip().splitlines())), type(error).__name__).strip()
