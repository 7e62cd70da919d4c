"""Quality in other fields than climate: `python -m tests.benchmarks.fields FOLDER [--encoder MODEL] …`.

FOLDER is a folder of public data sets, each file as published, .gz, .xz or .zst:

scifact           claims_dev.jsonl, corpus.jsonl
healthver         claims_dev.jsonl, corpus.jsonl
fool_me_twice     dev.jsonl
checkthat2022_2a  CT2022-Task2A-EN-Train-Dev_Queries.tsv, -Train_QRELs.tsv, -Dev_QRELs.tsv, verified_claims.jsonl

In each field our encoder, its fusion with BM25 and our reranker are compared with a baseline, by default
all-MiniLM-L6-v2 as published: nDCG@10, the differences on the same claims, and whether a loss exceeds .01. Searching
and measuring are the same as in `claimhound index build` and `claimhound evaluate`.

With `--work DIR` indexes are kept for the next run, each under a digest of its texts and encoder, and an interrupted
run resumes when the same command is run again.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.disk.checksums import json_sha256
from claimhound.data.errors import ClaimhoundError, InputError
from claimhound.data.formats.json_records import read_jsonl
from claimhound.data.formats.sources import find_in_folder, locate, locate_text
from claimhound.data.formats.streams import read_lines
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.notices import Notices
from claimhound.data.progress import Progress
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import CORPUS_FILE, read_documents
from claimhound.data.records import Document, Json, Qrels, Query, Run
from claimhound.data.rejects import rejecter
from claimhound.data.text.sentences import sentence_id
from claimhound.indexes.layout import generations
from claimhound.indexes.manifest import FORMAT_VERSION, EncoderIdentity
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.evaluation.evaluating import (
    Evaluation,
    MeasureSettings,
    StageSettings,
    evaluate,
    evaluate_runs,
)
from claimhound.pipeline.evaluation.reporting.json_records import json_text
from claimhound.pipeline.evaluation.statistics import Interval, PairedTest, paired_tests
from claimhound.pipeline.indexing.building import build_index
from claimhound.pipeline.model_folders.finding import BASE_ENCODER_NAME, BUNDLED
from claimhound.pipeline.models.cross_encoders import Reranker, load_reranker
from claimhound.pipeline.models.encoders import Encoder, load_encoder
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import describe

MEASURE = "nDCG@10"
LARGEST_LOSS = 0.01
BASELINE_DENSE, BASELINE_FUSED, OUR_FUSED, OUR_RERANKED = SYSTEMS = (
    "baseline dense",
    "baseline fused",
    "our fused",
    "our reranked",
)
_LIST_K = 100  # no deeper than a search fuses: nDCG@10 reads ten
_CLAIMS_FILE = "claims_dev.jsonl"
_CHECKTHAT = "CT2022-Task2A-EN"
_WIDTH = 200  # of the page; the table is as wide as its figures


class Field(NamedTuple):
    """Documents, and claims with relevance judgments; claims without a relevant document do not count."""

    documents: list[Document]
    claims: list[Query]
    qrels: Qrels


@dataclass(frozen=True)
class Standing:
    """Our results compared with the baseline's in one field.

    `fused` tests our fused list against the baseline's, `reranked` our reranked list against the `better` of the
    baseline's two (by its mean on these claims, which flatters it).
    """

    n_claims: int
    intervals: dict[str, Interval]
    better: str
    fused: PairedTest
    reranked: PairedTest

    def losses(self) -> list[str]:
        """Return which of our lists lose more than LARGEST_LOSS, whether by chance or not."""
        tests = {"fused": self.fused, "reranked": self.reranked}
        return [name for name, test in tests.items() if test.difference.mean < -LARGEST_LOSS]


def scifact_abstracts(folder: Path) -> Field:
    """Return title and abstract as one document; the abstracts that a claim names as evidence are relevant."""
    claims_path = find_in_folder(folder / "scifact", _CLAIMS_FILE)
    documents = [
        Document(document.doc_id, " ".join(filter(None, (document.title, document.text))))
        for document in read_documents([folder / "scifact"])
    ]
    return Field(documents, list(read_claims(claims_path)), read_qrels(claims_path))


def rationale_sentences(folder: Path, data_set: str) -> Field:
    """Return the sentences of all abstracts as the data set splits them; those of the rationales are relevant."""
    claims_path = find_in_folder(folder / data_set, _CLAIMS_FILE)
    corpus = locate(folder / data_set, folder_file=CORPUS_FILE)
    return Field(
        [
            Document(sentence_id(str(fields["doc_id"]), number), sentence)
            for _, _, fields in read_jsonl(corpus, rejecter("stop"), Notices())
            if isinstance(fields, dict)
            for number, sentence in enumerate(_texts(fields["abstract"]))
            if sentence.strip()
        ],
        list(read_claims(claims_path)),
        read_qrels(claims_path, level="sentence"),
    )


def fool_me_twice(folder: Path) -> Field:
    """Return each gold or retrieved evidence text of any claim once; a claim's gold texts are relevant."""
    ids: dict[str, str] = {}
    claims: list[Query] = []
    qrels: Qrels = {}
    for claim in read_claims(find_in_folder(folder / "fool_me_twice", "dev.jsonl")):
        gold, retrieved = (
            [text.strip() for text in _texts(claim.fields[name], "text")]
            for name in ("gold_evidence", "retrieved_evidence")
        )
        for text in (*gold, *retrieved):
            ids.setdefault(text, f"text-{len(ids)}")
        claims.append(Query(claim.query_id, claim.text))
        qrels[claim.query_id] = {ids[text]: 1 for text in gold}
    return Field([Document(doc_id, text) for text, doc_id in ids.items()], claims, qrels)


