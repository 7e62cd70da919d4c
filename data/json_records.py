"""Records out of JSON Lines and JSON files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NoReturn

from data.errors import RecordError
from data.notices import Notices
from data.raw_record import RawRecord, json_kind
from data.rejects import Reject
from data.sources import Source
from data.streams import read_lines, read_text


def read_jsonl(source: Source, reject: Reject, notices: Notices) -> Iterator[RawRecord]:
    """Give one record for each line that is not blank; rejects a line that is not one JSON object."""
    return _parse_lines(source, read_lines(source, reject, notices=notices), reject)


def read_json(source: Source, reject: Reject, text_names: Collection[str], notices: Notices) -> Iterator[RawRecord]:
    """Give the records of a .json file, which is held in memory.

    The file is a list of objects; or an object `id -> text` or `id -> object`; or, if it has one of `text_names` among
    its keys, an object that is itself one record; or JSON Lines under the wrong suffix. Records are numbered from 1, in
    JSON Lines by line. An item that gives one key twice is rejected, and so is one that is neither text nor an object.

    Raises RecordError, naming the line, where the whole is not JSON.
    """
    text = read_text(source, notices)
    try:
        content = _file_decoder.decode(text)
    except RecursionError as error:
        raise RecordError(source.name, 1, _TOO_DEEP) from error
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and _is_json(text.lstrip().split("\n", 1)[0]):
            lines = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
            yield from _parse_lines(source, (numbered for numbered in lines if numbered[1]), reject)
            return
        raise RecordError(source.name, error.lineno, _json_reason(error)) from error
    except ValueError as error:
        raise RecordError(source.name, 1, _json_reason(error)) from error
    escapes = _has_surrogate_escape(text)
    del text
    for number, (key, value) in enumerate(_items(source, content, text_names), 1):
        reason = _unusable(value, key, check_surrogates=escapes)
        if reason is None:
            yield RawRecord(number, key, value)
        else:
            reject(RecordError(source.name, number, reason))


class _RepeatedKeys(list[tuple[str, Any]]):
    """The pairs of an object that gives one key more than once; a dict would keep the last and lose the others."""


_TOO_DEEP = "not usable JSON: nested too deeply"


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _RepeatedKeys:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else _RepeatedKeys(pairs)


_line_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_scan_line: Callable[[str, int], tuple[Any, int]] = _line_decoder.scan_once  # type: ignore[attr-defined]
_file_decoder = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_object)


def _parse_lines(source: Source, lines: Iterable[tuple[int, str]], reject: Reject) -> Iterator[RawRecord]:
    for line_number, line in lines:
        try:
            value = _decode_line(line)
        except ValueError as error:
            reject(RecordError(source.name, line_number, _json_reason(error)))
            continue
        except RecursionError:
            reject(RecordError(source.name, line_number, _TOO_DEEP))
            continue
        if type(value) is not dict:
            reject(RecordError(source.name, line_number, f"not a JSON object but {json_kind(value)}"))
        elif _has_surrogate_escape(line) and _has_lone_surrogate(value):
            reject(RecordError(source.name, line_number, _LONE_SURROGATE))
        else:
            yield RawRecord(line_number, None, value)


def _decode_line(line: str) -> Any:
    # scan_once is what decode() calls between two searches for white space, of which the line has none at its ends;
    # it takes 0.8 us where decode() takes 1.8 us on a record of the climate corpus.
    try:
        value, end = _scan_line(line, 0)
    except StopIteration:
        end = -1
    return value if end == len(line) else _line_decoder.decode(line)


def _is_json(text: str) -> bool:
    try:
        _line_decoder.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _items(source: Source, content: Any, text_names: Collection[str]) -> Iterable[tuple[str | None, Any]]:
    if isinstance(content, _RepeatedKeys):
        return content
    if isinstance(content, dict):
        return [(None, content)] if any(name in content for name in text_names) else content.items()
    if isinstance(content, list):
        return ((None, item) for item in content)
    raise RecordError(source.name, 1, f"neither a list nor an object but {json_kind(content)}")


def _unusable(value: Any, key: str | None, *, check_surrogates: bool) -> str | None:
    """Return why the item cannot be a record, or None."""
    if not isinstance(value, str):
        repeated = _repeated_key(value)
        if repeated is not None:
            return f"the field {repeated!r} stands there twice"
        if not isinstance(value, dict):
            where = "not a JSON object" if key is None else f"{key!r} is neither a text nor an object"
            return f"{where} but {json_kind(value)}"
    if check_surrogates and _has_lone_surrogate([key, value]):
        return _LONE_SURROGATE
    return None


def _repeated_key(value: Any) -> str | None:
    """Return a key that stands twice in an object, at any depth."""
    if isinstance(value, _RepeatedKeys):
        counts = Counter(key for key, _ in value)
        return next(key for key, count in counts.items() if count > 1)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((key for item in inner if (key := _repeated_key(item)) is not None), None)


_LONE_SURROGATE = "half of a surrogate pair: an escape such as \\ud83d without its other half is no character"


def _has_surrogate_escape(text: str) -> bool:
    return "\\u" in text and ("\\ud" in text or "\\uD" in text)


def _has_lone_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _json_reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON, column {error.colno}: {error.msg}"
    return f"not valid JSON: {error}"
