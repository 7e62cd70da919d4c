"""Quality figures of this checkout against stored ones: `python -m tests.benchmarks.regress DATA [--index INDEX]`.

DATA is a folder of public data sets, each file as published, .gz, .xz or .zst:

climate        corpus.jsonl, queries-dev.jsonl, qrels-dev.tsv
climate_fever  split-dev-154.jsonl
healthver      healthver_dev.csv, and the files that tests.benchmarks.fields reads
others         the files that tests.benchmarks.fields reads

It measures nDCG@10 and R@5 of every stage, and accuracy and macro-F1 of the stance model, on all climate claims and on
--claims claims of each other field. `regress.json` holds the same figures of an earlier run, for each
precision that models are served in, with the value of every claim. A figure has fallen if it is lower than the stored
one and a paired randomisation test over claims gives p < .05 after Holm's correction for all figures. Then one line
names each fallen figure, and the exit status is 1.

--index names a ready index of the climate corpus; building one takes 15 minutes. Indexes built here stay in --work.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.disk.checksums import sha256_of
from claimhound.data.errors import ClaimhoundError
from claimhound.data.formats.sources import find_in_folder, locate
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.labelled_sets.stance_sources import StanceSource, read_stance_source
from claimhound.data.labelled_sets.stances import STANCES, StanceSet
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import CORPUS_FILE
from claimhound.data.text.normal_text import normalize_text
from claimhound.indexes.layout import generations
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.evaluation.stance import evaluate_stance, macro_f1
from claimhound.pipeline.evaluation.statistics import SIGNIFICANT, Interval, PairedTest, holm, paired_tests
from claimhound.pipeline.indexing.building import build_index
from claimhound.pipeline.model_folders.cache_folder import cache_dir
from claimhound.pipeline.models.cross_encoders import Reranker, StanceModel, load_reranker, load_stance
from claimhound.pipeline.models.encoders import Encoder, load_encoder
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.serving.precision import PREFERRED
from tests.benchmarks import fields

Values: TypeAlias = NDArray[np.float64]

MEASURES = ("nDCG@10", "R@5")
CLIMATE = "climate"
STANCE_SETS = {
    "climate_fever stance": "climate_fever/split-dev-154.jsonl",
    "scifact stance": "scifact/claims_dev.jsonl",
    "healthver stance": "healthver/healthver_dev.csv",
}
STORED = Path(__file__).with_name("regress.json")
_DECIMALS = 4  # of stored values: enough for three in a mean


class Models(NamedTuple):
    """The models that are measured."""

    encoder: Encoder
    reranker: Reranker
    stance: StanceModel

    @property
    def precision(self) -> str:
        """The precisions that the models are served in, as in `bf16` or `bf16, int8`; runtime names if unknown."""
        runtimes = [model.runtime_name for model in self]
        known = [one for one in PREFERRED if any(one in name.split() for name in runtimes)]
        return ", ".join(known or sorted(set(runtimes)))


@dataclass(frozen=True)
class Measured:
    """The figures of one data set: the mean of each with its 95 % interval, and its value (n,) for each claim id."""

    claims: tuple[str, ...]
    means: dict[str, Interval]
    values: dict[str, Values]


class Change(NamedTuple):
    """A figure, stored and today; `test` is None where no claim is in both, `p` is corrected for all figures."""

    name: str
    figure: str
    before: Interval
    after: Interval
    test: PairedTest | None
    p: float = 1.0

    @property
    def fell(self) -> bool:
        """Whether the figure is lower than the stored one, beyond chance."""
        return self.test is not None and self.p < SIGNIFICANT and self.test.difference.mean < 0


def measure_retrieval(
    name: str, pipeline: EvidencePipeline, field: fields.Field, work: Path, journals: list[Path]
) -> Measured:
    """Return both measures of every stage on a field's claims."""
    found = fields.searched(pipeline, field, MEASURES, work, journals, fields.progress_lines(name))
    return Measured(
        found.judged.query_ids,
        {f"{stage} {m}": interval for stage, row in found.intervals.items() for m, interval in row.items()},
        {f"{stage} {m}": values.round(_DECIMALS) for stage, row in found.values.items() for m, values in row.items()},
    )


def measure_stance(one: StanceSet, model: StanceModel) -> Measured:
    """Return accuracy and macro-F1 over the pairs of a set. A claim's id is a digest of its normalized text.

    The value of a claim is its jackknife pseudo-value: n times the figure less n - 1 times the figure without the
    claim's pairs. Over claims these have a mean close to the figure, which need not be a mean itself.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 11.
    """
    found = evaluate_stance([one], model, on_progress=fields.progress_lines(one.name))
    ids = [sha256((normalize_text(pair.claim) or pair.claim).encode()).hexdigest()[:12] for pair in one.pairs]
    rows = {claim: row for row, claim in enumerate(dict.fromkeys(ids))}
    called = found.scores[0].probabilities.argmax(axis=1)
    counts = np.zeros((len(rows), len(STANCES), len(STANCES)), dtype=np.int64)
    for claim, pair, column in zip(ids, one.pairs, called, strict=True):
        counts[rows[claim], STANCES.index(pair.stance), column] += 1
    table = counts.sum(axis=0)
    present = table.sum(axis=1) > 0
    n = len(rows)

    def figures(drawn: NDArray[np.int64]) -> Values:
        return np.array([np.trace(drawn) / max(1, drawn.sum()), macro_f1(drawn, present)])

    values = np.array([n * figures(table) - (n - 1) * figures(table - own) for own in counts]).round(_DECIMALS)
    measured = found.sets[0]
    return Measured(
        tuple(rows),
        {"accuracy": measured.accuracy, "macro-F1": measured.macro_f1},
        {"accuracy": values[:, 0], "macro-F1": values[:, 1]},
    )