def checkthat(folder: Path, *, dev_only: bool = False) -> Field:
    """Return claims that were checked before; those that a tweet repeats are relevant to it."""
    folder = folder / "checkthat2022_2a"
    checked = find_in_folder(folder, "verified_claims.jsonl")
    qrels: Qrels = {}
    for part in ("Dev",) if dev_only else ("Train", "Dev"):
        qrels |= read_qrels(find_in_folder(folder, f"{_CHECKTHAT}-{part}_QRELs.tsv"))
    documents = list(read_documents([checked], ReadOptions(id_field="ver_claim_ids", text_field="ver_claim_texts")))
    return Field(documents, list(_tweets(find_in_folder(folder, f"{_CHECKTHAT}-Train-Dev_Queries.tsv"))), qrels)


FIELDS: dict[str, Callable[[Path], Field]] = {
    "healthver-sentences": partial(rationale_sentences, data_set="healthver"),
    "scifact-abstracts": scifact_abstracts,
    "scifact-sentences": partial(rationale_sentences, data_set="scifact"),
    "fool-me-twice": fool_me_twice,
    "checkthat": checkthat,
}


def _texts(value: Json, name: str | None = None) -> list[str]:
    """Return a list of texts, or the texts under a name in a list of objects."""
    items = value if isinstance(value, list) else []
    texts = [item.get(name) if isinstance(item, dict) and name is not None else item for item in items]
    found = [text for text in texts if isinstance(text, str)]
    if not isinstance(value, list) or len(found) != len(value):
        raise InputError(f"expected a list of texts, got {json.dumps(value)[:80]}")
    return found


def _tweets(path: Path) -> Iterator[Query]:
    """Yield the tweets of a table without a header line; some cells are quoted as in CSV."""
    for number, line in read_lines(locate_text(path), rejecter("stop"), strip="\r\n"):
        cells = next(csv.reader([line], delimiter="\t"))
        if len(cells) != 2:
            raise InputError(f"{path}:{number}: expected 2 columns, got {len(cells)}")
        yield Query(cells[0], cells[1])


def progress_lines(name: str) -> Progress:
    """Return a progress callback that prints a line on standard error."""

    def show(phase: str, done: int, total: int | None, note: str = "") -> None:
        of_total = f" of {total:,}" if total else ""
        print(f"  {name}: {phase} {done:,}{of_total} {note}".rstrip(), file=sys.stderr, flush=True)

    return show


def open_index(field: Field, encoder: Encoder, work: Path, on_progress: Progress) -> IndexSnapshot:
    """Return the field's index with this encoder's vectors, building it unless an earlier run did."""
    lines = [json.dumps({"_id": document.doc_id, "text": document.text}) + "\n" for document in field.documents]
    index_dir = index_dir_for(encoder, lines, work)
    if not generations(index_dir):
        corpus_path = index_dir.with_suffix(".jsonl")
        with write_atomically(corpus_path) as file:
            file.writelines(lines)
        build_index([str(corpus_path)], index_dir, encoder, on_progress=on_progress)
        corpus_path.unlink()
    return IndexSnapshot.open(index_dir)


