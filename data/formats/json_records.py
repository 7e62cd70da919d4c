"""Records of JSON Lines and JSON files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import Any

from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.json_decoding import (
    MANY_BRACKETS,
    RepeatedKeys,
    decode_file,
    decode_odd_line,
    is_json,
    json_reason,
    line_decoder,
)
from claimhound.data.formats.plain_values import DEEPEST, LONE_SURROGATE, plain_fields
from claimhound.data.formats.raw_record import RawRecord, json_kind
from claimhound.data.formats.sources import Source
from claimhound.data.formats.streams import read_lines, read_text
from claimhound.data.formats.wrapped_objects import is_one_record, unwrapped
from claimhound.data.notices import Notices
from claimhound.data.read_options import Part
from claimhound.data.rejects import Reject


def read_jsonl(source: Source, reject: Reject, notices: Notices) -> Iterator[RawRecord]:
    """Yield one record for each line that is not blank; rejects a line that is not a JSON object.

    Odd values are left out: values that pandas and others write although they are not JSON (NaN, Infinity), and valid
    JSON that other formats cannot represent (half of a surrogate pair, a number with thousands of digits, lists nested
    hundreds of levels deep).
    """
    return _parse_lines(source, read_lines(source, reject, notices=notices), reject)


def read_json(
    source: Source, reject: Reject, text_names: Collection[str], notices: Notices, part: Part = "docs"
) -> Iterator[RawRecord]:
    """Yield the records of a .json file, which is held in memory.

    The file is a list of objects; an object around such a list, see `unwrapped`; a single record, with one of
    `text_names` as a key; an object `id -> text` or `id -> object`; or JSON Lines with the wrong suffix. Records are
    numbered from 1, in JSON Lines by line. An item with a repeated key is rejected, and so is one that is neither a
    text nor an object. Odd values are treated as by `read_jsonl`.

    Raises RecordError, naming the line, if the file is not JSON, and InputError for any other object, whose keys are
    field names and not ids.
    """
    text = read_text(source, notices)
    try:
        content, odd = decode_file(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and is_json(text.lstrip().split("\n", 1)[0]):
            lines = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
            yield from _parse_lines(source, (numbered for numbered in lines if numbered[1]), reject)
            return
        raise RecordError(source.name, error.lineno, json_reason(error)) from error
    except ValueError as error:
        raise RecordError(source.name, 1, json_reason(error)) from error
    odd = odd or _has_surrogate_escape(text)
    del text
    for number, (key, value) in enumerate(_items(source, content, text_names, part, notices), 1):
        try:
            yield _checked(source, number, key, value, odd=odd)
        except RecordError as error:
            reject(error)


# Like RawRecord(line, key, value), which takes 0.1 us longer.
_record: Callable[[tuple[int, None, dict[str, Any]]], RawRecord] = partial(tuple.__new__, RawRecord)


_SHORT = 2 * DEEPEST + 20  # characters; too few to nest more deeply than is read


def _parse_lines(source: Source, lines: Iterable[tuple[int, str]], reject: Reject) -> Iterator[RawRecord]:
    decode, record = line_decoder.raw_decode, _record
    for line_number, line in lines:
        odd = False
        try:
            # The lines are stripped; decode() would search for white space and take half as long again.
            value, end = decode(line)
            if end != len(line):
                value = line_decoder.decode(line)
        except (ValueError, RecursionError):
            try:
                value, odd = decode_odd_line(line), True
            except ValueError as error:
                reject(RecordError(source.name, line_number, json_reason(error)))
                continue
        if type(value) is not dict:
            reject(RecordError(source.name, line_number, f"not a JSON object but {json_kind(value)}"))
        elif (
            odd
            # Searching for one character takes a tenth of the time of searching for two, 0.2 us in a sentence.
            or ("\\" in line and _has_surrogate_escape(line) and _has_lone_surrogate(value))
            # lines of BEIR end with an empty object
            or (len(line) > _SHORT and ("[" in line or line.find("{", 1, -3) != -1) and _may_be_deep(line, value))
        ):
            yield RawRecord(line_number, None, plain_fields(value, nan_is_null=False))
        else:
            yield record((line_number, None, value))


_NESTING = frozenset((dict, list))


def _may_be_deep(line: str, fields: dict[str, Any]) -> bool:
    for value in fields.values():
        if (type(value) is dict or type(value) is list) and value:
            inner = value.values() if type(value) is dict else value
            if not _NESTING.isdisjoint(map(type, inner)):
                return line.count("[") > MANY_BRACKETS or line.count("{") > MANY_BRACKETS
    return False


_Items = Iterable[tuple[str | None, Any]]


def _items(source: Source, content: Any, text_names: Collection[str], part: Part, notices: Notices) -> _Items:
    if isinstance(content, RepeatedKeys):
        return content
    if isinstance(content, list):
        return ((None, item) for item in content)
    if not isinstance(content, dict):
        raise RecordError(source.name, 1, f"neither a list nor an object but {json_kind(content)}")
    if not text_names:
        return content.items()
    if (listed := unwrapped(source, content, text_names, part, notices)) is not None:
        return ((None, item) for item in listed)
    if is_one_record(content, text_names):
        return [(None, content)]
    if not content or _is_mapping(content):
        return content.items()
    fields = f"{', '.join(list(content)[:8])}{', …' if len(content) > 8 else ''}"
    raise InputError(f"{source.name}: is one object with the fields {fields}; name the text field with --text-field")


_FEW_OTHERS = 0.05
_IN_RECORDS = """
    id _id uuid key type kind name title headline subtitle body content contents description summary abstract text
    fulltext full_text html article story message error errors status code url uri link permalink source author
    authors creator byline speaker claimant date published publishedat created created_at updated updated_at
    modified timestamp time year lang language label verdict rating category categories section tags keywords topic
    version license metadata meta data result results query count total image thumbnail country claim claims
    statement question answer evidence domain site website note notes
