"""A sentence with another number in it, and with the same number written in another way."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import NamedTuple

from claimhound.data.rewording.clauses import main_clause
from claimhound.data.rewording.word_lists import words

_WORDS = words("two three four five six seven eight nine ten eleven twelve")
_SCALES = {"million": "billion", "billion": "million", "trillion": "billion", "thousand": "million"}
_UNITS = {
    "kilometres": "metres", "kilometers": "meters", "km": "metres", "metres": "kilometres", "meters": "kilometers",
    "years": "days", "days": "years", "hours": "days", "minutes": "hours", "seconds": "hours", "weeks": "years",
    "months": "days", "centuries": "days", "miles": "yards", "kilograms": "grams", "tonnes": "kilograms",
}  # fmt: skip
_FOUND = re.compile(
    rf"(?<= )(?P<number>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?|{'|'.join(_WORDS)})"
    r"(?P<percent>%| percent\b| per cent\b)?(?P<unit> [a-z]+)?(?=[ .,)])"
)
_DATE_WORD = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_BEFORE_YEAR = rf"(?:in|on \d{{1,2}} {_DATE_WORD}|{_DATE_WORD} \d{{1,2}},|{_DATE_WORD}|since)"
_YEAR = re.compile(rf"\b{_BEFORE_YEAR} (?P<year>1[4-9]\d\d|20[0-2]\d)(?=[ .,])(?! (?:and|or|to|until)\b)")
_HAPPENS_ONCE = re.compile(
    r"\b(?:born|founded|established|released|published|died|built|completed|created|introduced|discovered|invented|"
    r"abolished|dissolved|ratified|premiered|inaugurated|demolished|destroyed|enacted|launched|incorporated|"
    r"independence|married|assassinated|patented|commissioned|constructed|debuted|since)\b"
)
_NOT_A_QUANTITY = frozenset(
    words(
        "than least most over under up nearly almost about around approximately roughly some between or to and figure "
        "table section chapter type grade stage phase day week level page number no group version step class category "
        "article channel route the these those other first next last top within below above exactly only nor of every "
        "age aged another past maximum minimum from any chromosome factor year week month day times plus x as through"
    )
)
_NOT_AFTER = frozenset(
    words("or to and ci confidence times fold january th st nd rd bc ad or more other am pm s more less and")
)


class _Quantity(NamedTuple):
    """A number in a sentence: its place, its value, and what follows it."""

    start: int
    end: int
    value: float
    written: str
    percent: str
    unit: str


def other_numbers(sentence: str, draw: random.Random) -> Iterator[str]:
    """Yield the sentence with a number, a scale, a unit or a year that is clearly another one."""
    if (found := _single_year(sentence)) and _HAPPENS_ONCE.search(sentence):
        start, end = found.span("year")
        year = int(found["year"])
        moved = [year + step for step in (-40, -27, -18, -11, -7, -4, 4, 7, 11, 18, 27, 40) if year + step <= 2025]
        yield sentence[:start] + str(draw.choice(moved)) + sentence[end:]
    for quantity in _quantities(sentence):
        before, after = sentence[: quantity.start], sentence[quantity.end :]
        other = _other_value(quantity, draw)
        if other is not None and other != quantity.written:
            yield before + other + quantity.percent + after
            if quantity.value >= 10:
                yield before + _bound(quantity, draw) + after
        unit = quantity.unit.strip()
        if unit in _SCALES or (unit in _UNITS and quantity.value != 1):
            changed = _SCALES.get(unit) or _UNITS[unit]
            yield before + quantity.written + after.replace(unit, changed, 1)


def same_numbers(sentence: str) -> Iterator[str]:
    """Yield the sentence with a number rounded, bounded or written in another way, which it still supports."""
    for quantity in _quantities(sentence):
        before, after = sentence[: quantity.start], sentence[quantity.end :]
        if quantity.written in _WORDS:
            yield before + str(int(quantity.value)) + after
        elif not quantity.percent and quantity.written.isdecimal() and 2 <= quantity.value <= 12:
            if len(quantity.unit) > 4:  # "5 km" stays
                yield before + _WORDS[int(quantity.value) - 2] + after
        elif quantity.percent:
            yield before + quantity.written + (" percent" if quantity.percent == "%" else "%") + after
        rounded = _rounded(quantity.value)
        if quantity.written not in _WORDS and quantity.value >= 13 and rounded is not None:
            near, low, high = rounded
            percent = quantity.percent
            yield f"{before}about {_written(near)}{percent}{after}"
            yield f"{before}more than {_written(low)}{percent}{after}"
            yield (
                f"{before}less than {_written(high)}{percent}{after}"
                if percent
                else (f"{before}fewer than {_written(high)}{after}")
            )


def _single_year(sentence: str) -> re.Match[str] | None:
    found = list(_YEAR.finditer(sentence))
    years = re.findall(r"\b(?:1[0-9]|20)\d\d\b", sentence)
    return found[0] if len(found) == 1 and len(years) == 1 else None


def _quantities(sentence: str) -> Iterator[_Quantity]:
    clause = main_clause(sentence)
    if "respectively" in sentence or (clause is not None and not clause.is_whole):
        return
    for found in _FOUND.finditer(sentence):
        before = sentence[: found.start()].split()
        written, percent, unit = found["number"], found["percent"] or "", (found["unit"] or "").lower()
        last = before[-1] if before else ""
        is_plain = last.isalpha() and last.islower() and last not in _NOT_A_QUANTITY
        if not (is_plain or (percent and last == "of")) or unit.strip() in _NOT_AFTER:
            continue
        if unit.strip() == "of" and not percent:
            continue
        value = float(_WORDS.index(written) + 2) if written in _WORDS else float(written.replace(",", ""))
        is_year = not percent and "," not in written and 1000 <= value <= 2100 and value == int(value)
        follows = sentence[found.end("number") + len(percent) :]
        if last == "in" and value >= 100 and not percent and "," not in written:
            continue  # a year long ago
        if is_year or value < 2 or (not unit and not percent) or re.match(rf" {_DATE_WORD}|[-–)]", follows):
            continue
        if re.match(r" (?:[a-z]+ )?(?:or|to|and) (?:\d|more|less|fewer)", follows):
            continue
        yield _Quantity(found.start(), found.end("number") + len(percent), value, written, percent, unit)


def _other_value(quantity: _Quantity, draw: random.Random) -> str | None:
    value = quantity.value
    if quantity.written in _WORDS:
        return draw.choice([word for number, word in enumerate(_WORDS, 2) if abs(number - value) >= 2])
    if quantity.percent:
        others = [other for other in (3, 8, 15, 24, 35, 48, 60, 75, 88, 95) if abs(other - value) >= 14]
        return _like(
            quantity.written, draw.choice([other for other in others if not 0.6 < other / value < 1.6] or others)
        )
    return _like(quantity.written, value * draw.choice((0.3, 0.4, 0.5, 2, 2.5, 3)))


def _bound(quantity: _Quantity, draw: random.Random) -> str:
    """Return an approximate number that the quantity contradicts."""
    value, percent = quantity.value, quantity.percent
    few = "less" if percent else "fewer"
    ways = [("about", 0.5), (f"{few} than", 0.6)]
    if not percent or value <= 45:
        ways += [("about", 2), ("more than", 1.8)]
    word, factor = draw.choice(ways)
    near = float(f"{value * factor:.1g}") if value * factor < 10 else float(f"{value * factor:.2g}")
    return f"{word} {_written(near)}{percent}"


def _like(written: str, value: float) -> str:
    """Return a value with as many decimals as the given number."""
    decimals = len(written.partition(".")[2])
    if "." not in written and value >= 100:
        value = float(f"{value:.2g}") if written.endswith("0") else float(f"{value:.3g}") + 1
    text = f"{value:,.{decimals}f}"
    return text if "," in written or value >= 10_000 else text.replace(",", "")


def _written(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _rounded(value: float) -> tuple[float, float, float] | None:
    """Return a value near a number, one below and one above it, all round; None if the number is round itself."""
    step = 1.0
    while step * 100 <= value:
        step *= 10
    step = step if value >= 100 or value != int(value) else 10.0
    if value % step == 0:
        return None
    low = value // step * step
    near = low if value - low <= step / 2 else low + step
    # "about 20" for 15 is not what a reader would call the same
    if abs(near - value) > 0.06 * value:
        near = value
    return (near, low, low + step) if near != value and low > 0 else None