def index_dir_for(encoder: Encoder, corpus: Sequence[str], work: Path) -> Path:
    """Return the folder of the index of a corpus, given as strings that identify it, with this encoder's vectors."""
    return work / f"index-{_digest([FORMAT_VERSION, _what_matters(encoder.identity), *corpus])}"


def _what_matters(identity: EncoderIdentity) -> dict[str, Json]:
    """Return the part of an encoder's identity that its vectors depend on, to the last digit."""
    return asdict(identity) | {"name": "", "revision": None}


def _digest(value: object) -> str:
    return json_sha256(value)[:16]


def standing(runs: Mapping[str, Run], field: Field, seed: int = 0) -> Standing:
    """Compare the runs of SYSTEMS on a field's claims."""
    found = evaluate_runs(runs, field.claims, field.qrels, MeasureSettings([MEASURE], seed=seed))
    values = {name: row[MEASURE] for name, row in found.values.items()}
    better = max((BASELINE_DENSE, BASELINE_FUSED), key=lambda name: float(values[name].mean()))
    fused, reranked = paired_tests(
        np.stack([values[BASELINE_FUSED], values[better]]),
        np.stack([values[OUR_FUSED], values[OUR_RERANKED]]),
        seed,
    )
    intervals = {name: found.intervals[name][MEASURE] for name in SYSTEMS}
    return Standing(len(found.judged.claims), intervals, better, fused, reranked)


def searched(
    pipeline: EvidencePipeline,
    field: Field,
    measures: Sequence[str],
    work: Path,
    journals: list[Path],
    on_progress: Progress,
) -> Evaluation:
    """Evaluate every stage on a field's claims, resuming from a journal in `work`.

    The journal's path is appended to `journals`; the caller deletes the file.
    """
    # The name covers everything the results depend on: no journal of another evaluation can have it.
    job = _digest([_described(describe(pipeline)), _LIST_K, list(field.qrels)])
    journals.append(work / f"searched-{job}.journal")
    return evaluate(
        pipeline,
        field.claims,
        field.qrels,
        measuring=MeasureSettings(measures),
        stages=StageSettings(list_k=_LIST_K),
        journal_path=journals[-1],
        on_progress=on_progress,
    )


class Models(NamedTuple):
    """The models to compare."""

    encoder: Encoder
    reranker: Reranker
    baseline: Encoder


class Measured(NamedTuple):
    """A field's standing, with the settings and models that gave it."""

    name: str
    n_documents: int
    standing: Standing
    findings: dict[str, str]
    settings: dict[str, Json]


def measure(name: str, field: Field, models: Models, work: Path, journals: list[Path]) -> Measured:
    """Search one field with our models and the baseline; journal paths are appended for the caller to delete."""

    def evaluated(who: str, encoder: Encoder, reranker: Reranker | None) -> Evaluation:
        on_progress = progress_lines(f"{name}, {who}")
        pipeline = EvidencePipeline(open_index(field, encoder, work, on_progress), encoder, reranker)
        return searched(pipeline, field, [MEASURE], work, journals, on_progress)

    baseline = evaluated("baseline", models.baseline, None)
    ours = evaluated("ours", models.encoder, models.reranker)
    runs = {
        BASELINE_DENSE: baseline.runs["dense"],
        BASELINE_FUSED: baseline.runs["fused"],
        OUR_FUSED: ours.runs["fused"],
        OUR_RERANKED: ours.runs["reranked"],
    }
    return Measured(
        name,
        len(field.documents),
        standing(runs, field),
        {finding.kind: f"{len(finding.items):,} {finding.text}" for finding in ours.findings},
        {"ours": _described(ours.settings), "baseline": _described(baseline.settings)},
    )


def _described(settings: Mapping[str, Json]) -> dict[str, Json]:
    """Return the settings without the index's folder: the manifest's checksum identifies it."""
    return {name: value for name, value in settings.items() if name != "index"}


def table(measured: Sequence[Measured], title: str) -> Table:
    """Return a row for each field."""
    found = Table(title=title, title_justify="left", show_lines=True)
    for head in ("field", "claims", "documents", *SYSTEMS, "our fused −\nbaseline fused", "our reranked −\nthe better"):
        found.add_column(head, justify="left" if head == "field" else "right")
    found.add_column("loses more\nthan " + f"{LARGEST_LOSS:g}".removeprefix("0"))
    for item in measured:
        row = item.standing
        found.add_row(
            item.name,
            f"{row.n_claims:,}",
            f"{item.n_documents:,}",
            *(with_interval(row.intervals[name]) for name in SYSTEMS),
            _difference(row.fused),
            f"{_difference(row.reranked)}\nto {row.better}",
            ", ".join(row.losses()) or "no",
        )
    return found


