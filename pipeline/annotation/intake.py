"""Claims of a job, read twice and never all held in memory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from claimhound.data.dates import read_day
from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.fields import missing_field
from claimhound.data.formats.parquet_columns import Kind, joint_kind, kind_of
from claimhound.data.formats.sources import STDIN, Source, known_as
from claimhound.data.formats.streams import open_stream
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import locate_claims, read_good_and_bad_claims
from claimhound.data.records import Json, Query

LONGEST_CLAIM = 10_000
"""Characters. A model reads the first 256 tokens of a claim, and BM25 would search a whole book word by word."""
_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class ClaimSource:
    """Where a job's claims come from: a source as for `read_claims`, and its options.

    Only the first `limit` claims count. `before_field` is the field with the claim's date; its evidence must be older.
    A record without a readable date is then a bad record. A file known by another name than on the disk, such as an
    upload, has that in `name`: it is shown, and begins the ids of records that have none. More than `most` records are
    an error, and a claim whose other fields have more than `most_field_bytes` as JSON is a bad record.
    """

    source: str
    reading: ReadOptions = ReadOptions()  # noqa: RUF009 (frozen)
    limit: int | None = None
    before_field: str | None = None
    name: str | None = None
    most: int | None = None
    most_field_bytes: int | None = None


@dataclass(frozen=True)
class Survey:
    """The contents of a source: a digest, the numbers of claims and bad records, and the claims' other fields."""

    sha256: str
    n_claims: int
    n_bad: int
    fields: dict[str, Kind]

    @property
    def n_items(self) -> int:
        """The number of records, good and bad."""
        return self.n_claims + self.n_bad


def files_read(claims: ClaimSource) -> list[Path | os.stat_result]:
    """Return the file that the claims are in, or the file behind standard input; nothing for a data set.

    Raises InputError for a source that cannot be read.
    """
    if claims.source == STDIN:
        with suppress(OSError, ValueError, AttributeError):
            return [os.fstat(sys.stdin.fileno())]
    path = locate_claims(claims.source, claims.reading).path
    return [] if path is None else [path]


class Intake:
    """The records of a source, in order, as often as needed."""

    def __init__(self, claims: ClaimSource, spool_path: Path) -> None:
        """Copy standard input and pipes, which can be read only once, to `spool_path`.

        Raises InputError if the source cannot be read or that file cannot be written.
        """
        self._claims = claims
        self.notices = Notices()
        self._source = locate_claims(claims.source, claims.reading)
        if claims.name is not None:
            self._source = known_as(self._source, claims.name)
        if claims.source == STDIN or (self._source.path is not None and self._source.path.is_fifo()):
            self._source = _spooled(self._source, spool_path)

    @property
    def name(self) -> str:
        """Human-readable name of the source."""
        return "standard input" if self._claims.source == STDIN else Path(self._claims.name or self._claims.source).name

    @property
    def source_name(self) -> str:
        """Name of the source in errors, as the user typed it."""
        return self._source.name

    def date(self, claim: Query) -> str | None:
        """Return a claim's own date (`YYYY`, `YYYY-MM` or `YYYY-MM-DD`); None if claims need no dates.

        Raises ValueError for a claim that `items` would not yield.
        """
        if self._claims.before_field is None:
            return None
        day = read_day(_field(claim, self._claims.before_field), self._claims.reading.date_order)
        if day.date is None:
            raise ValueError(f"claim {claim.query_id!r} has no date")
        return day.date

    def _refusal(self, claim: Query) -> str | None:
        """Return why a claim cannot be used, beside its text; None if it can."""
        most = self._claims.most_field_bytes
        if most is not None and (size := len(json.dumps(claim.fields))) > most:
            return f"the claim's other fields have {size:,} bytes; the limit is {most:,}"
        return self._date_refusal(claim)

    def _date_refusal(self, claim: Query) -> str | None:
        """Return why a claim has no usable date, None if it has one or needs none."""
        name = self._claims.before_field
        if name is None:
            return None
        if all(name.casefold() != other.casefold() for other in claim.fields):
            return missing_field((name,), claim.fields)
        value = _field(claim, name)
        where = f"the claim's date in field {name!r}"
        match read_day(value, self._claims.reading.date_order).no_day:
            case "missing":
                return f"{where} is missing"
            case "ambiguous":
                return f"{where} is ambiguous: {_shown(value)}; choose its order with --date-order"
            case "unreadable":
                return f"{where} cannot be read: {_shown(value)}"
            case None:
                return None

    def items(self, notices: Notices | None = None) -> Iterator[Query | RecordError]:
        """Yield each claim, or the error of a bad record; the reader's notices go to `notices`."""
        found = read_good_and_bad_claims(
            self._source,
            self._claims.reading,
            longest=LONGEST_CLAIM,
            notices=notices,
            refusal=self._refusal,
            most=self._claims.most,
        )
        n_claims = 0
        for item in found:
            if n_claims == self._claims.limit:
                return
            n_claims += isinstance(item, Query)
            yield _without_path(item) if isinstance(item, RecordError) else item

    def survey(self) -> Survey:
        """Read the source once, filling `notices`. Raises InputError if no record is a claim."""
        digest = ItemsDigest()
        n_claims = n_bad = 0
        first_bad: RecordError | None = None
        kinds: dict[str, Kind | None] = {}
        for item in self.items(self.notices):
            digest.add(item)
            if isinstance(item, RecordError):
                n_bad += 1
                first_bad = first_bad or item
                continue
            n_claims += 1
            for name, value in item.fields.items():
                kinds[name] = joint_kind(kinds.get(name), kind_of(value))
        if not n_claims:
            if first_bad is None:
                raise InputError(f"{self._source.name}: has no claims")
            raise InputError(f"{self._source.name}: none of {n_bad:,} records is a claim; the first: {first_bad}")
        return Survey(digest.hexdigest(), n_claims, n_bad, {name: kind or "text" for name, kind in kinds.items()})


class ItemsDigest:
    """SHA-256 of a job's records, updated one by one because they are not in memory together."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, item: Query | RecordError) -> None:
        """Add a record."""
        parts: list[Json] = (
            [item.line, item.reason] if isinstance(item, RecordError) else [item.query_id, item.text, item.fields]
        )
        self._digest.update(json.dumps(parts).encode() + b"\n")

    def hexdigest(self) -> str:
        """Return the digest of the records so far."""
        return self._digest.hexdigest()


def _without_path(error: RecordError) -> RecordError:
    """Return the error with a reason that does not name the source's path: a job can be resumed after a move."""
    return RecordError(error.source, error.line, error.reason.replace(f"{error.source}:", "line "))


def _field(claim: Query, name: str) -> Json:
    """Return the value of a field, ignoring case if no name matches exactly."""
    if name in claim.fields:
        return claim.fields[name]
    return next((value for other, value in claim.fields.items() if other.casefold() == name.casefold()), None)


def _shown(value: Json) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


def _spooled(source: Source, path: Path) -> Source:
    try:
        with open_stream(source) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    return replace(source, path=path, compression=None)
