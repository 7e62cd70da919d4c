"""Output folder of an evaluation: runs, values, settings and a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from claimhound.data.disk.atomic import require_writable_folder, write_atomically
from claimhound.data.errors import InputError
from claimhound.data.extras import require
from claimhound.data.formats.spreadsheet import for_spreadsheets
from claimhound.data.labelled_sets.judgments import write_qrels
from claimhound.data.labelled_sets.trec import write_run
from claimhound.data.records import Document, Run
from claimhound.indexes.memory import MemoryIndex
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.evaluation.comparison import Comparison
from claimhound.pipeline.evaluation.evaluating import Evaluation
from claimhound.pipeline.evaluation.judged import held_documents
from claimhound.pipeline.evaluation.reporting import comparison_figures, run_figures
from claimhound.pipeline.evaluation.reporting.json_records import json_text
from claimhound.pipeline.evaluation.reporting.report import needed_documents, render_report
from claimhound.pipeline.evaluation.reporting.tables import Column, Table, as_csv, exact_columns, six_decimals
from claimhound.pipeline.evaluation.stage_runs import LISTS

JOURNAL_NAME = "unfinished.journal"
_FILES = (
    *(f"{name}.trec" for name in ("qrels", *LISTS)),
    *("claims.csv", "losses.csv", "evaluation.json", "report.html", "comparison.json", "comparison.csv", JOURNAL_NAME),
)


def write_evaluation(
    evaluation: Evaluation,
    output_dir: Path,
    index: IndexSnapshot | MemoryIndex | None = None,
    *,
    version: str = "",
    command: str | None = None,
) -> list[Path]:
    """Write the results, remove the evaluation's journal, and return the paths.

    `qrels.trec` has the judgments that counted, and each stage has a TREC run, for other tools to confirm the figures;
    `claims.csv` has each claim's values, `losses.csv` each relevant document's fate, and `evaluation.json` all figures
    and settings. `report.html` shows documents from the index, the program's `version` and the `command` that was run.

    Raises InputError if the folder cannot be written.
    """
    make_report_folder(output_dir)
    written = [output_dir / "qrels.trec"]
    write_qrels(evaluation.judged.qrels, written[0])
    if evaluation.stages is not None:
        for name, run in evaluation.runs.items():
            written.append(output_dir / f"{name}.trec")
            write_run(_in_order(run, evaluation), written[-1], tag=f"claimhound-{name}")
    texts = {
        "claims.csv": _claims_csv(evaluation),
        "evaluation.json": json_text(run_figures.as_record(evaluation)) + "\n",
    }
    documents: Mapping[str, Document] = {}
    if index is not None:
        relevant = (doc_id for _, doc_id in evaluation.judged.relevant())
        documents = held_documents(index, [*relevant, *needed_documents(evaluation)])
    if evaluation.stages is not None:
        texts["losses.csv"] = _losses_csv(evaluation, documents)
    texts["report.html"] = render_report(evaluation, documents, version=version, command=command)
    written += _write_texts(texts, output_dir)
    (output_dir / JOURNAL_NAME).unlink(missing_ok=True)
    return written


def write_comparison(comparison: Comparison, output_dir: Path) -> list[Path]:
    """Write `comparison.json`, `comparison.csv` and `claims.csv` with each claim's values, and return the paths.

    Raises InputError if the folder cannot be written.
    """
    make_folder(output_dir)
    texts = {
        "comparison.json": json_text(comparison_figures.as_record(comparison)) + "\n",
        "comparison.csv": comparison_figures.as_csv(comparison),
        "claims.csv": _claims_csv(comparison.evaluation),
    }
    return list(_write_texts(texts, output_dir))


def make_report_folder(path: Path) -> None:
    """Create the folder for `write_evaluation`; to be called before the work, which may take hours.

    Raises InputError if the report's plotting library is not installed, and as `make_folder` does.
    """
    require("matplotlib", "report", "report.html")
    make_folder(path)


def make_folder(path: Path) -> None:
    """Create a folder and its parents. Raises InputError if it cannot be created or written to."""
    try:
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: cannot be written: it is a file, not a folder; choose another --output")
        path.mkdir(parents=True, exist_ok=True)
        require_writable_folder(path)
        in_the_way = [path / name for name in _FILES if (path / name).is_dir()]
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    if in_the_way:
        raise InputError(f"{in_the_way[0]}: is a folder where a file must be written; choose another --output")


def _write_texts(texts: Mapping[str, str], output_dir: Path) -> Iterator[Path]:
    for name, text in texts.items():
        with write_atomically(output_dir / name) as file:
            file.write(for_spreadsheets(text) if name.endswith(".csv") else text)
        yield output_dir / name


def _in_order(run: Run, evaluation: Evaluation) -> Run:
    return {query_id: run[query_id] for query_id in evaluation.judged.query_ids if query_id in run}


def _claims_csv(evaluation: Evaluation) -> str:
    columns = [(name, measure) for name, row in evaluation.values.items() for measure in row]
    rows = [
        (
            claim.query_id,
            claim.text,
            sum(grade > 0 for grade in evaluation.judged.qrels[claim.query_id].values()),
            *(evaluation.values[name][measure][row] for name, measure in columns),
        )
        for row, claim in enumerate(evaluation.judged.claims)
    ]
    values = (Column(f"{name} {measure}", six_decimals) for name, measure in columns)
    return as_csv(Table((*exact_columns("claim_id", "claim", "n_relevant"), *values), rows))


def _losses_csv(evaluation: Evaluation, documents: Mapping[str, Document]) -> str:
    assert evaluation.stages is not None
    claims = {claim.query_id: claim.text for claim in evaluation.judged.claims}
    columns = exact_columns("claim_id", "claim", "doc_id", "text", "grade", "fate", *(f"{name} rank" for name in LISTS))
    rows = [
        (
            loss.query_id,
            claims[loss.query_id],
            loss.doc_id,
            documents[loss.doc_id].text if loss.doc_id in documents else "",
            loss.grade,
            loss.fate,
            *(loss.ranks.get(name) for name in LISTS),
        )
        for loss in evaluation.stages.losses
    ]
    return as_csv(Table(columns, rows))