"""
_FIELD_NAMES = frozenset(_IN_RECORDS.split())


def _is_mapping(content: dict[str, Any]) -> bool:
    """Tell whether the keys of an object are ids: all values are texts or objects, and few keys are field names.

    In a large object, a few values may be something else: they are bad records.
    """
    n_other = sum(not isinstance(value, str | dict) for value in content.values())
    if n_other > _FEW_OTHERS * len(content):
        return False
    n_names = sum(key.startswith(("@", "$")) or key.casefold() in _FIELD_NAMES for key in content)
    return 2 * n_names < len(content)


_FLAT = frozenset((str, int, bool, float, type(None)))


def _checked(source: Source, number: int, key: str | None, value: Any, *, odd: bool) -> RawRecord:
    """Return the item as a record; raises RecordError if it is not one."""
    if odd and (_has_broken_text(key) or _has_broken_text(value)):
        raise RecordError(source.name, number, LONE_SURROGATE)
    if isinstance(value, str):
        return RawRecord(number, key, value)
    if isinstance(value, dict) and not odd and _FLAT.issuperset(map(type, value.values())):
        return RawRecord(number, key, value)
    repeated = _repeated_key(value)
    if repeated is not None:
        raise RecordError(source.name, number, f"the field {repeated!r} occurs twice")
    if not isinstance(value, dict):
        where = "not a JSON object" if key is None else f"{key!r} is neither a text nor an object"
        raise RecordError(source.name, number, f"{where} but {json_kind(value)}")
    return RawRecord(number, key, plain_fields(value, nan_is_null=False))


def _repeated_key(value: Any, depth: int = 0) -> str | None:
    """Return a key that occurs twice in an object, at any depth that is kept."""
    if isinstance(value, RepeatedKeys):
        counts = Counter(key for key, _ in value)
        return next(key for key, count in counts.items() if count > 1)
    if depth > DEEPEST:
        return None
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((key for item in inner if (key := _repeated_key(item, depth + 1)) is not None), None)


def _has_surrogate_escape(text: str) -> bool:
    return "\\u" in text and ("\\ud" in text or "\\uD" in text)


def _has_lone_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _has_broken_text(value: Any) -> bool:
    return isinstance(value, str) and _has_lone_surrogate(value)