def _difference(test: PairedTest) -> str:
    p = "p < .001" if test.p < 0.001 else f"p = {test.p:.3f}".replace("0.", ".")
    return f"{with_interval(test.difference, '+')}\n{p}"


def with_interval(interval: Interval, sign: str = "") -> str:
    """Return a mean, and its interval on a second line if it has one."""
    mean, low, high = (short(value, sign) for value in interval)
    return mean if math.isnan(interval.low) else f"{mean}\n[{low}, {high}]"


def short(value: float, sign: str = "") -> str:
    """Return three decimals without the zero before the point: .157."""
    return f"{value:{sign}.3f}".replace("0.", ".", 1) if abs(value) < 0.9995 else f"{value:{sign}.3f}"


def record(measured: Measured) -> dict[str, Json]:
    """Return a field's figures as JSON; NaN becomes null."""
    row = measured.standing
    return {
        "field": measured.name,
        "n_claims": row.n_claims,
        "n_documents": measured.n_documents,
        "means": {name: _numbers(interval) for name, interval in row.intervals.items()},
        "better_baseline": row.better,
        "fused": _test_numbers(row.fused),
        "reranked": _test_numbers(row.reranked),
        "losses": list(row.losses()),
        "findings": {**measured.findings},
        "settings": measured.settings,
    }


def _numbers(interval: Interval) -> dict[str, Json]:
    return {name: None if math.isnan(value) else value for name, value in interval._asdict().items()}


def _test_numbers(test: PairedTest) -> dict[str, Json]:
    return {
        "difference": _numbers(test.difference),
        "p": test.p,
        "won": test.won,
        "lost": test.lost,
        "tied": test.tied,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every field and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.fields", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the data sets")
    parser.add_argument("--encoder", default=BUNDLED, help="ours: bundled, a folder or a name on the Hub")
    parser.add_argument("--reranker", default=BUNDLED, help="ours: bundled, a folder or a name on the Hub")
    parser.add_argument("--baseline-encoder", default=BASE_ENCODER_NAME, help="likewise (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="folder for indexes, which are reused; without it none are kept")
    parser.add_argument("--only", nargs="+", choices=FIELDS, metavar="NAME", help=f"of {', '.join(FIELDS)}")
    parser.add_argument(
        "--checkthat-dev",
        action="store_true",
        help="only the dev split of CheckThat!, for models trained on train",
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="file for the figures as JSON")
    options = parser.parse_args(arguments)
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        if options.work is not None:
            options.work.mkdir(parents=True, exist_ok=True)
            _run(options, options.work)
        else:
            with tempfile.TemporaryDirectory() as scratch:
                _run(options, Path(scratch))
    except ClaimhoundError as error:
        sys.exit(str(error))


def _run(options: argparse.Namespace, work: Path) -> None:
    readers = FIELDS | {"checkthat": partial(checkthat, dev_only=options.checkthat_dev)}
    # All are read before the first is searched, so that a missing file is reported at once.
    fields = {name: readers[name](options.folder) for name in readers if name in (options.only or FIELDS)}
    encoder = load_encoder(options.encoder)
    baseline = load_encoder(options.baseline_encoder)
    models = Models(encoder, load_reranker(options.reranker), baseline)
    measured: list[Measured] = []
    journals: list[Path] = []
    for name, field in fields.items():
        measured.append(measure(name, field, models, work, journals))
        print_table(table(measured[-1:], name), sys.stderr)  # a long run may be interrupted
        for finding in measured[-1].findings.values():
            print(f"  {finding}", file=sys.stderr, flush=True)
    print_table(table(measured, f"{MEASURE}, means with 95 % intervals over claims"), sys.stdout)
    named = {
        "ours": (options.encoder, encoder.identity.weights_sha256),
        "our reranker": (options.reranker, models.reranker.weights_sha256),
        "baseline": (options.baseline_encoder, baseline.identity.weights_sha256),
    }
    for who, (name, sha256) in named.items():
        print(f"{who}: {name} (weights {sha256[:12]})")
    if options.output is not None:
        with write_atomically(options.output) as file:
            file.write(json_text({"measure": MEASURE, "fields": [record(item) for item in measured]}) + "\n")
    for path in journals:
        path.unlink(missing_ok=True)


def print_table(what: Table, file: object) -> None:
    """Print a table at its full width, even to a pipe."""
    Console(file=file, width=_WIDTH).print(what)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
