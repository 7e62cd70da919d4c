"""Figures of an evaluation as text, JSON, CSV and LaTeX."""

from __future__ import annotations

from dataclasses import asdict

from claimhound.data.records import Json
from claimhound.data.text.terminal_text import printable
from claimhound.data.text.wording import counted
from claimhound.pipeline.evaluation.evaluating import Evaluation, StageReport
from claimhound.pipeline.evaluation.evidence_sets import SETS_EXPLAINED, has_set_measures
from claimhound.pipeline.evaluation.losses import count_fates, count_finders, explain_fates
from claimhound.pipeline.evaluation.reporting import tables
from claimhound.pipeline.evaluation.reporting.json_records import FIGURES_SCHEMA, interval_record, paired_test_record
from claimhound.pipeline.evaluation.reporting.tables import (
    UNLIMITED,
    Column,
    Table,
    count,
    exact_columns,
    fits,
    short,
    six_decimals,
    with_interval,
    wrapped,
)
from claimhound.pipeline.evaluation.shown_sets import WithCopies


def as_text(evaluation: Evaluation, width: int | None = None) -> str:
    """Return the figures as text, as wide as the terminal unless `width` is given."""
    title = f"{counted(len(evaluation.judged.claims), 'claim')}: mean of each measure and its 95 % interval over claims"
    parts = [wrapped(title, width), _measures_text(evaluation, width)]
    if has_set_measures(evaluation.measures):
        parts.append(wrapped(f"{SETS_EXPLAINED}.", width))
    if evaluation.stages is not None:
        parts += _stage_parts(evaluation.stages, width)
    return "\n\n".join(parts)


def as_record(evaluation: Evaluation) -> dict[str, Json]:
    """Return all figures as JSON; null where there is no number."""
    record: dict[str, Json] = {
        "schema": FIGURES_SCHEMA,
        "n_claims": len(evaluation.judged.claims),
        "measures": {
            name: {measure: interval_record(interval) for measure, interval in row.items()}
            for name, row in evaluation.intervals.items()
        },
        "findings": [
            {"kind": finding.kind, "text": finding.text, "n": len(finding.items), "items": list(finding.items)}
            for finding in evaluation.findings
        ],
        "measuring_s": round(evaluation.measuring_s, 3),
        "settings": evaluation.settings,
    }
    return record if evaluation.stages is None else record | _stage_record(evaluation.stages)


def as_csv(evaluation: Evaluation) -> str:
    """Return a line for each list and measure."""
    columns = (
        *exact_columns("list", "measure"),
        *(Column(name, six_decimals) for name in ("mean", "low", "high")),
        *exact_columns("n_claims"),
    )
    rows = [
        (name, measure, *interval, len(evaluation.judged.claims))
        for name, row in evaluation.intervals.items()
        for measure, interval in row.items()
    ]
    return tables.as_csv(Table(columns, rows))


def as_latex(evaluation: Evaluation) -> str:
    """Return a booktabs table: a row for each measure, a column for each list."""
    return tables.as_latex(_measures(evaluation))


def with_copies_text(item: WithCopies) -> str:
    """Return a sentence on a list with near-copies folded."""
    return (
        f"With copies folded, first {item.k}: recall {with_interval(item.recall)}, where a relevant document counts "
        f"as found if it or a copy of it is shown; {item.mean_copies:.1f} copies per claim"
    )


def _measures(evaluation: Evaluation) -> Table:
    columns = [Column("", side="left"), *(Column(name, with_interval) for name in evaluation.intervals)]
    rows = [(measure, *(row[measure] for row in evaluation.intervals.values())) for measure in evaluation.measures]
    return Table(columns, rows)


def _measures_text(evaluation: Evaluation, width: int | None) -> str:
    """Return a column for each list, or a table for each list if the columns do not fit side by side."""
    table = _measures(evaluation)
    table = table._replace(columns=[column._replace(name=printable(column.name)) for column in table.columns])
    wide = tables.as_text(table, UNLIMITED)
    if fits(wide, width):
        return wide
    unnamed = (Column("", side="left"), Column("", with_interval, "left"))
    return "\n\n".join(
        f"{column.name}\n{tables.as_text(Table(unnamed, [(row[0], row[number]) for row in table.rows]), width)}"
        for number, column in enumerate(table.columns[1:], start=1)
    )


def _stage_parts(stages: StageReport, width: int | None) -> list[str]:
    parts: list[str] = []
    if stages.losses:
        parts.append(_losses_text(stages, width))
    shown = [
        f"Evidence as a set, {item.name}: F-score {with_interval(item.f_score)}, "
        f"precision {short(item.precision.mean)}, recall {short(item.recall.mean)}, {item.mean_size:.1f} per claim"
        for item in stages.returned
    ]
    if stages.with_copies is not None:
        shown.append(with_copies_text(stages.with_copies))
    shown += [
        f"Probabilities of the first {item.k}: {short(item.mean_probability)} on average, "
        f"{short(item.share_relevant)} judged relevant, expected calibration error {short(item.error)}"
        for item in stages.reliability
    ]
    if stages.stored_calibration is not None:
        shown.append(stages.stored_calibration)
    if stages.told_nothing is not None:
        shown.append(stages.told_nothing.text)
    parts.append("\n".join(wrapped(line, width) for line in shown))
    if stages.verdict is not None:
        parts.append(wrapped(stages.verdict.text, width))
    return parts


def _losses_text(stages: StageReport, width: int | None) -> str:
    counts = count_fates(stages.losses)
    texts = explain_fates(stages.shown_k, stages.config, stages.list_k)
    table = Table(
        (Column("", count), Column("", side="left")),
        [(counts[fate], text) for fate, text in texts.items() if fate in counts],
        title=f"What became of the {len(stages.losses):,} relevant documents",
    )
    finders = count_finders(stages.losses, stages.config.first_stage_k)
    who = ", ".join(f"{n:,} by {name}" for name, n in finders.items())
    found = f"Ranked among the first {stages.config.first_stage_k:,}: {who}"
    return f"{tables.as_text(table, width)}\n{wrapped(found, width)}"


def _stage_record(stages: StageReport) -> dict[str, Json]:
    return {
        "verdict": None
        if stages.verdict is None
        else {
            "word": stages.verdict.word,
            "text": stages.verdict.text,
            "before": stages.verdict.before,
            "means": {**stages.verdict.means},
            "test": paired_test_record(stages.verdict.test),
        },
        "losses": {
            "counts": {str(fate): n for fate, n in count_fates(stages.losses).items()},
            "finders": {**count_finders(stages.losses, stages.config.first_stage_k)},
        },
        "returned": [
            {
                "name": item.name,
                "mean_size": item.mean_size,
                "precision": interval_record(item.precision),
                "recall": interval_record(item.recall),
                "f_score": interval_record(item.f_score),
            }
            for item in stages.returned
        ],
        "with_copies": None
        if stages.with_copies is None
        else {
            "k": stages.with_copies.k,
            "recall": interval_record(stages.with_copies.recall),
            "mean_copies": stages.with_copies.mean_copies,
        },
        "calibration": [asdict(item) | {"bins": [asdict(bin_) for bin_ in item.bins]} for item in stages.reliability],
        "told_nothing": None if stages.told_nothing is None else asdict(stages.told_nothing),
        "timings_ms": {name: round(value, 3) for name, value in stages.timings_ms.items()},
        "n_searched": stages.n_searched,
        "search_s": round(stages.search_s, 3),
    }
