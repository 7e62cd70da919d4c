"""The command line: parse options, call one function, print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
from rich.console import Console
from rich.table import Table

from data.errors import ClaimhoundError, InputError

if TYPE_CHECKING:
    from indexes.text import Conditions
    from pipeline.evidence import EvidencePipeline
    from pipeline.indexing import IndexingReport, Progress
    from pipeline.results import ClaimEvidence

EXIT_USER_ERROR = 1
EXIT_INTERRUPTED = 130

DEVICES = click.Choice(["auto", "cpu", "cuda", "mps"])


def _version() -> str:
    try:
        return version("claimhound")
    except PackageNotFoundError:
        return "not installed"


def _stderr() -> Console:
    return Console(stderr=True, highlight=False)


def _say(line: str) -> None:
    """Print a line about what is going on, for people: on standard error."""
    click.echo(line, err=True)


class _Commands(click.Group):
    """Commands whose expected errors are one line on standard error and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ClaimhoundError as error:
            raise click.ClickException(" ".join(str(error).split())) from error
        except KeyboardInterrupt:
            _say("interrupted")
            ctx.exit(EXIT_INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(_version(), prog_name="claimhound")
def main() -> None:
    """Find the sentences of your corpus that bear on a claim."""


index_option = click.option(
    "--index", "index_dir", required=True, type=click.Path(path_type=Path), help="Folder of the index."
)
device_option = click.option("--device", type=DEVICES, default="auto", show_default=True, help="Where models run.")
threads_option = click.option("--threads", type=click.IntRange(min=1), help="Cores to use.  [default: all]")
encoder_option = click.option("--encoder", metavar="MODEL", help="Bi-encoder: a folder, or a name on the Hub.")


def source_options(command: Any) -> Any:
    """Add the options that say how documents are read."""
    for option in (
        click.option(
            "--on-error",
            type=click.Choice(["stop", "skip"]),
            default="stop",
            show_default=True,
            help="A bad record ends the command, or is skipped, counted and listed.",
        ),
        click.option("--text-field", metavar="NAME", help="Field that holds the text.  [default: by convention]"),
        click.option("--id-field", metavar="NAME", help="Field that holds the id.  [default: by convention]"),
        click.option("--split-sentences", is_flag=True, help="Index each sentence of a text on its own."),
        click.argument("sources", metavar="SOURCE...", nargs=-1, required=True),
    ):
        command = option(command)
    return command


@main.command()
@click.option("-k", default=3, show_default=True, type=click.IntRange(min=1), help="Pieces of evidence for each claim.")
def demo(k: int) -> None:
    """Index the bundled sample and answer three claims."""
    from pipeline.demo import run_demo
    from pipeline.rendering import print_table

    answers = run_demo(k, _say)
    console = Console()
    for answer in answers:
        print_table(console, answer)
    console.print(
        "Now with your own corpus (a sentence a line, or JSONL with a text field):\n"
        "  claimhound index build corpus.jsonl --index my-index\n"
        '  claimhound search "a claim" --index my-index',
        highlight=False,
    )


@main.group()
def index() -> None:
    """Build, change and check an index."""


@index.command("build")
@source_options
@index_option
@encoder_option
@click.option("--overwrite", is_flag=True, help="Replace the index that the folder holds.")
@device_option
@threads_option
def index_build(
    sources: tuple[str, ...],
    index_dir: Path,
    encoder: str | None,
    overwrite: bool,
    device: Any,
    threads: int | None,
    **options: Any,
) -> None:
    """Build an index of the documents in SOURCE: files, BEIR folders, or hf:NAME.

    Reads JSONL, JSON, CSV, TSV, Parquet and text (a sentence a line), also as .gz, .xz or .zst. A build that was
    interrupted goes on where it was when it is started again.
    """
    from pipeline.encoders import load_encoder
    from pipeline.indexing import SourceOptions, build_index
    from pipeline.model_files import BUNDLED

    model = load_encoder(encoder or BUNDLED, device, n_threads=threads, on_start=_say)
    with _indexing_progress() as on_progress:
        report = build_index(
            sources, index_dir, model, SourceOptions(**options), overwrite=overwrite, on_progress=on_progress
        )
    _report_indexing(report, index_dir)


@index.command("add")
@source_options
@index_option
@device_option
@threads_option
def index_add(sources: tuple[str, ...], index_dir: Path, device: Any, threads: int | None, **options: Any) -> None:
    """Add the documents in SOURCE; one whose id the index holds already takes the other's place."""
    from indexes.snapshot import IndexSnapshot
    from pipeline.encoders import load_encoder
    from pipeline.indexing import SourceOptions, add_documents

    name = IndexSnapshot.open(index_dir).manifest.encoder.name
    model = load_encoder(name, device, n_threads=threads, on_start=_say)
    with _indexing_progress() as on_progress:
        report = add_documents(sources, index_dir, model, SourceOptions(**options), on_progress=on_progress)
    _report_indexing(report, index_dir)


@index.command("delete")
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--ids-from", type=click.File("r", encoding="utf-8"), help="File with an id a line; - is standard input.")
@index_option
def index_delete(ids: tuple[str, ...], ids_from: TextIO | None, index_dir: Path) -> None:
    """Delete the documents with these ids; exits 1 if the index holds one of them not."""
    from indexes.writer import IndexWriter

    wanted = [*ids, *(line.strip() for line in ids_from or () if line.strip())]
    if not wanted:
        raise click.UsageError("name at least one ID, or a file of ids with --ids-from")
    with IndexWriter.open(index_dir) as writer:
        unknown = writer.delete(wanted)
        if len(unknown) == len(set(wanted)):
            raise InputError(f"{index_dir}: holds none of these ids ({_some(unknown)}); nothing was deleted")
        manifest = writer.commit()
    click.echo(f"{index_dir}: generation {manifest.generation}, {manifest.n_docs:,} documents")
    if unknown:
        raise InputError(f"{len(unknown)} of {len(set(wanted))} ids were not in the index: {_some(unknown)}")


@index.command("info")
@index_option
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
def index_info(index_dir: Path, output_format: str) -> None:
    """Tell what an index holds."""
    from indexes.snapshot import IndexSnapshot

    manifest = IndexSnapshot.open(index_dir).manifest
    facts = {
        "path": str(index_dir),
        "generation": manifest.generation,
        "format version": manifest.format_version,
        "documents": manifest.n_docs,
        "encoder": manifest.encoder.name,
        "encoder weights": manifest.encoder.weights_sha256,
        "dimensions": manifest.encoder.dim,
        "vector segments": len(manifest.vector_files),
        "vector search": "exact" if all(item.exact for item in manifest.vector_files) else "inverted lists",
        "deleted, not yet compacted": max(manifest.n_dead_text, manifest.n_dead_vectors),
        "bytes": sum(check.size for check in manifest.files.values()),
    }
    if output_format == "json":
        click.echo(
            json.dumps({name.replace(", ", "_").replace(" ", "_"): value for name, value in facts.items()}, indent=2)
        )
        return
    _print_facts((name, f"{value:,}" if isinstance(value, int) else str(value)) for name, value in facts.items())


@index.command("verify")
@index_option
def index_verify(index_dir: Path) -> None:
    """Read every byte of an index and compare it with its checksums; exits 1 and names the files that changed."""
    from indexes.verification import verify_index

    found = verify_index(index_dir)
    if found.damaged:
        for line in found.damaged:
            _say(line)
        raise InputError(
            f"{index_dir}: {len(found.damaged)} damaged; restore what is named above or build the index anew"
        )
    click.echo(f"{index_dir}: generation {found.generation} is intact ({found.n_files} files, {found.n_bytes:,} bytes)")


@index.command("compact")
@index_option
def index_compact(index_dir: Path) -> None:
    """Write an index anew without its deleted documents."""
    from indexes.writer import IndexWriter

    with IndexWriter.open(index_dir) as writer:
        writer.compact()
        manifest = writer.commit()
    click.echo(f"{index_dir}: generation {manifest.generation}, {manifest.n_docs:,} documents")


@main.command()
@click.argument("claim")
@click.option("--index", "index_dir", type=click.Path(path_type=Path), help="Folder of the index.")
@click.option("--corpus", metavar="FILE", help="Search a file's few passages in memory, without an index.")
@click.option("-k", default=5, show_default=True, type=click.IntRange(min=1), help="Pieces of evidence.")
@click.option(
    "--first-stage-k",
    default=100,
    show_default=True,
    type=click.IntRange(min=1),
    help="Candidates from BM25, and as many from the vectors.",
)
@click.option("--rerank-k", default=100, show_default=True, type=click.IntRange(min=1), help="Candidates rescored.")
@click.option("--no-rerank", is_flag=True, help="Leave the candidates in the order of the first stage.")
@click.option("--reranker", metavar="MODEL", help="Cross-encoder: a folder, or a name on the Hub.")
@encoder_option
@click.option("--no-encoder", is_flag=True, help="Search by BM25 alone.")
@device_option
@threads_option
@click.option("--explain", is_flag=True, help="Show each stage's rank and score, and the time spent.")
@click.option("--context", default=0, metavar="N", type=click.IntRange(min=0), help="Show N neighbouring sentences.")
@click.option("--before", metavar="DATE", help="Only documents dated before DATE (YYYY, YYYY-MM or YYYY-MM-DD).")
@click.option("--where", multiple=True, metavar="FIELD=VALUE", help="Only documents with that value; may be repeated.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json", "jsonl", "tsv"]),
    default="table",
    show_default=True,
)
def search(
    claim: str,
    index_dir: Path | None,
    corpus: str | None,
    k: int,
    first_stage_k: int,
    rerank_k: int,
    no_rerank: bool,
    reranker: str | None,
    encoder: str | None,
    no_encoder: bool,
    device: Any,
    threads: int | None,
    explain: bool,
    context: int,
    before: str | None,
    where: tuple[str, ...],
    output_format: str,
) -> None:
    """Find evidence for CLAIM; with - for each line of standard input."""
    if (index_dir is None) == (corpus is None):
        raise click.UsageError("name an index with --index, or a file with --corpus (one of the two)")
    if corpus is not None and (before or where or context):
        raise click.UsageError("--before, --where and --context need an index")
    from pipeline.config import PipelineConfig
    from pipeline.opening import open_pipeline

    conditions = _conditions(before, where)
    pipeline = open_pipeline(
        index_dir,
        corpus=corpus,
        encoder=encoder,
        reranker=reranker,
        with_encoder=not no_encoder,
        with_reranker=not no_rerank,
        config=PipelineConfig(first_stage_k=first_stage_k, rerank_k=rerank_k),
        device=device,
        n_threads=threads,
        on_start=_say,
    )
    answers = _answers(pipeline, claim, k, conditions, context)
    _print_answers(answers, output_format, explain=explain, several=claim == "-")


