"""Figures of evaluations and comparisons: text for people, JSON and CSV for programs, LaTeX for papers."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Literal, TypeAlias

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from claimhound.data.formats.spreadsheet import guarded_table
from claimhound.data.records import Json
from claimhound.data.text.terminal_text import printable
from claimhound.pipeline.evaluation.comparison import ClaimChange, Comparison
from claimhound.pipeline.evaluation.evaluating import Evaluation, StageReport, WithCopies
from claimhound.pipeline.evaluation.evidence_sets import SETS_EXPLAINED, has_set_measures
from claimhound.pipeline.evaluation.losses import count_fates, count_finders, explain_fates
from claimhound.pipeline.evaluation.statistics import Interval, PairedTest

_NO_NUMBER = "–"
Side: TypeAlias = Literal["left", "right"]
_RIGHT: Side = "right"
_NARROWEST = 30
_WIDEST = 10_000


def evaluation_text(evaluation: Evaluation, width: int | None = None) -> str:
    """Return the figures for people, as wide as the terminal at hand unless `width` is given."""
    n_claims = len(evaluation.judged.claims)
    what = f"{n_claims:,} claim{'' if n_claims == 1 else 's'}"
    title = f"{what}: mean of each measure and its 95 % interval over claims"
    parts = [_wrapped(title, width), _measure_table(evaluation, width)]
    if has_set_measures(evaluation.measures):
        parts.append(_wrapped(f"{SETS_EXPLAINED}.", width))
    if evaluation.stages is not None:
        parts += _stage_parts(evaluation.stages, width)
    return "\n\n".join(parts)


def _stage_parts(stages: StageReport, width: int | None) -> list[str]:
    parts: list[str] = []
    if stages.losses:
        counts = count_fates(stages.losses)
        texts = explain_fates(stages.shown_k, stages.config, stages.list_k)
        rows = [(f"{counts[fate]:,}", text) for fate, text in texts.items() if fate in counts]
        finders = count_finders(stages.losses, stages.config.first_stage_k)
        who = ", ".join(f"{n:,} by {name}" for name, n in finders.items())
        parts.append(
            f"What became of the {len(stages.losses):,} relevant documents\n"
            + _grid(("", ""), rows, width, ("right", "left"), with_head=False)
            + "\n"
            + _wrapped(f"Put forward among the first {stages.config.first_stage_k:,}: {who}", width)
        )
    shown = [
        f"Evidence as a set, {item.name}: F-score {_with_interval(item.f_score)}, "
        f"precision {_short(item.precision.mean)}, recall {_short(item.recall.mean)}, {item.mean_size:.1f} a claim"
        for item in stages.returned
    ]
    if stages.with_copies is not None:
        shown.append(with_copies_text(stages.with_copies))
    shown += [
        f"Probabilities of the first {item.k}: {_short(item.mean_probability)} on average, "
        f"{_short(item.share_relevant)} judged relevant, expected calibration error {_short(item.error)}"
        for item in stages.calibrations
    ]
    if stages.stored_calibration is not None:
        shown.append(stages.stored_calibration)
    if stages.told_nothing is not None:
        shown.append(stages.told_nothing.text)
    parts.append("\n".join(_wrapped(line, width) for line in shown))
    if stages.verdict is not None:
        parts.append(_wrapped(stages.verdict.text, width))
    return parts


def with_copies_text(item: WithCopies) -> str:
    """Return the figure of a list in which near-copies are one piece, with what it means."""
    return (
        f"With copies folded, first {item.k}: recall {_with_interval(item.recall)}, where a relevant document counts "
        f"as found when it or a copy of it is shown; {item.mean_copies:.1f} copies a claim"
    )


def evaluation_record(evaluation: Evaluation) -> dict[str, Json]:
    """Return all figures as JSON; what is no number is null."""
    record: dict[str, Json] = {
        "n_claims": len(evaluation.judged.claims),
        "measures": {
            name: {measure: _interval_record(interval) for measure, interval in row.items()}
            for name, row in evaluation.intervals.items()
        },
        "findings": [
            {"kind": finding.kind, "text": finding.text, "n": len(finding.items), "items": list(finding.items)}
            for finding in evaluation.findings
        ],
        "measuring_s": round(evaluation.measuring_s, 3),
        "settings": evaluation.settings,
    }
    stages = evaluation.stages
    if stages is not None:
        record |= {
            "verdict": None
            if stages.verdict is None
            else {
                "word": stages.verdict.word,
                "text": stages.verdict.text,
                "before": stages.verdict.before,
                "means": {**stages.verdict.means},
                "test": _test_record(stages.verdict.test),
            },
            "losses": {
                "counts": {str(fate): n for fate, n in count_fates(stages.losses).items()},
                "finders": {**count_finders(stages.losses, stages.config.first_stage_k)},
            },
            "returned": [
                {
                    "name": item.name,
                    "mean_size": item.mean_size,
                    "precision": _interval_record(item.precision),
                    "recall": _interval_record(item.recall),
                    "f_score": _interval_record(item.f_score),
                }
                for item in stages.returned
            ],
            "with_copies": None
            if stages.with_copies is None
            else {
                "k": stages.with_copies.k,
                "recall": _interval_record(stages.with_copies.recall),
                "mean_copies": stages.with_copies.mean_copies,
            },
            "calibration": [
                asdict(item) | {"bins": [asdict(bin_) for bin_ in item.bins]} for item in stages.calibrations
            ],
            "told_nothing": None if stages.told_nothing is None else asdict(stages.told_nothing),
            "timings_ms": {name: round(value, 3) for name, value in stages.timings_ms.items()},
            "n_searched": stages.n_searched,
            "search_s": round(stages.search_s, 3),
        }
    return record


def evaluation_csv(evaluation: Evaluation) -> str:
    """Return a line for each list and measure under a header."""
    return csv_text(
        ("list", "measure", "mean", "low", "high", "n_claims"),
        (
            (name, measure, *map(_cell, interval), len(evaluation.judged.claims))
            for name, row in evaluation.intervals.items()
            for measure, interval in row.items()
        ),
    )


def evaluation_latex(evaluation: Evaluation) -> str:
    """Return a booktabs table: a row for each measure, a column for each list."""
    return latex_text(("", *evaluation.intervals), _measure_rows(evaluation))


def comparison_text(comparison: Comparison, width: int | None = None) -> str:
    """Return the differences for people."""
    n_tests = sum(len(row) for row in comparison.tests.values())
    title = (
        f"{len(comparison.evaluation.judged.claims):,} claims; differences with 95 % intervals over claims; p of a "
        f"randomisation test, and Holm's p for the {n_tests} tests together"
    )
    parts = [_wrapped(title, width)]
    for name, tests in comparison.tests.items():
        against = f"{printable(name)} against {printable(comparison.baseline)}"
        parts.append(f"{against}\n{_difference_table(comparison, name, tests, width)}")
        if comparison.changes[name]:
            lines = [f"Claims that changed most in {comparison.change_measure}, and where relevant documents went"]
            for change in comparison.changes[name]:
                lines += _change_lines(change)
            parts.append("\n".join(_wrapped(line, width) for line in lines))
    return "\n\n".join(parts)


def _difference_table(comparison: Comparison, name: str, tests: dict[str, PairedTest], width: int | None) -> str:
    means = comparison.evaluation.means
    rows = [
        (
            measure,
            _short(means[comparison.baseline][measure]),
            _short(means[name][measure]),
            _with_interval(test.difference, signed=True),
            _p(test.p),
            _p(test.p_holm),
            f"{test.won}/{test.lost}/{test.tied}",
        )
        for measure, test in tests.items()
    ]
    head = ("", "before", "after", "difference", "p", "p Holm", "won/lost/tied")
    wide = _grid(head, rows, _WIDEST, ("left", *[_RIGHT] * 6))
    if _fits(wide, width):
        return wide
    return "\n".join(
        _wrapped(f"{row[0]}: {row[1]} to {row[2]}, {row[3]}, p {row[4]}, Holm's {row[5]}, {row[6]}", width)
        for row in rows
    )


def comparison_record(comparison: Comparison) -> dict[str, Json]:
    """Return all figures of a comparison as JSON."""
    evaluation = evaluation_record(comparison.evaluation)
    return {
        "n_claims": evaluation["n_claims"],
        "baseline": comparison.baseline,
        "measures": evaluation["measures"],
        "change_measure": comparison.change_measure,
        "differences": {
            name: {measure: _test_record(test) for measure, test in row.items()}
            for name, row in comparison.tests.items()
        },
        "changes": {
            name: [
                {
                    "claim": change.query_id,
                    "text": change.text,
                    "before": change.before,
                    "after": change.after,
                    "moved": [move._asdict() for move in change.moved],
                }
                for change in changes
            ]
            for name, changes in comparison.changes.items()
        },
        "findings": evaluation["findings"],
        "settings": comparison.evaluation.settings,
    }


def comparison_csv(comparison: Comparison) -> str:
    """Return a line for each run and measure under a header."""
    return csv_text(
        (
            "run",
            "against",
            "measure",
            "before",
            "after",
            "difference",
            "low",
            "high",
            "p",
            "p_holm",
            "won",
            "lost",
            "tied",
        ),
        (
            (name, comparison.baseline, *row)
            for name, tests in comparison.tests.items()
            for row in _difference_rows(comparison, name, tests)
        ),
    )


def comparison_latex(comparison: Comparison) -> str:
    """Return a booktabs table: a row for each run and measure."""
    rows = [
        (
            name,
            measure,
            _with_interval(test.difference, signed=True),
            _p(test.p),
            _p(test.p_holm),
        )
        for name, tests in comparison.tests.items()
        for measure, test in tests.items()
    ]
    return latex_text(("run", "measure", f"difference to {comparison.baseline}", "p", "p (Holm)"), rows)


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return lines of CSV under a header, ended by LF; texts are guarded that a spreadsheet takes for formulas."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerows(guarded_table([head, *rows]))
    return page.getvalue()


def latex_text(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for the LaTeX package booktabs; special characters are escaped."""
    from tabulate import tabulate

    text: str = tabulate(
        [[cell.replace(_NO_NUMBER, "--") for cell in row] for row in rows],
        headers=list(head),
        tablefmt="latex_booktabs",
        disable_numparse=True,
    )
    return text


