"""`evaluate`: measure retrieval on judged claims."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from claimhound.data.read_options import ReadOptions
from claimhound.pipeline.commands.exit_codes import EXIT_RERANKER_HURTS
from claimhound.pipeline.commands.figures import (
    figures_format,
    finish,
    interval_seed_option,
    measures_option,
    say_findings,
)
from claimhound.pipeline.commands.invocation import command_line, version
from claimhound.pipeline.commands.judged_files import judgment_options, label_names_option, read_measured, read_runs
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
    from claimhound.pipeline.evaluation.evaluating import Evaluation, MeasureSettings, StageSettings
    from claimhound.pipeline.search.evidence import EvidencePipeline


@click.command(short_help="Measure retrieval on judged claims.")
@path_option("--index", "index_dir", "DIR", "Folder of the index.")
@click.option(
    "--run", "run_paths", multiple=True, metavar="FILE", help="TREC run of any system to measure; repeatable."
)
@click.option(
    "--claims", metavar="FILE", help="Claims: JSONL, JSON, CSV, TSV, a BEIR folder, hf:NAME or ir_datasets:ID."
)
@judgment_options
@label_names_option
@table_reading_options
@measures_option
@count_option("--k", 1000, "Depth to which lists are measured and written.")
@count_option("--shown-k", 5, "Number of pieces of evidence that a reader sees.")
@click.option(
    "--stages",
    default="bm25,dense,fused,reranked",
    show_default=True,
    metavar="NAMES",
    help="Stages to measure; models that no stage needs are not loaded.",
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
    "Folder for report.html, TREC runs and all figures; lets an interrupted evaluation resume.",
)
@click.option("--fresh", is_flag=True, help="Start over instead of resuming the evaluation in --output.")
@click.option("--fail-if-reranker-hurts", is_flag=True, help="Exit with status 3 if the reranker hurts (p < .05).")
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

    Each mean has a 95 % interval over claims. Also shows where relevant documents were lost, and whether the reranker
    helps on these claims. Claims and judgments that do not match are reported on standard error.

    For claims that need a whole set of evidence, such as FEVER's, sets@k is the share of claims with one set found.
    """
    if (index_dir is None) == (not run_paths):
        raise click.UsageError("name either an index with --index or runs with --run")
    if index_dir is not None and claims is None:
        raise click.UsageError("name the claims with --claims")
    if qrels is None and claims is None:
        raise click.UsageError("name the judgments with --qrels")
    models = ModelChoice(**model_options)
    models.refuse_contradictions()
    wanted = _stage_names(stages, no_rerank=models.no_rerank)
    if fail_if_reranker_hurts and (run_paths or "reranked" not in wanted):
        raise click.UsageError("--fail-if-reranker-hurts needs an index and its reranker")
    from claimhound.pipeline.evaluation.evaluating import StageSettings, evaluate_runs
    from claimhound.pipeline.evaluation.reporting import run_figures
    from claimhound.pipeline.evaluation.reporting.output_folder import make_report_folder, write_evaluation

    queries, judged, measuring = read_measured(claims, qrels, reading, qrels_level, measures=measures, seed=seed)
    if output_dir is not None:
        make_report_folder(output_dir)
    index: IndexSnapshot | None = None
    if index_dir is None:
        result = evaluate_runs(read_runs(run_paths), queries, judged.qrels, measuring)
    else:
        config = chosen_config(config_path, first_stage_k=first_stage_k, rerank_k=rerank_k)
        measured_stages = StageSettings(wanted, k, shown_k, not no_fold)
        result, index = _evaluate_index(
            _open(models, wanted, index_dir, config), queries or [], judged.qrels, measuring, measured_stages,
            output_dir, fresh=fresh,
        )  # fmt: skip
    say_findings(result.findings)
    write = None
    if output_dir is not None:
        write = partial(write_evaluation, result, output_dir, index, version=version(), command=command_line())
    finish(result, run_figures, output_format, write)
    if fail_if_reranker_hurts and result.stages and result.stages.verdict and result.stages.verdict.word == "hurts":
        say(f"Error: {result.stages.verdict.text}")
        click.get_current_context().exit(EXIT_RERANKER_HURTS)


def _stage_names(text: str, *, no_rerank: bool) -> list[str]:
    """Return the stages to measure, in the order in which they run."""
    from claimhound.pipeline.evaluation.stage_runs import LISTS

    asked = text.replace(",", " ").split()
    unknown = [name for name in asked if name not in LISTS]
    if unknown or not asked:
        raise click.BadParameter(f"{text!r} must name some of {', '.join(LISTS)}", param_hint="--stages")
    return [name for name in LISTS if name in asked and not (no_rerank and name == "reranked")]


def _open(models: ModelChoice, stages: list[str], index_dir: Path, config: PipelineConfig) -> EvidencePipeline:
    """Open an index with the models that a stage needs."""
    needed = replace(models, no_encoder=stages == ["bm25"], no_rerank="reranked" not in stages, no_stance=True)
    return needed.open(index_dir, config)


def _evaluate_index(
    pipeline: EvidencePipeline,
    claims: list[Query],
    qrels: Qrels,
    measuring: MeasureSettings,
    stages: StageSettings,
    output_dir: Path | None,
    *,
    fresh: bool,
) -> tuple[Evaluation, IndexSnapshot]:
    from claimhound.indexes.snapshot import IndexSnapshot
    from claimhound.pipeline.evaluation.evaluating import evaluate as measure
    from claimhound.pipeline.evaluation.reporting.output_folder import JOURNAL_NAME

    assert isinstance(pipeline.index, IndexSnapshot)
    cure = "with --output DIR the evaluation could resume"
    if output_dir is not None:
        cure = "run the same command again to resume"
    with long_job("claims", cure) as on_progress:
        result = measure(
            pipeline,
            claims,
            qrels,
            measuring=measuring,
            stages=stages,
            journal_path=None if output_dir is None else output_dir / JOURNAL_NAME,
            fresh=fresh,
            on_progress=on_progress,
        )
    return result, pipeline.index