def _answers(
    pipeline: EvidencePipeline, claim: str, k: int, conditions: Conditions, context: int
) -> Iterator[ClaimEvidence]:
    if claim != "-":
        yield from pipeline.find_evidence([claim], k, conditions=conditions, context=context)
        return
    from data.claims import read_claims

    for query in read_claims("-"):
        yield from pipeline.find_evidence([query.text], k, conditions=conditions, context=context)


def _print_answers(answers: Iterable[ClaimEvidence], output_format: str, *, explain: bool, several: bool) -> None:
    from pipeline.rendering import TSV_COLUMNS, as_json, as_json_line, as_tsv_lines, print_table

    if output_format == "table":
        console = Console()
        for answer in answers:
            print_table(console, answer, explain=explain)
    elif output_format == "tsv":
        click.echo("\t".join(TSV_COLUMNS))
        for answer in answers:
            for line in as_tsv_lines(answer):
                click.echo(line)
    elif output_format == "jsonl":
        for answer in answers:
            click.echo(as_json_line(answer))
    elif several:
        click.echo("[")
        for number, answer in enumerate(answers):
            click.echo(("," if number else "") + as_json(answer))
        click.echo("]")
    else:
        for answer in answers:
            click.echo(as_json(answer))


def _conditions(before: str | None, where: tuple[str, ...]) -> Conditions:
    from data.documents import iso_day
    from indexes.text import Conditions

    if before is not None and iso_day(before) is None:
        raise click.BadParameter(f"{before!r} is no date (YYYY, YYYY-MM or YYYY-MM-DD)", param_hint="--before")
    pairs: list[tuple[str, str]] = []
    for item in where:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{item!r} is not FIELD=VALUE", param_hint="--where")
        pairs.append((name, value))
    return Conditions(before, tuple(pairs))