def json_text(record: Json) -> str:
    """Return JSON in lines, as files and standard output hold it."""
    return json.dumps(record, ensure_ascii=False, allow_nan=False, indent=2)


def _measure_table(evaluation: Evaluation, width: int | None) -> str:
    """Return a column for each list, or where these do not fit side by side a table for each."""
    rows = _measure_rows(evaluation)
    names = [printable(name) for name in evaluation.intervals]
    wide = _grid(("", *names), rows, _WIDEST, ("left", *[_RIGHT] * len(names)))
    if _fits(wide, width):
        return wide
    return "\n\n".join(
        f"{name}\n" + _grid(("", ""), [(row[0], row[number]) for row in rows], width, ("left", "left"), with_head=False)
        for number, name in enumerate(names, start=1)
    )


def _measure_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    return [
        (measure, *(_with_interval(row[measure]) for row in evaluation.intervals.values()))
        for measure in evaluation.measures
    ]


def _grid(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    width: int | None,
    sides: Sequence[Side],
    *,
    with_head: bool = True,
) -> str:
    table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False, show_header=with_head)
    for name, side in zip(head, sides, strict=True):
        table.add_column(name, justify=side, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return _printed(table, width)


def _wrapped(text: str, width: int | None) -> str:
    """Return the text in lines that fit, later ones as far in as the first; words are broken only if they must be."""
    indent = text[: len(text) - len(text.lstrip())]
    return _printed(Padding(Text(text.strip()), (0, 0, 0, len(indent))), width)


def _printed(what: RenderableType, width: int | None) -> str:
    page = io.StringIO()
    console = Console(file=page, width=_width(width), highlight=False, markup=False)
    console.print(what)
    return "\n".join(line.rstrip(" ") for line in page.getvalue().rstrip("\n").split("\n"))


def _fits(text: str, width: int | None) -> bool:
    return max(map(cell_len, text.splitlines())) <= _width(width)


def _width(width: int | None) -> int:
    return max(_NARROWEST, Console(file=io.StringIO()).width if width is None else width)


def _change_lines(change: ClaimChange) -> list[str]:
    values = f"{_short(change.before)} to {_short(change.after)}"
    lines = [f"{values}  {printable(change.query_id)}  {printable(change.text)}".rstrip()]
    for move in change.moved:
        before = _NO_NUMBER if move.before is None else f"#{move.before}"
        after = _NO_NUMBER if move.after is None else f"#{move.after}"
        lines.append(f"    {before} to {after}  {printable(move.doc_id)}  {printable(move.text)}".rstrip())
    return lines


def _difference_rows(comparison: Comparison, name: str, tests: dict[str, PairedTest]) -> Iterable[tuple[object, ...]]:
    for measure, test in tests.items():
        yield (
            measure,
            _cell(comparison.evaluation.intervals[comparison.baseline][measure].mean),
            _cell(comparison.evaluation.intervals[name][measure].mean),
            *map(_cell, (*test.difference, test.p, test.p_holm)),
            test.won,
            test.lost,
            test.tied,
        )


def _with_interval(interval: Interval, *, signed: bool = False) -> str:
    if math.isnan(interval.low):
        return _short(interval.mean, signed=signed)
    low, high = _short(interval.low, signed=signed), _short(interval.high, signed=signed)
    return f"{_short(interval.mean, signed=signed)} [{low}, {high}]"


def _short(value: float, *, signed: bool = False) -> str:
    """Return three decimals without the zero before the point: .157, 1.000, +.031."""
    if math.isnan(value):
        return _NO_NUMBER
    text = f"{value:+.3f}" if signed else f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 0.9995 else text


def _p(p: float) -> str:
    """Return a p-value; what 9,999 resamples cannot tell from 0 is below their smallest."""
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6f}"


def _interval_record(interval: Interval) -> dict[str, Json]:
    return {name: None if math.isnan(value) else value for name, value in interval._asdict().items()}


def _test_record(test: PairedTest) -> dict[str, Json]:
    return test._asdict() | {"difference": _interval_record(test.difference)}
