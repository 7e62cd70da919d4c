"""An evaluation as one HTML page that needs nothing else: no network, no script, no file beside it."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from claimhound.data.extras import require
from claimhound.data.records import Document, Json, Query, Run, ScoredDoc
from claimhound.data.text.terminal_text import printable
from claimhound.pipeline.evaluation.evaluating import Evaluation, StageReport
from claimhound.pipeline.evaluation.evidence_sets import SETS_EXPLAINED, has_set_measures
from claimhound.pipeline.evaluation.losses import Loss, count_fates, count_finders, explain_fates
from claimhound.pipeline.evaluation.measures import DEFAULT_MEASURES, set_cutoff, values_by_claim
from claimhound.pipeline.evaluation.plots import Curve, calibration_svg, recall_svg, swatch_svg
from claimhound.pipeline.evaluation.statistics import Interval
from claimhound.pipeline.evaluation.tables import with_copies_text

HARDEST_CLAIMS = 15
LOSSES_PER_FATE = 50
MISSED_PER_CLAIM = 20
ITEMS_PER_FINDING = 10
LONGEST_TEXT = 1_000

RECALL_KS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
_HARDEST_BY = "nDCG@10"
_NONE = "–"


def needed_documents(evaluation: Evaluation) -> list[str]:
    """Return the ids of the documents whose texts the report shows, each once, sorted."""
    if evaluation.stages is None:
        return []
    listed = {loss.doc_id for group in _fate_groups(evaluation.stages) for loss in group.losses}
    for claim in _hardest_claims(evaluation, evaluation.stages):
        listed.update(hit.doc_id for hit in claim.shown)
        listed.update(loss.doc_id for loss in claim.missed)
    return sorted(listed)


def render_report(
    evaluation: Evaluation,
    documents: Mapping[str, Document],
    *,
    version: str,
    command: str | None = None,
    date: str | None = None,
) -> str:
    """Return a whole HTML page on what was measured; the same arguments give the same bytes.

    `documents` has the texts of `needed_documents`; of one that is missing only the id is shown. `command` is the line
    that measured, and `date` when, as it is to be read.
    """
    require("matplotlib", "report", "report.html")
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_harmless
    )
    environment.filters |= {
        "count": lambda number: f"{number:,}",
        "of_claims": lambda n: f"{n:,} claim{'' if n == 1 else 's'}",
        "number": _number,
        "interval": _interval,
        "percent": lambda share: Markup(f"{100 * share:.1f}&nbsp;%"),
        "excerpt": _excerpt,
        "svg": Markup,  # of plots.py, which lets no text of a user in
    }
    stages = evaluation.stages
    template = resources.files(__package__).joinpath("report.html.jinja").read_text(encoding="utf-8")
    curves = _recall_curves(evaluation)
    return environment.from_string(template).render(
        evaluation=evaluation,
        stages=stages,
        sections=_sections(evaluation),
        documents=documents,
        version=version,
        command=command,
        date=date,
        facts=_facts(evaluation),
        best={measure: _best(evaluation, measure) for measure in evaluation.measures},
        swatches=[swatch_svg(number) for number in range(len(evaluation.runs))],
        recall=recall_svg(curves, "recall"),
        recall_rows=_recall_rows(curves),
        fates=_fate_groups(stages) if stages else [],
        finders=_finders(stages) if stages else {},
        claims={claim.query_id: claim for claim in evaluation.judged.claims},
        calibrations=[(found, calibration_svg(found, f"calibration-{found.k}")) for found in stages.calibrations]
        if stages
        else [],
        with_copies=with_copies_text(stages.with_copies) if stages and stages.with_copies else None,
        hardest_by=_hardest_by(evaluation),
        hardest=_hardest_claims(evaluation, stages) if stages else [],
        final=_final(evaluation),
        hardest_rows=_hardest_rows(evaluation),
        settings=_flat(evaluation.settings),
        check_command=shlex.join(["ir_measures", "qrels.trec", f"{_final(evaluation)}.trec", *_checkable(evaluation)]),
        measures_text=shlex.join(_checkable(evaluation)),
        sets_explained=SETS_EXPLAINED if has_set_measures(evaluation.measures) else None,
        items_per_finding=ITEMS_PER_FINDING,
        missed_per_claim=MISSED_PER_CLAIM,
    )


def _checkable(evaluation: Evaluation) -> list[str]:
    """Return the measures that ir_measures has too, by default what is measured by default."""
    return [measure for measure in evaluation.measures if set_cutoff(measure) is None] or [*DEFAULT_MEASURES]


def _sections(evaluation: Evaluation) -> dict[str, str]:
    """Return the headings of the sections that apply, by id, in order."""
    stages = evaluation.stages
    headings = {
        "verdict": "Does the reranker help?" if stages and stages.verdict else None,
        "measures": "How well each list does",
        "recall": "Recall against k",
        "losses": "Where relevant documents were lost" if stages else None,
        "calibration": "Do the probabilities come true?" if stages and stages.calibrations else None,
        "hardest": "The hardest claims",
        "returned": "What a reader is shown" if stages and stages.returned else None,
        "timing": "Time" if stages else None,
        "input": "Findings on the input" if evaluation.findings else None,
        "settings": "Settings, and how to check the figures",
    }
    return {name: heading for name, heading in headings.items() if heading is not None}


def _facts(evaluation: Evaluation) -> dict[str, str]:
    """Return what was measured, by what it is called."""
    settings, judged = evaluation.settings, evaluation.judged
    n_claims, n_relevant = len(judged.claims), len(judged.relevant())
    facts = {
        "Claims": f"{n_claims:,} with judgments, {n_relevant:,} relevant documents, {n_relevant / n_claims:.1f} a claim"
    }
    if evaluation.stages is None:
        return facts | {"Runs": ", ".join(evaluation.runs)}
    place = str(settings["index"]) if "index" in settings else "in memory"
    generation = f", generation {settings['generation']}" if "generation" in settings else ""
    facts["Index"] = f"{place}{generation}, {settings['n_docs']:,} documents{_fingerprint(settings, 'manifest_sha256')}"
    for name in ("encoder", "reranker"):
        model = settings.get(name)
        if isinstance(model, dict):
            runtime = settings.get(f"{name}_runtime")
            facts[name.capitalize()] = f"{model['name']}{_fingerprint(model, 'weights_sha256')}, {runtime}"
        else:
            facts[name.capitalize()] = "none"
    return facts


def _fingerprint(record: Mapping[str, Json], name: str) -> str:
    return f" (SHA-256 {str(record[name])[:12]})" if record.get(name) else ""


def _best(evaluation: Evaluation, measure: str) -> list[str]:
    """Return the lists with the highest mean as it is printed; none where there is one list, or all are the same."""
    means = {name: _number(row[measure].mean) for name, row in evaluation.intervals.items()}
    best = [name for name, mean in means.items() if mean == max(means.values())]
    return best if len(best) < len(means) else []


def _recall_curves(evaluation: Evaluation) -> dict[str, Curve]:
    """Return each list's mean recall at the first so many hits, down to the rank where the longest ranking ends."""
    curves: dict[str, Curve] = {}
    for name, run in evaluation.runs.items():
        deepest = max(1, *(len(ranking) for ranking in run.values()))
        ks = sorted({*(k for k in RECALL_KS if k < deepest), deepest})
        relevant = _down_to_relevant(run, evaluation)
        values = values_by_claim(relevant, evaluation.judged.qrels, [f"R@{k}" for k in ks])
        curves[name] = [(k, float(values[f"R@{k}"].mean())) for k in ks]
    return curves