@main.command()
@index_option
@click.option("--claims", required=True, metavar="FILE", help="Claims: JSONL, CSV, TSV, JSON or a BEIR folder.")
@click.option("--qrels", required=True, metavar="FILE", help="Judgments: BEIR's TSV or TREC's qrels.")
@click.option("--first-stage-k", default=100, show_default=True, type=click.IntRange(min=1))
@click.option("--rerank-k", default=100, show_default=True, type=click.IntRange(min=1))
@click.option("--no-rerank", is_flag=True, help="Measure the first stage alone.")
@click.option("--reranker", metavar="MODEL", help="Cross-encoder: a folder, or a name on the Hub.")
@encoder_option
@device_option
@threads_option
@click.option("--output", "output_dir", type=click.Path(path_type=Path), help="Folder for TREC runs and the figures.")
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
def evaluate(
    index_dir: Path,
    claims: str,
    qrels: str,
    first_stage_k: int,
    rerank_k: int,
    no_rerank: bool,
    reranker: str | None,
    encoder: str | None,
    device: Any,
    threads: int | None,
    output_dir: Path | None,
    output_format: str,
) -> None:
    """Measure each stage's recall, RR and nDCG on judged claims."""
    from data.claims import read_claims
    from data.judgments import read_qrels
    from pipeline.config import PipelineConfig
    from pipeline.evaluation import evaluate as measure
    from pipeline.evaluation import write_evaluation
    from pipeline.opening import describe, open_pipeline

    queries, judgments = list(read_claims(claims)), read_qrels(qrels)
    config = PipelineConfig(first_stage_k=first_stage_k, rerank_k=rerank_k)
    pipeline = open_pipeline(
        index_dir,
        encoder=encoder,
        reranker=reranker,
        with_reranker=not no_rerank,
        config=config,
        device=device,
        n_threads=threads,
        on_start=_say,
    )
    with _progress("claims") as advance:
        result = measure(pipeline, queries, judgments, on_progress=lambda done, total: advance(done, total, ""))
    if output_dir is not None:
        settings = describe(pipeline) | {"claims": claims, "qrels": qrels}
        for path in write_evaluation(result, output_dir, settings):
            _say(f"wrote {path}")
    for count, what in (
        (len(result.unjudged), "claims have no relevant judgment and do not count"),
        (len(result.absent), "judged claims are not among the claims and do not count"),
        (len(result.unknown_documents), "judged documents are not in the index and count as not found"),
    ):
        if count:
            _say(f"{count} {what}")
    if output_format == "json":
        click.echo(json.dumps({"n_claims": result.n_claims, "means": result.means}, indent=2))
        return
    table = Table(
        box=None, header_style="bold", title=f"{result.n_claims} claims, mean of each measure", title_justify="left"
    )
    table.add_column("stage")
    measures = list(next(iter(result.means.values())))
    for name in measures:
        table.add_column(name, justify="right")
    for stage, means in result.means.items():
        table.add_row(stage, *(f"{means[name]:.3f}" for name in measures))
    Console().print(table)


