"""Records out of JSON Lines and JSON files."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import Any, NoReturn

from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.known_shapes import Part, is_one_record, unwrapped
from claimhound.data.formats.plain_values import DEEPEST, LONE_SURROGATE, LongNumber, plain_fields
from claimhound.data.formats.raw_record import RawRecord, json_kind
from claimhound.data.formats.sources import Source
from claimhound.data.formats.streams import read_lines, read_text
from claimhound.data.notices import Notices
from claimhound.data.rejects import Reject


def read_jsonl(source: Source, reject: Reject, notices: Notices) -> Iterator[RawRecord]:
    """Give one record for each line that is not blank; rejects a line that is not one JSON object.

    What pandas and others write as JSON and is none (NaN, Infinity), and fields that JSON can hold and others cannot
    (half of a surrogate pair, a number of thousands of figures, lists nested by the hundred), are odd: left out.
    """
    return _parse_lines(source, read_lines(source, reject, notices=notices), reject)


def read_json(
    source: Source, reject: Reject, text_names: Collection[str], notices: Notices, part: Part = "docs"
) -> Iterator[RawRecord]:
    """Give the records of a .json file, which is held in memory.

    The file is a list of objects; or an object that wraps such a list, see `unwrapped`; or an object that is itself one
    record, as it has one of `text_names` among its keys; or an object `id -> text` or `id -> object`; or JSON Lines
    under the wrong suffix. Records are numbered from 1, in JSON Lines by line. An item that gives one key twice is
    rejected, and so is one that is neither text nor an object. Odd values are treated as by `read_jsonl`.

    Raises RecordError, naming the line, where the whole is not JSON, and InputError for an object that is none of
    these: its keys are then the names of fields, and never ids.
    """
    text = read_text(source, notices)
    try:
        content, odd = _decode_file(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and _is_json(text.lstrip().split("\n", 1)[0]):
            lines = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
            yield from _parse_lines(source, (numbered for numbered in lines if numbered[1]), reject)
            return
        raise RecordError(source.name, error.lineno, _json_reason(error)) from error
    except ValueError as error:
        raise RecordError(source.name, 1, _json_reason(error)) from error
    odd = odd or _has_surrogate_escape(text)
    del text
    for number, (key, value) in enumerate(_items(source, content, text_names, part, notices), 1):
        try:
            yield _checked(source, number, key, value, odd=odd)
        except RecordError as error:
            reject(error)


class _RepeatedKeys(list[tuple[str, Any]]):
    """The pairs of an object that gives one key more than once; a dict would keep the last and lose the others."""


class _OddNumberError(ValueError):
    """A number that is none of JSON's, or none that a float holds."""


_TOO_DEEP = "not usable JSON: nested too deeply"


def _refuse_constant(word: str) -> NoReturn:
    raise _OddNumberError(f"{word} is not JSON")


def _finite(figures: str) -> float:
    number = float(figures)
    if math.isinf(number):
        raise _OddNumberError(f"{figures} is more than a number holds")
    return number


def _whole(figures: str) -> int | LongNumber:
    try:
        return int(figures)
    except ValueError:  # Python's own limit of 4,300
        return LongNumber()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _RepeatedKeys:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else _RepeatedKeys(pairs)


# What is odd is rare: these refuse it and are fast, and what they refuse is read again by those that take it.
_line_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_file_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_object)
_odd_line_decoder = json.JSONDecoder(parse_int=_whole)
_odd_file_decoder = json.JSONDecoder(parse_int=_whole, object_pairs_hook=_object)

# As RawRecord(line, key, value), which takes 0.1 us longer, for its names.
_record: Callable[[tuple[int, None, dict[str, Any]]], RawRecord] = partial(tuple.__new__, RawRecord)
_MANY_BRACKETS = DEEPEST // 2  # so that fewer of either kind are nested no deeper than is read


_SHORT = 2 * DEEPEST + 20  # characters, in which nothing can be nested deeper than is read


def _parse_lines(source: Source, lines: Iterable[tuple[int, str]], reject: Reject) -> Iterator[RawRecord]:
    decode, record = _line_decoder.raw_decode, _record
    for line_number, line in lines:
        odd = False
        try:
            # The lines have no white space at their ends: decode() would search for it, and take half as long again.
            value, end = decode(line)
            if end != len(line):
                value = _line_decoder.decode(line)
        except (ValueError, RecursionError):
            try:
                value, odd = _decode_odd(line, _odd_line_decoder), True
            except ValueError as error:
                reject(RecordError(source.name, line_number, _json_reason(error)))
                continue
        if type(value) is not dict:
            reject(RecordError(source.name, line_number, f"not a JSON object but {json_kind(value)}"))
        elif (
            odd
            # A search for one character takes a tenth of one for two, which is 0.2 us for a sentence.
            or ("\\" in line and _has_surrogate_escape(line) and _has_lone_surrogate(value))
            # BEIR's lines end in an empty object.
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
                return line.count("[") > _MANY_BRACKETS or line.count("{") > _MANY_BRACKETS
    return False


def _decode_file(text: str) -> tuple[Any, bool]:
    """Return the content, and whether it may hold odd numbers; raises ValueError where it is not JSON."""
    try:
        return _file_decoder.decode(text), False
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError):
        return _decode_odd(text, _odd_file_decoder), True