def _down_to_relevant(run: Run, evaluation: Evaluation) -> Run:
    """Return the run without the hits below each claim's last relevant one, which no recall depends on."""
    kept: Run = {}
    for query_id, ranking in run.items():
        grades = evaluation.judged.qrels.get(query_id, {})
        ends = (rank for rank in range(len(ranking), 0, -1) if grades.get(ranking[rank - 1].doc_id, 0) > 0)
        kept[query_id] = ranking[: next(ends, 0)]
    return kept


def _recall_rows(curves: Mapping[str, Curve]) -> list[tuple[int, list[float | None]]]:
    values = [dict(curve) for curve in curves.values()]
    return [(k, [row.get(k) for row in values]) for k in sorted({k for row in values for k in row})]


class _FateGroup(NamedTuple):
    """All relevant documents of one fate, of which the first are listed."""

    fate: str
    meaning: str
    n: int
    share: float
    losses: list[Loss]


def _fate_groups(stages: StageReport) -> list[_FateGroup]:
    """Return the fates that some document met, in the order in which it can meet them."""
    counts = count_fates(stages.losses)
    groups = []
    for fate, meaning in explain_fates(stages.shown_k, stages.config, stages.list_k).items():
        n = counts.get(fate, 0)
        if n:
            listed = [loss for loss in stages.losses if loss.fate == fate][:LOSSES_PER_FATE]
            groups.append(_FateGroup(fate, meaning, n, n / len(stages.losses), listed))
    return groups


