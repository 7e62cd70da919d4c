"""Decoding of JSON that is fast for valid texts and lenient for what pandas and other programs write as JSON."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from claimhound.data.formats.plain_values import DEEPEST, LongNumber

MANY_BRACKETS = DEEPEST // 2
"""Fewer brackets of each kind cannot nest more deeply than is read."""

_TOO_DEEP = "not usable JSON: nested too deeply"
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


class RepeatedKeys(list[tuple[str, Any]]):
    """The pairs of an object with a repeated key; a dict would keep only the last value."""


class _OddNumberError(ValueError):
    """A number that is not JSON, or too large for a float."""


def _refuse_constant(word: str) -> NoReturn:
    raise _OddNumberError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _OddNumberError(f"{digits} is too large for a number")
    return number


def _whole(digits: str) -> int | LongNumber:
    try:
        return int(digits)
    except ValueError:  # Python's limit of 4,300 digits
        return LongNumber()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | RepeatedKeys:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else RepeatedKeys(pairs)


# Odd values are rare: the first two decoders refuse them and are fast; what they refuse is read again by the others.
line_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_file_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_object)
_odd_line_decoder = json.JSONDecoder(parse_int=_whole)
_odd_file_decoder = json.JSONDecoder(parse_int=_whole, object_pairs_hook=_object)


def decode_file(text: str) -> tuple[Any, bool]:
    """Return the content, with RepeatedKeys, and whether it may contain odd values; raises ValueError if not JSON."""
    try:
        return _file_decoder.decode(text), False
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError):
        return _decode_odd(text, _odd_file_decoder), True


def decode_odd_line(text: str) -> Any:
    """Return the value of a text with NaN, Infinity, long numbers or deep nesting; raises ValueError if not JSON."""
    return _decode_odd(text, _odd_line_decoder)


def is_json(text: str) -> bool:
    """Tell whether a text is JSON, possibly with odd values."""
    try:
        decode_odd_line(text)
    except ValueError:
        return False
    return True


def json_reason(error: ValueError) -> str:
    """Return the reason for an error about a text that cannot be decoded."""
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON, column {error.colno}: {error.msg}"
    return str(error)


def _decode_odd(text: str, decoder: json.JSONDecoder) -> Any:
    try:
        return decoder.decode(text)
    except RecursionError:
        pass
    try:
        return decoder.decode(_cut(text))
    except (ValueError, RecursionError) as error:
        raise ValueError(_TOO_DEEP) from error


def _cut(text: str) -> str:
    """Return the JSON text with null for values nested more deeply than any field that is kept."""
    kept: list[str] = []
    depth = position = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth == DEEPEST + MANY_BRACKETS:
                kept.append(text[position : match.start()])
                kept.append("null")
        elif match[0] in "]}":
            depth -= 1
            if depth == DEEPEST + MANY_BRACKETS - 1:
                position = match.end()
    return "".join(kept) + text[position:]
