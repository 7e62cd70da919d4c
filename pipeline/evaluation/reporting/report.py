"""Evaluation report as one self-contained HTML page, without scripts."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from typing import NamedTuple

from claimhound.data.records import Document, Json, Run
from claimhound.data.text.html_template import page_template
from claimhound.pipeline.evaluation.evaluating import Evaluation, StageReport
from claimhound.pipeline.evaluation.evidence_sets import SETS_EXPLAINED, has_set_measures
from claimhound.pipeline.evaluation.losses import Loss, count_fates, count_finders, explain_fates
from claimhound.pipeline.evaluation.measures import DEFAULT_MEASURES, set_cutoff, values_by_claim
from claimhound.pipeline.evaluation.reporting.hardest import (
    MISSED_PER_CLAIM,
    final_list,
    hardest_claims,
    hardest_rows,
)
from claimhound.pipeline.evaluation.reporting.plots import Curve, recall_svg, reliability_svg, swatch_svg
from claimhound.pipeline.evaluation.reporting.run_figures import with_copies_text
from claimhound.pipeline.evaluation.reporting.tables import NO_NUMBER
from claimhound.pipeline.evaluation.statistics import Interval
from claimhound.pipeline.evaluation.verdict import leading_measure

LOSSES_PER_FATE = 50
ITEMS_PER_FINDING = 10
LONGEST_TEXT = 1_000

RECALL_KS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


def needed_documents(evaluation: Evaluation) -> list[str]:
    """Return the ids of the documents whose texts the report shows, sorted, without repeats."""
    if evaluation.stages is None:
        return []
    listed = {loss.doc_id for group in _fate_groups(evaluation.stages) for loss in group.losses}
    for claim in hardest_claims(evaluation, evaluation.stages):
        listed.update(hit.doc_id for hit in claim.shown)
        listed.update(loss.doc_id for loss in claim.missed)
    return sorted(listed)


def render_report(
    evaluation: Evaluation,
    documents: Mapping[str, Document],
    *,
    version: str,
    command: str | None = None,
) -> str:
    """Return the report as a whole HTML page; the same arguments give the same bytes.

    `documents` has the texts of `needed_documents`; a missing document is shown by its id alone. `command` is the
    command line of the evaluation.
    """
    from markupsafe import Markup

    template = page_template(
        __package__,
        "report.html.jinja",
        {
            "number": _number,
            "interval": _interval,
            "percent": lambda share: Markup(f"{100 * share:.1f}&nbsp;%"),
            "excerpt": _excerpt,
            "svg": Markup,  # from plots.py, which puts no user text into them
        },
    )
    stages = evaluation.stages
    curves = _recall_curves(evaluation)
    return template.render(
        evaluation=evaluation,
        stages=stages,
        sections=_sections(evaluation),
        documents=documents,
        version=version,
        command=command,
        facts=_facts(evaluation),
        best={measure: _best(evaluation, measure) for measure in evaluation.measures},
        swatches=[swatch_svg(number) for number in range(len(evaluation.runs))],
        recall=recall_svg(curves, "recall"),
        recall_rows=_recall_rows(curves),
        fates=_fate_groups(stages) if stages else [],
        finders=_finders(stages) if stages else {},
        claims={claim.query_id: claim for claim in evaluation.judged.claims},
        reliability=[(found, reliability_svg(found, f"calibration-{found.k}")) for found in stages.reliability]
        if stages
        else [],
        with_copies=with_copies_text(stages.with_copies) if stages and stages.with_copies else None,
        hardest_by=leading_measure(evaluation.measures),
        hardest=hardest_claims(evaluation, stages) if stages else [],
        final=final_list(evaluation),
        hardest_rows=hardest_rows(evaluation),
        settings=_flat(evaluation.settings),
        check_command=shlex.join(
            ["ir_measures", "qrels.trec", f"{final_list(evaluation)}.trec", *_checkable(evaluation)]
        ),
        measures_text=shlex.join(_checkable(evaluation)),
        sets_explained=SETS_EXPLAINED if has_set_measures(evaluation.measures) else None,
        items_per_finding=ITEMS_PER_FINDING,
        missed_per_claim=MISSED_PER_CLAIM,
    )


def _checkable(evaluation: Evaluation) -> list[str]:
    """Return the measures that ir_measures can confirm, or the default measures if there are none."""
    return [measure for measure in evaluation.measures if set_cutoff(measure) is None] or [*DEFAULT_MEASURES]


def _sections(evaluation: Evaluation) -> dict[str, str]:
    """Return the headings of the sections that apply, by id, in order."""
    stages = evaluation.stages
    headings = {
        "verdict": "Does the reranker help?" if stages and stages.verdict else None,
        "measures": "How well each list does",
        "recall": "Recall against k",
        "losses": "Where relevant documents were lost" if stages else None,
        "calibration": "Are the probabilities calibrated?" if stages and stages.reliability else None,
        "hardest": "The hardest claims",
        "returned": "What a reader is shown" if stages and stages.returned else None,
        "timing": "Time" if stages else None,
        "input": "Findings about the input" if evaluation.findings else None,
        "settings": "Settings, and how to check the figures",
    }
    return {name: heading for name, heading in headings.items() if heading is not None}


def _facts(evaluation: Evaluation) -> dict[str, str]:
    """Return the facts at the top of the page, by name."""
    settings, judged = evaluation.settings, evaluation.judged
    n_claims, n_relevant = len(judged.claims), len(judged.relevant())
    facts = {
        "Claims": f"{n_claims:,} with judgments; "
        f"{n_relevant:,} relevant documents, {n_relevant / n_claims:.1f} per claim"
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
    """Return the lists with the highest mean as printed, or no list if there is only one or all are equal."""
    means = {name: _number(row[measure].mean) for name, row in evaluation.intervals.items()}
    best = [name for name, mean in means.items() if mean == max(means.values())]
    return best if len(best) < len(means) else []


def _recall_curves(evaluation: Evaluation) -> dict[str, Curve]:
    """Return each list's mean recall at several depths, down to the rank where its longest ranking ends."""
    curves: dict[str, Curve] = {}
    for name, run in evaluation.runs.items():
        deepest = max(1, *(len(ranking) for ranking in run.values()))
        ks = sorted({*(k for k in RECALL_KS if k < deepest), deepest})
        relevant = _down_to_relevant(run, evaluation)
        values = values_by_claim(relevant, evaluation.judged.qrels, [f"R@{k}" for k in ks])
        curves[name] = [(k, float(values[f"R@{k}"].mean())) for k in ks]
    return curves