def _finders(stages: StageReport) -> dict[str, int]:
    """Return who found the relevant documents, where there are two that can find."""
    if not any("dense" in loss.ranks for loss in stages.losses):
        return {}
    return count_finders(stages.losses, stages.config.first_stage_k)


class _ShownHit(NamedTuple):
    """A hit that a reader of the claim is shown; `score` is the last stage's, None for one that was not rescored."""

    rank: int
    doc_id: str
    score: float | None
    judgment: str


class _HardClaim(NamedTuple):
    """A claim with what was shown for it, and the first of what was missed."""

    claim: Query
    value: float
    n_relevant: int
    shown: list[_ShownHit]
    n_missed: int
    missed: list[Loss]


def _final(evaluation: Evaluation) -> str:
    """Return the last list: of a pipeline's stages the one that a reader is shown, if it was measured."""
    return list(evaluation.runs)[-1]


def _hardest_by(evaluation: Evaluation) -> str:
    return _HARDEST_BY if _HARDEST_BY in evaluation.measures else evaluation.measures[0]


def _hardest(evaluation: Evaluation, values: Mapping[str, float]) -> list[tuple[Query, int]]:
    """Return the claims of lowest value with how many documents are relevant, the lowest and richest first."""
    n_relevant = {
        query_id: sum(grade > 0 for grade in grades.values()) for query_id, grades in evaluation.judged.qrels.items()
    }
    claims = list(evaluation.judged.claims)
    claims.sort(key=lambda claim: (values[claim.query_id], -n_relevant[claim.query_id], claim.query_id))
    return [(claim, n_relevant[claim.query_id]) for claim in claims[:HARDEST_CLAIMS]]


def _hardest_claims(evaluation: Evaluation, stages: StageReport) -> list[_HardClaim]:
    final = _final(evaluation)
    row = evaluation.values[final][_hardest_by(evaluation)]
    values = {query_id: float(value) for query_id, value in zip(evaluation.judged.query_ids, row, strict=True)}
    found = []
    for claim, n_relevant in _hardest(evaluation, values):
        shown = evaluation.runs[final].get(claim.query_id, [])[: stages.shown_k]
        grades = evaluation.judged.qrels[claim.query_id]
        hits = [_shown_hit(rank, hit, grades, final) for rank, hit in enumerate(shown, 1)]
        places = {hit.doc_id for hit in shown}
        missed = [loss for loss in stages.losses if loss.query_id == claim.query_id and loss.doc_id not in places]
        missed.sort(key=lambda loss: (*(rank or math.inf for rank in list(loss.ranks.values())[::-1]), loss.doc_id))
        found.append(
            _HardClaim(claim, values[claim.query_id], n_relevant, hits, len(missed), missed[:MISSED_PER_CLAIM])
        )
    return found


def _shown_hit(rank: int, hit: ScoredDoc, grades: Mapping[str, int], final: str) -> _ShownHit:
    grade = grades.get(hit.doc_id)
    judgment = "not judged" if grade is None else "relevant" if grade > 0 else "judged not relevant"
    was_rescored = final != "reranked" or hit.score >= 0
    return _ShownHit(rank, hit.doc_id, hit.score if was_rescored else None, judgment)


def _hardest_rows(evaluation: Evaluation) -> list[tuple[Query, int, list[float]]]:
    """Return the claims of lowest mean over all lists, how many documents are relevant, and the value of each list."""
    measure = _hardest_by(evaluation)
    rows = np.stack([values[measure] for values in evaluation.values.values()])
    columns = dict(zip(evaluation.judged.query_ids, rows.T.tolist(), strict=True))
    means = {query_id: math.fsum(column) for query_id, column in columns.items()}
    return [(claim, n_relevant, columns[claim.query_id]) for claim, n_relevant in _hardest(evaluation, means)]


def _flat(settings: Mapping[str, Json], prefix: str = "") -> dict[str, str]:
    """Return each setting by its path, with dots."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return flat


def _harmless(value: Any) -> Any:
    """Return a text without characters that hide or reorder others, or that no UTF-8 file can hold."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _number(value: float | None) -> str:
    return _NONE if value is None or math.isnan(value) else f"{value:.3f}"


def _interval(interval: Interval) -> str:
    if math.isnan(interval.low) or math.isnan(interval.high):
        return _NONE
    return f"[{interval.low:.3f}, {interval.high:.3f}]"


def _excerpt(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} … ({len(text):,} characters in all)"
