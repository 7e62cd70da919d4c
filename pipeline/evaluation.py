"""How well each stage retrieves what was judged relevant."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.atomic import write_atomically
from data.errors import InputError
from data.records import Qrels, Query, Run
from data.trec import write_run
from pipeline.evidence import EvidencePipeline
from pipeline.results import STAGES

MEASURES = ("R@1", "R@5", "R@10", "R@20", "R@50", "R@100", "RR@10", "nDCG@10")
_CLAIMS_AT_A_TIME = 16


@dataclass(frozen=True)
class Evaluation:
    """Means over claims, by stage and measure, each in [0, 1]; higher is better.

    `n_claims` were measured; `unjudged` claims have no judgment and `absent` judged claims are not among the claims:
    neither counts. `unknown_documents` are judged but not in the index: they count as not found.
    """

    means: dict[str, dict[str, float]]
    n_claims: int
    unjudged: list[str]
    absent: list[str]
    unknown_documents: list[str]
    runs: dict[str, Run]


def evaluate(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Evaluation:
    """Measure every stage that the pipeline has on the claims that have a judgment of grade 1 or more.

    Raises InputError if there is no such claim.
    """
    relevant = {query_id for query_id, grades in qrels.items() if any(grade > 0 for grade in grades.values())}
    judged = [claim for claim in claims if claim.query_id in relevant]
    if not judged:
        raise InputError(
            f"none of the {len(claims)} claims has a relevant judgment; do claims and qrels share their ids?"
        )
    runs: dict[str, Run] = {}
    for start in range(0, len(judged), _CLAIMS_AT_A_TIME):
        batch = judged[start : start + _CLAIMS_AT_A_TIME]
        for claim, stages in zip(batch, pipeline.rank([claim.text for claim in batch]), strict=True):
            for name in STAGES:
                ranking = getattr(stages, name)
                if ranking is not None:
                    runs.setdefault(name, {})[claim.query_id] = ranking
        on_progress(min(start + _CLAIMS_AT_A_TIME, len(judged)), len(judged))
    counted = {claim.query_id: qrels[claim.query_id] for claim in judged}
    ids = {claim.query_id for claim in claims}
    wanted = sorted({doc_id for grades in counted.values() for doc_id, grade in grades.items() if grade > 0})
    held = set(pipeline.index.positions_of(wanted)) if wanted else set()
    return Evaluation(
        means={name: mean_measures(run, counted) for name, run in runs.items()},
        n_claims=len(judged),
        unjudged=[claim.query_id for claim in claims if claim.query_id not in relevant],
        absent=sorted(relevant - ids),
        unknown_documents=[doc_id for doc_id in wanted if doc_id not in held],
        runs=runs,
    )


def mean_measures(run: Run, qrels: Qrels, measures: Sequence[str] = MEASURES) -> dict[str, float]:
    """Return each measure's mean over the claims of the qrels; a claim that the run lacks counts as 0."""
    import ir_measures

    parsed = [ir_measures.parse_measure(name) for name in measures]
    judgments = [
        ir_measures.Qrel(query_id, doc_id, grade)
        for query_id, grades in qrels.items()
        for doc_id, grade in grades.items()
    ]
    found = ir_measures.calc_aggregate(parsed, judgments, _scored(run))
    return {name: float(found[measure]) for name, measure in zip(measures, parsed, strict=True)}


def _scored(run: Run) -> Iterator[object]:
    """Yield ir_measures' records, with scores that fall strictly: its own order of ties is another than ours."""
    import ir_measures

    for query_id, ranking in run.items():
        for rank, hit in enumerate(ranking):
            yield ir_measures.ScoredDoc(query_id, hit.doc_id, float(len(ranking) - rank))


def write_evaluation(evaluation: Evaluation, output_dir: Path, settings: dict[str, object]) -> list[Path]:
    """Write a TREC run file for each stage, and the means with the settings as JSON; returns the paths.

    Raises InputError if the folder cannot be written.
    """
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        paths: list[Path] = []
        for name, run in evaluation.runs.items():
            path = output_dir / f"{name}.trec"
            write_run(run, path, tag=f"claimhound-{name}")
            paths.append(path)
        path = output_dir / "evaluation.json"
        record = {
            "n_claims": evaluation.n_claims,
            "n_unjudged": len(evaluation.unjudged),
            "n_absent": len(evaluation.absent),
            "n_unknown_documents": len(evaluation.unknown_documents),
            "means": evaluation.means,
            "settings": settings,
        }
        with write_atomically(path) as file:
            file.write(json.dumps(record, indent=2) + "\n")
        return [*paths, path]
    except OSError as error:
        raise InputError(f"{output_dir}: cannot be written ({error.strerror})") from error
