"""`evaluate`: measure retrieval on judged claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from claimhound.data.extras import require
from claimhound.data.read_options import ReadOptions
from claimhound.pipeline.commands.exit_codes import EXIT_RERANKER_HURTS
from claimhound.pipeline.commands.figures import (
    figures_format,
    figures_in_any_case,
    interval_seed_option,
    measures_option,
    print_figures,
    say_findings,
)
from claimhound.pipeline.commands.invocation import command_line, version
from claimhound.pipeline.commands.judged_files import judgment_options, label_names_option, read_judged, read_runs
from claimhound.pipeline.commands.long_jobs import long_job
from claimhound.pipeline.commands.model_choice import ModelChoice, compute_options, encoder_option, reranker_options
from claimhound.pipeline.commands.options import count_option, no_fold_option, path_option
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.commands.reading_options import table_reading_options
from claimhound.pipeline.commands.settings import chosen_config, settings_options
from claimhound.pipeline.search.config import PipelineConfig

if TYPE_CHECKING:
    from claimhound.data.records import Qrels, Query
    from claimhound.indexes.snapshot import IndexSnapshot
    from claimhound.pipeline.evaluation.evaluating import Evaluation


@click.command(short_help="Measure retrieval on judged claims.")
@path_option("--index", "index_dir", "DIR", "Folder of the index.")
@click.option("--run", "run_paths", multiple=True, metavar="FILE", help="Measure a TREC run of any system; repeatable.")
@click.option("--claims", metavar="FILE", help="Claims: JSONL, JSON, CSV, TSV, a BEIR folder, hf:NAME, ir_datasets:ID.")
@judgment_options
@label_names_option
@table_reading_options
@measures_option
@count_option("--k", 1000, "Depth to which lists are measured and written.")
@count_option("--shown-k", 5, "Pieces of evidence that a reader is taken to see.")
@click.option(
    "--stages",
    default="bm25,dense,fused,reranked",
    show_default=True,
    metavar="NAMES",
    help="Stages to measure; models that none of them needs are not loaded.",
)
@no_fold_option
@settings_options
@reranker_options
@encoder_option
@compute_options
@interval_seed_option
@path_option(
    "--output",
    "output_dir",
    "DIR",
    "Folder for report.html, TREC runs and all figures; with it an interrupted evaluation can go on.",
)
@click.option("--fresh", is_flag=True, help="Start over where --output holds an unfinished evaluation.")
@click.option("--fail-if-reranker-hurts", is_flag=True, help="Exit with status 3 if the reranker does harm (p < .05).")
@figures_format
def evaluate(
    index_dir: Path | None,
    run_paths: tuple[str, ...],
    claims: str | None,
    qrels: str | None,
    qrels_level: Any,
    measures: str | None,
    k: int,
    shown_k: int,
    stages: str,
    no_fold: bool,
    config_path: Path | None,
    first_stage_k: int,
    rerank_k: int,
    seed: int,
    output_dir: Path | None,
    fresh: bool,
    fail_if_reranker_hurts: bool,
    output_format: str,
    reading: ReadOptions,
    **model_options: Any,
) -> None:
    """Measure each stage of an index, or runs of any systems, on judged claims.

    Each mean has its 95 % interval over claims. Tells where relevant documents were lost, and whether the reranker
    helps on these claims. What of claims and judgments does not fit together is reported on standard error.

    Where any one whole set of evidence suffices, as for FEVER's claims, sets@k tells how often one is found.
    """
    if (index_dir is None) == (not run_paths):
        raise click.UsageError("name an index with --index, or runs with --run (one of the two)")
    if index_dir is not None and claims is None:
        raise click.UsageError("name the claims with --claims")
    if qrels is None and claims is None:
        raise click.UsageError("name the judgments with --qrels")
    models = ModelChoice(**model_options)
    models.refuse_contradictions()
    wanted = _stage_names(stages, no_rerank=models.no_rerank)
    if fail_if_reranker_hurts and (run_paths or "reranked" not in wanted):
        raise click.UsageError("--fail-if-reranker-hurts needs an index and its reranker")
    from claimhound.pipeline.evaluation.evaluating import evaluate_runs
    from claimhound.pipeline.evaluation.evidence_sets import default_measures
    from claimhound.pipeline.evaluation.measures import parse_measures
    from claimhound.pipeline.evaluation.output_folder import make_folder, write_evaluation
    from claimhound.pipeline.evaluation.tables import (
        evaluation_csv,
        evaluation_latex,
        evaluation_record,
        evaluation_text,
    )

    asked = None if measures is None else parse_measures(measures)
    queries, judged = read_judged(claims, qrels, reading, qrels_level)
    judgments, sets = judged
    names = default_measures(sets) if asked is None else asked
    if output_dir is not None:
        require("matplotlib", "report", "report.html")
        make_folder(output_dir)
    index: IndexSnapshot | None = None
    if index_dir is None:
        result = evaluate_runs(read_runs(run_paths), queries, judgments, measures=names, seed=seed, evidence_sets=sets)
    else:
        config = chosen_config(config_path, first_stage_k=first_stage_k, rerank_k=rerank_k)
        result, index = _evaluate_index(
            index_dir, queries or [], judgments, wanted, models, config, output_dir, fresh=fresh,
            measures=names, list_k=k, shown_k=shown_k, seed=seed, evidence_sets=sets, folding=not no_fold,
        )  # fmt: skip
    say_findings(result.findings)
    texts = {
        "table": lambda: evaluation_text(result),
        "json": lambda: evaluation_record(result),
        "csv": lambda: evaluation_csv(result),
        "latex": lambda: evaluation_latex(result),
    }
    with figures_in_any_case(lambda: print_figures(output_format, texts)):
        if output_dir is not None:
            for path in write_evaluation(result, output_dir, index, version=version(), command=command_line()):
                say(f"wrote {path}")
    if fail_if_reranker_hurts and result.stages and result.stages.verdict and result.stages.verdict.word == "hurts":
        say(f"Error: {result.stages.verdict.text}")
        click.get_current_context().exit(EXIT_RERANKER_HURTS)


def _stage_names(text: str, *, no_rerank: bool) -> list[str]:
    """Return the stages to measure, in the order in which they run."""
    from claimhound.pipeline.evaluation.evaluating import LISTS

    asked = text.replace(",", " ").split()
    unknown = [name for name in asked if name not in LISTS]
    if unknown or not asked:
        raise click.BadParameter(f"{text!r} is not made of {', '.join(LISTS)}", param_hint="--stages")
    return [name for name in LISTS if name in asked and not (no_rerank and name == "reranked")]


def _evaluate_index(
    index_dir: Path,
    claims: list[Query],
    qrels: Qrels,
    stages: list[str],
    models: ModelChoice,
    config: PipelineConfig,
    output_dir: Path | None,
    **settings: Any,
) -> tuple[Evaluation, IndexSnapshot]:
    """Measure the stages of an index with the models that one of them needs."""
    from claimhound.indexes.snapshot import IndexSnapshot
    from claimhound.pipeline.evaluation.evaluating import evaluate as measure
    from claimhound.pipeline.evaluation.output_folder import JOURNAL_NAME

    needed = replace(models, no_encoder=stages == ["bm25"], no_rerank="reranked" not in stages, no_stance=True)
    pipeline = needed.open(index_dir, config)
    assert isinstance(pipeline.index, IndexSnapshot)
    cure = "with --output DIR it could go on where it was"
    if output_dir is not None:
        cure = "run the same command again to go on where it was"
    with long_job("claims", cure) as advance:
        result = measure(
            pipeline,
            claims,
            qrels,
            lists=stages,
            journal_path=None if output_dir is None else output_dir / JOURNAL_NAME,
            on_progress=lambda done, total: advance("evaluate", done, total),
            **settings,
        )
    return result, pipeline.index