def _down_to_relevant(run: Run, evaluation: Evaluation) -> Run:
    """Return the run cut after each claim's last relevant hit: no recall depends on the rest."""
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
    """The relevant documents of one fate; the first of them are listed."""

    fate: str
    meaning: str
    n: int
    share: float
    losses: list[Loss]


def _fate_groups(stages: StageReport) -> list[_FateGroup]:
    """Return the fates of at least one document, in the order of the stages."""
    counts = count_fates(stages.losses)
    groups = []
    for fate, meaning in explain_fates(stages.shown_k, stages.config, stages.list_k).items():
        n = counts.get(fate, 0)
        if n:
            listed = [loss for loss in stages.losses if loss.fate == fate][:LOSSES_PER_FATE]
            groups.append(_FateGroup(fate, meaning, n, n / len(stages.losses), listed))
    return groups


def _finders(stages: StageReport) -> dict[str, int]:
    """Return which search found the relevant documents, if there are two searches."""
    if not any("dense" in loss.ranks for loss in stages.losses):
        return {}
    return count_finders(stages.losses, stages.config.first_stage_k)


def _flat(settings: Mapping[str, Json], prefix: str = "") -> dict[str, str]:
    """Return each setting by its dotted path."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return flat


def _number(value: float | None) -> str:
    return NO_NUMBER if value is None or math.isnan(value) else f"{value:.3f}"


def _interval(interval: Interval) -> str:
    if math.isnan(interval.low) or math.isnan(interval.high):
        return NO_NUMBER
    return f"[{interval.low:.3f}, {interval.high:.3f}]"


def _excerpt(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} … ({len(text):,} characters in all)"