def _decode_odd(text: str, decoder: json.JSONDecoder) -> Any:
    try:
        return decoder.decode(text)
    except RecursionError:
        pass
    try:
        return decoder.decode(_cut(text))
    except (ValueError, RecursionError) as error:
        raise ValueError(_TOO_DEEP) from error


_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def _cut(text: str) -> str:
    """Return JSON with null for what is nested deeper than any field that is kept."""
    kept: list[str] = []
    depth = position = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth == DEEPEST + _MANY_BRACKETS:
                kept.append(text[position : match.start()])
                kept.append("null")
        elif match[0] in "]}":
            depth -= 1
            if depth == DEEPEST + _MANY_BRACKETS - 1:
                position = match.end()
    return "".join(kept) + text[position:]


def _is_json(text: str) -> bool:
    try:
        _decode_odd(text, _odd_line_decoder)
    except ValueError:
        return False
    return True


_Items = Iterable[tuple[str | None, Any]]


def _items(source: Source, content: Any, text_names: Collection[str], part: Part, notices: Notices) -> _Items:
    if isinstance(content, _RepeatedKeys):
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
    raise InputError(f"{source.name}: is one object with the fields {fields}; name the text with --text-field")


_FEW_OTHERS = 0.05
_FIELD_NAMES = frozenset(
    (
        *("id", "_id", "uuid", "key", "type", "kind", "name", "title", "headline", "subtitle", "body", "content"),
        *(
            "contents",
            "description",
            "summary",
            "abstract",
            "text",
            "fulltext",
            "full_text",
            "html",
            "article",
            "story",
        ),
        *("message", "error", "errors", "status", "code", "url", "uri", "link", "permalink", "source"),
        *(
            "author",
            "authors",
            "creator",
            "byline",
            "speaker",
            "claimant",
            "date",
            "published",
            "publishedat",
            "created",
        ),
        *("created_at", "updated", "updated_at", "modified", "timestamp", "time", "year", "lang", "language", "label"),
        *("verdict", "rating", "category", "categories", "section", "tags", "keywords", "topic", "version", "license"),
        *("metadata", "meta", "data", "result", "results", "query", "count", "total", "image", "thumbnail", "country"),
        *(
            "claim",
            "claims",
            "statement",
            "question",
            "answer",
            "evidence",
            "domain",
            "site",
            "website",
            "note",
            "notes",
        ),
    )
)


def _is_mapping(content: dict[str, Any]) -> bool:
    """Return whether the keys of an object are ids: all of its values are texts or objects, and no key is a field's.

    In a large object a few may be something else: they are bad records.
    """
    n_other = sum(not isinstance(value, str | dict) for value in content.values())
    if n_other > _FEW_OTHERS * len(content):
        return False
    n_names = sum(key.startswith(("@", "$")) or key.casefold() in _FIELD_NAMES for key in content)
    return 2 * n_names < len(content)


_FLAT = frozenset((str, int, bool, float, type(None)))


def _checked(source: Source, number: int, key: str | None, value: Any, *, odd: bool) -> RawRecord:
    """Return the item as a record; raises RecordError where it is none."""
    if odd and (_has_broken_text(key) or _has_broken_text(value)):
        raise RecordError(source.name, number, LONE_SURROGATE)
    if isinstance(value, str):
        return RawRecord(number, key, value)
    if isinstance(value, dict) and not odd and _FLAT.issuperset(map(type, value.values())):
        return RawRecord(number, key, value)
    repeated = _repeated_key(value)
    if repeated is not None:
        raise RecordError(source.name, number, f"the field {repeated!r} stands there twice")
    if not isinstance(value, dict):
        where = "not a JSON object" if key is None else f"{key!r} is neither a text nor an object"
        raise RecordError(source.name, number, f"{where} but {json_kind(value)}")
    return RawRecord(number, key, plain_fields(value, nan_is_null=False))


def _repeated_key(value: Any, depth: int = 0) -> str | None:
    """Return a key that stands twice in an object, at any depth that is kept."""
    if isinstance(value, _RepeatedKeys):
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


def _json_reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON, column {error.colno}: {error.msg}"
    return str(error)
