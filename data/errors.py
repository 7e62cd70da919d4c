"""What can go wrong for a user, as one tree.

ClaimhoundError            every error that is the user's to mend; printed in one line, exit status 1
├── InputError             a file, folder or argument cannot be used as it is
│   └── RecordError        one record of a file is bad: names file and line
│       └── BlankText          its text is there and blank: names its id too
├── IndexWriteError        the disk failed while an index was written; it is as it was before
├── IndexUnusableError     the index cannot serve
│   ├── IndexMissingError      there is none at that path
│   ├── IndexVersionError      written in a format or by rules of another version
│   ├── IndexDamagedError      bytes are not those that were committed
│   ├── IndexLockedError       another process is writing it
│   ├── EncoderMismatchError   its vectors come from another encoder
│   └── VectorsMismatchError   its encoder now gives other vectors than those that it holds
└── ModelError             a model is missing, or is not of the kind that is needed
"""

from __future__ import annotations

from claimhound.data.records import Json


class ClaimhoundError(Exception):
    """An error that the user can mend; its text is one line that says how."""


class InputError(ClaimhoundError):
    """A file, folder or argument cannot be used as it is."""


class RecordError(InputError):
    """One record of a source is bad; the text reads `source:line: reason`."""

    def __init__(self, source: str, line: int, reason: str) -> None:
        """`line` counts from 1; for sources without lines it is the record's number."""
        super().__init__(f"{source}:{line}: {reason}")
        self.source = source
        self.line = line
        self.reason = reason


class BlankText(RecordError):
    """A record with a usable id whose text is there and blank.

    `fields` is everything else that the record holds; `title` is what stands there as its title, None if it is blank.
    """

    def __init__(self, source: str, line: int, reason: str, record_id: str, fields: dict[str, Json]) -> None:
        super().__init__(source, line, reason)
        self.record_id = record_id
        self.fields = fields
        title = fields.get("title")
        self.title = (title.strip() or None) if isinstance(title, str) else None


class IndexWriteError(ClaimhoundError):
    """The disk failed while an index was written; the index is as it was before."""


class IndexUnusableError(ClaimhoundError):
    """The index cannot serve."""


class IndexMissingError(IndexUnusableError):
    """There is no index at the path."""


class IndexVersionError(IndexUnusableError):
    """The index is written in another format version, or by other rules, than this program reads or changes."""


class IndexDamagedError(IndexUnusableError):
    """Bytes of the index are not those that were committed."""


class IndexLockedError(IndexUnusableError):
    """Another process is writing the index."""


class EncoderMismatchError(IndexUnusableError):
    """The index's vectors come from another encoder than the one in use."""


class VectorsMismatchError(IndexUnusableError):
    """The index's encoder gives other vectors for its texts now than those that it holds."""


class ModelError(ClaimhoundError):
    """A model is missing, or is not of the kind that is needed."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, its type's name where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def last_line(error: BaseException) -> str:
    """Return the last line of an error's message, or its type's name if it has none."""
    return next(iter(reversed(str(error).strip().splitlines())), type(error).__name__).strip()
