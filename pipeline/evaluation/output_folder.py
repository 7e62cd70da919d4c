"""The folder that an evaluation leaves behind: runs, values, settings and a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from claimhound.data.disk.atomic import require_writable_folder, write_atomically
from claimhound.data.errors import InputError
from claimhound.data.formats.spreadsheet import for_spreadsheets
from claimhound.data.labelled_sets.judgments import write_qrels
from claimhound.data.labelled_sets.trec import write_run
from claimhound.data.records import Document, Run
from claimhound.indexes.memory import MemoryIndex
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.evaluation.comparison import Comparison
from claimhound.pipeline.evaluation.evaluating import LISTS, Evaluation
from claimhound.pipeline.evaluation.judged import held_documents
from claimhound.pipeline.evaluation.report import needed_documents, render_report
from claimhound.pipeline.evaluation.tables import (
    comparison_csv,
    comparison_record,
    csv_text,
    evaluation_record,
    json_text,
)

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
    """Write what was measured, and give up the journal of the evaluation; returns the paths.

    The judgments that counted (`qrels.trec`) and a TREC run of each stage, so that other tools can confirm the figures;
    `claims.csv` with each claim's values; `losses.csv` with each relevant document's fate; `evaluation.json` with all
    figures and settings; and `report.html`, with texts of documents out of the index, and with the program's `version`
    and the `command` that measured.

    Raises InputError if the folder cannot be written.
    """
    make_folder(output_dir)
    written = [output_dir / "qrels.trec"]
    write_qrels(evaluation.judged.qrels, written[0])
    if evaluation.stages is not None:
        for name, run in evaluation.runs.items():
            written.append(output_dir / f"{name}.trec")
            write_run(_in_order(run, evaluation), written[-1], tag=f"claimhound-{name}")
    texts = {"claims.csv": _claims_csv(evaluation), "evaluation.json": json_text(evaluation_record(evaluation)) + "\n"}
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
    """Write `comparison.json`, `comparison.csv` and `claims.csv` with each claim's values; returns the paths.

    Raises InputError if the folder cannot be written.
    """
    make_folder(output_dir)
    texts = {
        "comparison.json": json_text(comparison_record(comparison)) + "\n",
        "comparison.csv": comparison_csv(comparison),
        "claims.csv": _claims_csv(comparison.evaluation),
    }
    return list(_write_texts(texts, output_dir))


def make_folder(path: Path) -> None:
    """Make a folder and those above it; raises InputError where it cannot be made, or nothing be written there."""
    try:
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: cannot be written: is a file, and a folder is wanted")
        path.mkdir(parents=True, exist_ok=True)
        require_writable_folder(path)
        in_the_way = [path / name for name in _FILES if (path / name).is_dir()]
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    if in_the_way:
        raise InputError(f"{in_the_way[0]}: is a folder, and a file is to be written; name another with --output")


def _write_texts(texts: Mapping[str, str], output_dir: Path) -> Iterator[Path]:
    for name, text in texts.items():
        with write_atomically(output_dir / name) as file:
            file.write(for_spreadsheets(text) if name.endswith(".csv") else text)
        yield output_dir / name


def _in_order(run: Run, evaluation: Evaluation) -> Run:
    return {query_id: run[query_id] for query_id in evaluation.judged.query_ids if query_id in run}


def _claims_csv(evaluation: Evaluation) -> str:
    columns = [(name, measure) for name, row in evaluation.values.items() for measure in row]
    return csv_text(
        ("claim_id", "claim", "n_relevant", *(f"{name} {measure}" for name, measure in columns)),
        (
            (
                claim.query_id,
                claim.text,
                sum(grade > 0 for grade in evaluation.judged.qrels[claim.query_id].values()),
                *(f"{evaluation.values[name][measure][row]:.6f}" for name, measure in columns),
            )
            for row, claim in enumerate(evaluation.judged.claims)
        ),
    )


def _losses_csv(evaluation: Evaluation, documents: Mapping[str, Document]) -> str:
    assert evaluation.stages is not None
    claims = {claim.query_id: claim.text for claim in evaluation.judged.claims}
    return csv_text(
        ("claim_id", "claim", "doc_id", "text", "grade", "fate", *(f"{name} rank" for name in LISTS)),
        (
            (
                loss.query_id,
                claims[loss.query_id],
                loss.doc_id,
                documents[loss.doc_id].text if loss.doc_id in documents else "",
                loss.grade,
                loss.fate,
                *(loss.ranks.get(name) or "" for name in LISTS),
            )
            for loss in evaluation.stages.losses
        ),
    )