@main.command()
def doctor() -> None:
    """Tell versions, devices, models and threads, and what is missing; exits 1 if something is."""
    from pipeline.doctor import examine

    findings = examine()
    _print_facts((finding.name, finding.value) for finding in findings)
    missing = [finding for finding in findings if finding.cure]
    for finding in missing:
        _say(f"{finding.name}: {finding.value}; {finding.cure}")
    if missing:
        raise InputError(f"{len(missing)} missing")


def _print_facts(facts: Iterable[tuple[str, str]]) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, value)
    Console().print(table, highlight=False, markup=False)


@contextmanager
def _progress(unit: str) -> Iterator[Any]:
    """Yield a function `(done, total, description)` that draws on standard error, if that is a terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=_stderr(),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, description: bar.update(task, completed=done, total=total, description=description)


@contextmanager
def _indexing_progress() -> Iterator[Any]:
    with _progress("documents") as advance:

        def on_progress(progress: Progress) -> None:
            advance(progress.done, progress.total, progress.phase)

        yield on_progress


def _report_indexing(report: IndexingReport, index_dir: Path) -> None:
    for error in report.skipped:
        _say(f"skipped {error}")
    parts = [f"{report.n_read:,} documents read"]
    if report.n_replaced:
        parts.append(f"{report.n_replaced:,} replaced")
    if report.n_reused:
        parts.append(f"{report.n_reused:,} taken up from an interrupted build")
    if report.skipped:
        parts.append(f"{len(report.skipped):,} bad records skipped")
    manifest = report.manifest
    click.echo(f"{index_dir}: generation {manifest.generation}, {manifest.n_docs:,} documents ({', '.join(parts)})")


def _some(items: list[str], n: int = 5) -> str:
    return ", ".join(items[:n]) + (f" and {len(items) - n} more" if len(items) > n else "")


if __name__ == "__main__":
    main()