def measure_all(
    data: Path,
    models: Models,
    work: Path,
    *,
    index_dir: Path | None = None,
    n_claims: int = 150,
    only: Sequence[str] = (),
) -> dict[str, Measured]:
    """Return the figures of every data set, or of those named in `only`.

    All files but the corpus are read before anything is computed, so that a missing one is reported at once.
    """
    wanted = [name for name in data_sets() if not only or name in only]
    read = {name: fields.FIELDS[name](data) for name in wanted if name in fields.FIELDS}
    read = {name: first_claims(field, n_claims) for name, field in read.items()}
    if CLIMATE in wanted:
        claims_path, qrels_path = (
            find_in_folder(data / CLIMATE, name) for name in ("queries-dev.jsonl", "qrels-dev.tsv")
        )
        read = {CLIMATE: fields.Field([], list(read_claims(claims_path)), read_qrels(qrels_path))} | read
    stance_sets = {name: _stance_set(data, path, n_claims) for name, path in STANCE_SETS.items() if name in wanted}
    measured: dict[str, Measured] = {}
    journals: list[Path] = []
    for name, field in read.items():
        if name == CLIMATE:
            index = climate_index(data, models.encoder, work, index_dir)
        else:
            index = fields.open_index(field, models.encoder, work, fields.progress_lines(name))
        pipeline = EvidencePipeline(index, models.encoder, models.reranker)
        measured[name] = measure_retrieval(name, pipeline, field, work, journals)
    for name, one in stance_sets.items():
        measured[name] = measure_stance(one, models.stance)
    for path in journals:
        path.unlink(missing_ok=True)
    return measured


def data_sets() -> list[str]:
    """Return the names of everything that is measured, in order."""
    return [CLIMATE, *fields.FIELDS, *STANCE_SETS]


def first_claims(field: fields.Field, n: int) -> fields.Field:
    """Return the field with its first n claims that have a relevant document."""
    judged = (
        claim for claim in field.claims if any(grade > 0 for grade in field.qrels.get(claim.query_id, {}).values())
    )
    claims = list(islice(judged, n))
    return field._replace(claims=claims, qrels={claim.query_id: field.qrels[claim.query_id] for claim in claims})


def climate_index(data: Path, encoder: Encoder, work: Path, index_dir: Path | None) -> IndexSnapshot:
    """Open the index given, or one of the corpus that is built in `work` unless an earlier run left it.

    Raises EncoderMismatchError if the index given is another encoder's.
    """
    if index_dir is None:
        corpus = locate(data / CLIMATE, folder_file=CORPUS_FILE)
        index_dir = fields.index_dir_for(encoder, [sha256_of(Path(corpus.name))], work)
        if not generations(index_dir):
            build_index([corpus.name], index_dir, encoder, on_progress=fields.progress_lines(CLIMATE))
    index = IndexSnapshot.open(index_dir)
    index.manifest.encoder.require_same(encoder.identity, index_dir)
    return index


def _stance_set(data: Path, path: str, n_claims: int) -> StanceSet:
    folder, _, name = path.partition("/")
    found = find_in_folder(data / folder, name)
    limit = None if folder == "climate_fever" else n_claims
    return read_stance_source(StanceSource(folder, found, limit), "dev")


def compare(stored: Mapping[str, Measured], today: Mapping[str, Measured]) -> list[Change]:
    """Return each figure that is stored and measured today, tested over the claims in both."""
    changes: list[Change] = []
    for name, after in today.items():
        before = stored.get(name)
        figures = [figure for figure in after.values if before is not None and figure in before.values]
        if before is None or not figures:
            continue
        row_before, row_after = ({claim: row for row, claim in enumerate(one.claims)} for one in (before, after))
        shared = [claim for claim in after.claims if claim in row_before]
        tests: list[PairedTest] | list[None] = [None] * len(figures)
        if shared:
            first = np.stack([before.values[figure] for figure in figures])[:, [row_before[claim] for claim in shared]]
            second = np.stack([after.values[figure] for figure in figures])[:, [row_after[claim] for claim in shared]]
            tests = paired_tests(first, second, seed=0)
        changes += [
            Change(name, figure, before.means[figure], after.means[figure], test)
            for figure, test in zip(figures, tests, strict=True)
        ]
    corrected = iter(holm([change.test.p for change in changes if change.test is not None]))
    return [change if change.test is None else change._replace(p=next(corrected)) for change in changes]


def read_stored(path: Path) -> dict[str, dict[str, Measured]]:
    """Return the stored figures by precision and data set; nothing if there is no file."""
    if not path.exists():
        return {}
    return {
        precision: {name: _from_json(record) for name, record in sets.items()}
        for precision, sets in json.loads(path.read_text(encoding="utf-8")).items()
    }


def write_stored(stored: Mapping[str, Mapping[str, Measured]], path: Path) -> None:
    """Write the figures, one data set a line."""
    parts = []
    for precision, sets in stored.items():
        lines = [
            f"{json.dumps(name)}: {json.dumps(_as_json(one), separators=(',', ':'))}" for name, one in sets.items()
        ]
        parts.append(f"{json.dumps(precision)}: {{\n" + ",\n".join(lines) + "\n}")
    with write_atomically(path) as file:
        file.write("{" + ",\n".join(parts) + "}\n")


def _as_json(one: Measured) -> dict[str, object]:
    return {
        "claims": one.claims,
        "figures": {name: {**_rounded(mean), "values": one.values[name].tolist()} for name, mean in one.means.items()},
    }


def _rounded(interval: Interval) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else round(value, _DECIMALS) for name, value in interval._asdict().items()}


def _from_json(record: dict[str, dict[str, dict[str, object]]]) -> Measured:
    figures = record["figures"]
    means = {
        name: Interval(*(np.nan if figure[part] is None else figure[part] for part in Interval._fields))  # type: ignore[arg-type]
        for name, figure in figures.items()
    }
    values = {name: np.array(figure["values"], dtype=np.float64) for name, figure in figures.items()}
    return Measured(tuple(record["claims"]), means, values)


def table(today: Mapping[str, Measured], changes: Sequence[Change], precision: str) -> Table:
    """Return a row for each figure of today."""
    found = Table(title=f"{precision}: means with 95 % intervals over claims", title_justify="left")
    for head in ("data set", "figure", "claims", "stored", "today", "difference", "p (Holm)", ""):
        found.add_column(head, justify="left" if head in ("data set", "figure", "") else "right")
    by_figure = {(change.name, change.figure): change for change in changes}
    for name, one in today.items():
        for figure, mean in one.means.items():
            change = by_figure.get((name, figure))
            test = change and change.test
            found.add_row(
                name, figure, f"{len(one.claims):,}", "–" if change is None else _line(change.before), _line(mean),
                _line(test.difference, "+") if test else "–", f"{change.p:.4f}" if change and test else "–",
                "not compared" if test is None else "FELL" if change and change.fell else "",
            )  # fmt: skip
        found.add_section()
    return found


def _line(interval: Interval, sign: str = "") -> str:
    return fields.with_interval(interval, sign).replace("\n", " ")


def report(today: Mapping[str, Measured], precision: str, stored_path: Path = STORED, *, write: bool = False) -> int:
    """Print the table and what has fallen; return the exit status, 1 if a figure has fallen.

    With `write` today's figures replace the stored ones of the same precision and data sets.
    """
    stored = read_stored(stored_path)
    changes = compare(stored.get(precision, {}), today)
    fields.print_table(table(today, changes, precision), sys.stdout)
    if precision not in stored:
        known = ", ".join(f"{name!r}" for name in stored) or "none"
        print(f"{stored_path.name} has no figures for {precision!r} (it has: {known}); nothing was compared")
    for name, one in stored.get(precision, {}).items():
        missing = [figure for figure in one.values if name in today and figure not in today[name].values]
        if missing:
            print(f"{name}: stored, but not measured today: {', '.join(missing)}")
    fallen = [change for change in changes if change.fell]
    for change in fallen:
        before, after = fields.short(change.before.mean), fields.short(change.after.mean)
        print(f"fell: {change.name} {change.figure}, {before} to {after}, p = {change.p:.4f}")
    if write:
        write_stored(stored | {precision: stored.get(precision, {}) | today}, stored_path)
        print(f"wrote {stored_path}")
    return 1 if fallen else 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the bundled models."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.regress", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of the data sets")
    parser.add_argument("--index", type=Path, help="a ready index of the climate corpus, built by the bundled encoder")
    parser.add_argument("--write", action="store_true", help="store today's figures")
    parser.add_argument("--work", type=Path, help="folder for indexes (default: in the user's cache)")
    parser.add_argument("--claims", type=int, default=150, help="claims of each other field (default: %(default)s)")
    names = data_sets()
    parser.add_argument("--only", nargs="+", default=(), choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    options = parser.parse_args(arguments)
    os.environ["HF_HUB_OFFLINE"] = "1"
    work = options.work or cache_dir() / "regress"
    try:
        work.mkdir(parents=True, exist_ok=True)
        models = Models(load_encoder(), load_reranker(), load_stance())
        today = measure_all(
            options.data, models, work, index_dir=options.index, n_claims=options.claims, only=options.only
        )
        status = report(today, models.precision, write=options.write)
    except ClaimhoundError as error:
        sys.exit(str(error))
    sys.exit(status)


if __name__ == "__main__":
    main()
