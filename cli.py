"""The command line: parse options, call one function, print."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.errors import ClaimhoundError, InputError
from pipeline.training.encoder_recipe import EncoderRecipe
from pipeline.training.reranker_recipe import RerankerRecipe
from pipeline.training.stance_recipe import StanceRecipe

if TYPE_CHECKING:
    from data.records import Qrels, Query, Run
    from indexes.manifest import Manifest
    from indexes.snapshot import IndexSnapshot
    from indexes.text import Conditions
    from pipeline.config import PipelineConfig
    from pipeline.evaluation.evaluating import Evaluation
    from pipeline.evaluation.judged import Finding
    from pipeline.evidence import EvidencePipeline
    from pipeline.indexing import IndexingReport, Progress
    from pipeline.results import ClaimEvidence

# 0 is an answer, 1 a user's error, 2 a usage error (click's); the last two are what a shell shows for the signals.
EXIT_RERANKER_HURTS = 3
EXIT_REJECTS = 4
EXIT_INTERRUPTED = 130
EXIT_OUTPUT_CLOSED = 141

_STDIN = "-"


class _Commands(click.Group):
    """Commands whose expected errors are one line on standard error and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal that cannot show a character shows a question mark.
            sys.stdout.reconfigure(errors="replace")
        try:
            return super().invoke(ctx)
        except ClaimhoundError as error:
            _say(f"Error: {error}")
            ctx.exit(1)
        except KeyboardInterrupt as interrupt:
            _say("; ".join(("interrupted", *map(str, interrupt.args))))
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            _give_up_output()
            ctx.exit(EXIT_OUTPUT_CLOSED)


def _give_up_output() -> None:
    """Have what standard output still holds vanish: at its end Python would try to write it again, and complain."""
    with suppress(OSError, AttributeError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _say(line: str) -> None:
    """Print a line about what is going on, for people: on standard error."""
    from pipeline.terminal_text import printable

    click.echo(printable(line), err=True)


def _print(text: str) -> None:
    """Print what was asked for, at once: on standard output."""
    try:
        # Our colours are there only where they are wanted; without `color` click would take them out of a text.
        click.echo(text, color=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        _give_up_output()
        raise InputError(f"the output cannot be written ({error.strerror})") from error


def _print_utf8() -> None:
    """Write UTF-8 from now on whatever the terminal speaks: programs read it.

    What UTF-8 cannot hold, half a surrogate pair, becomes the escape that JSON has for it.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("claimhound")
    except PackageNotFoundError:
        return "of a folder that is not installed"


def _command_line() -> str:
    """Return the command as it was typed, for a record of what was done."""
    import shlex

    return shlex.join(["claimhound", *sys.argv[1:]])


def _print_version(ctx: click.Context, _parameter: click.Parameter, is_wanted: bool) -> None:
    if is_wanted and not ctx.resilient_parsing:
        _print(f"claimhound {_version()}")
        ctx.exit()


def _print_help_alone(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        _print(ctx.get_help())


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 an answer (also: nothing found), 1 an error that you can mend, 2 a wrong command line, "
    "3 the reranker hurts (`evaluate --fail-if-reranker-hurts`), 4 `annotate` finished and set records aside, "
    "130 interrupted, 141 the reader of the output has gone.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Find the sentences of your corpus that bear on a claim.

    Build an index of your corpus once, then search it.
    """
    _print_help_alone(ctx)


Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def _options(*options: Decorator) -> Decorator:
    """Return one decorator for several options, shown in help in this order."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _count(name: str, default: int, text: str) -> Decorator:
    return click.option(name, default=default, show_default=True, metavar="N", type=click.IntRange(min=1), help=text)


def _format(*formats: str, text: str) -> Decorator:
    return click.option(
        "--format", "output_format", type=click.Choice(formats), default="table", show_default=True, help=text
    )


index_option = click.option(
    "--index", "index_dir", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Folder of the index."
)
encoder_option = click.option(
    "--encoder",
    metavar="MODEL",
    help="Bi-encoder: a folder, or a name on the Hub.  [default: the one that the index was built with]",
)
compute_options = _options(
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda", "mps"]),
        default="auto",
        show_default=True,
        help="Where the models run.",
    ),
    click.option("--threads", metavar="N", type=click.IntRange(min=1), help="Cores to use.  [default: all]"),
)
on_error_option = click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="A bad record ends the command, or is left out, counted and listed.",
)
source_options = _options(
    click.argument("sources", metavar="SOURCE...", nargs=-1, required=True),
    click.option("--split-sentences", is_flag=True, help="Index each sentence of a text on its own."),
    click.option(
        "--text-field", metavar="NAME", help="Field that holds the text.  [default: text, evidence, sentence, …]"
    ),
    click.option("--id-field", metavar="NAME", help="Field that holds the id.  [default: _id, id, doc_id, …]"),
    on_error_option,
)
reranker_options = _options(
    click.option("--no-rerank", is_flag=True, help="Leave the candidates in the order of the first stage."),
    click.option(
        "--reranker", metavar="MODEL", help="Cross-encoder: a folder, or a name on the Hub.  [default: the bundled one]"
    ),
)
stage_options = _options(
    _count("--first-stage-k", 100, "Candidates from BM25, and as many from the vectors."),
    _count("--rerank-k", 100, "Candidates that the reranker rescores."),
    reranker_options,
)
config_option = click.option(
    "--config",
    "config_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Settings as `claimhound tune` writes them; options given here come before them.",
)


def _config(config_path: Path | None, **options: Any) -> PipelineConfig:
    """Return a file's settings, or the defaults, with those of the options that stand on the command line."""
    from dataclasses import replace

    from pipeline.config import PipelineConfig, read_config

    context = click.get_current_context()
    given = {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
    }
    return replace(PipelineConfig() if config_path is None else read_config(config_path), **given)


adaptive_options = _options(
    click.option(
        "--adaptive-k", is_flag=True, help="Show fewer than k where their probability falls far below the best one's."
    ),
    click.option(
        "--min-score",
        metavar="P",
        type=click.FloatRange(0, 1),
        help="Leave out evidence of a lower probability than P.",
    ),
)
stance_options = _options(
    click.option("--no-stance", is_flag=True, help="Do not tell which way the evidence points."),
    click.option(
        "--stance",
        metavar="MODEL",
        help="Stance model: a folder, or a name on the Hub.  [default: one that is bundled]",
    ),
)
no_encoder_option = click.option("--no-encoder", is_flag=True, help="Search by BM25 alone, without the vectors.")


@main.command()
@_count("-k", 3, "Pieces of evidence for each claim.")
def demo(k: int) -> None:
    """Index the bundled sample and answer three claims."""
    from pipeline.demo import run_demo

    _print_tables(run_demo(k, _say))
    _print(
        "Now with your own corpus (a sentence a line, or JSONL with a text field):\n"
        "  claimhound index build corpus.jsonl --index my-index\n"
        '  claimhound search "a claim" --index my-index'
    )


@main.group(invoke_without_command=True)
@click.pass_context
def index(ctx: click.Context) -> None:
    """Build, change and check an index."""
    _print_help_alone(ctx)


@index.command("build", short_help="Build an index of documents.")
@source_options
@index_option
@click.option(
    "--encoder", metavar="MODEL", help="Bi-encoder: a folder, or a name on the Hub.  [default: the bundled one]"
)
@click.option("--overwrite", is_flag=True, help="Replace the index that the folder holds.")
@compute_options
def index_build(
    sources: tuple[str, ...],
    index_dir: Path,
    encoder: str | None,
    overwrite: bool,
    device: Any,
    threads: int | None,
    **options: Any,
) -> None:
    """Build an index of the documents in SOURCE: files, BEIR folders, or hf:NAME[@CONFIG][:SPLIT].

    Reads JSONL, JSON, CSV, TSV and text (a sentence a line), each also as .gz, .xz or .zst, and Parquet; - is text on
    standard input. A build that was interrupted goes on where it was when the same command is run again.
    """
    from pipeline.encoders import load_encoder
    from pipeline.indexing import SourceOptions, build_index
    from pipeline.model_files import BUNDLED

    with _indexing_progress() as on_progress:
        model = load_encoder(encoder or BUNDLED, device, n_threads=threads, on_start=_say)
        report = build_index(
            sources, index_dir, model, SourceOptions(**options), overwrite=overwrite, on_progress=on_progress
        )
    _report_indexing(report, index_dir)


@index.command("add", short_help="Add documents, or replace them by id.")
@source_options
@index_option
@compute_options
def index_add(sources: tuple[str, ...], index_dir: Path, device: Any, threads: int | None, **options: Any) -> None:
    """Add the documents in SOURCE; one whose id the index holds already takes the other's place.

    SOURCE is what it is for `index build`. The encoder is the one that the index was built with.
    """
    from indexes.snapshot import IndexSnapshot
    from pipeline.encoders import load_encoder
    from pipeline.indexing import SourceOptions, add_documents

    with _indexing_progress() as on_progress:
        name = IndexSnapshot.open(index_dir).manifest.encoder.name
        model = load_encoder(name, device, n_threads=threads, on_start=_say)
        report = add_documents(sources, index_dir, model, SourceOptions(**options), on_progress=on_progress)
    _report_indexing(report, index_dir)


@index.command("delete", short_help="Delete documents by id.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--ids-from", metavar="FILE", help="File with an id a line; - is standard input.")
@index_option
def index_delete(ids: tuple[str, ...], ids_from: str | None, index_dir: Path) -> None:
    """Delete the documents with these ids.

    Ids that the index does not hold are reported, and the exit status is then 1; all others are deleted.
    """
    from indexes.writer import IndexWriter

    wanted = list(dict.fromkeys([*ids, *_ids_in(ids_from)]))
    if not wanted:
        raise click.UsageError("name at least one ID, or a file of ids with --ids-from")
    with _if_interrupted("the index is as it was before"), IndexWriter.open(index_dir) as writer:
        unknown = writer.delete(wanted)
        if len(unknown) == len(wanted):
            raise InputError(f"{index_dir}: holds none of these ids ({_some(unknown)}); nothing was deleted")
        manifest = writer.commit()
    _print(f"{_described(manifest, index_dir)}, {len(wanted) - len(unknown):,} deleted")
    if unknown:
        raise InputError(
            f"{index_dir}: does not hold {len(unknown):,} of {len(wanted):,} ids ({_some(unknown)}); "
            "the others were deleted"
        )


def _ids_in(path: str | None) -> list[str]:
    from data.rejects import rejecter
    from data.sources import locate_text
    from data.streams import read_lines

    if path is None:
        return []
    found = [line for _, line in read_lines(locate_text(path), rejecter("stop"))]
    if not found:
        raise InputError(f"{path}: holds no ids")
    return found


@index.command("info")
@index_option
@_format("table", "json", text="Lines for people, or JSON for programs.")
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
        _print_json({name.replace(", ", "_").replace(" ", "_"): value for name, value in facts.items()})
        return
    _print_facts((name, f"{value:,}" if isinstance(value, int) else str(value)) for name, value in facts.items())


@index.command("verify", short_help="Compare every byte with its checksum.")
@index_option
def index_verify(index_dir: Path) -> None:
    """Read every byte of an index and compare it with its checksums.

    Names each file that is not as it was written; the exit status is then 1.
    """
    from indexes.verification import verify_index

    found = verify_index(index_dir)
    if found.damaged:
        for line in found.damaged:
            _say(line)
        raise InputError(
            f"{index_dir}: {len(found.damaged)} damaged; restore what is named above or build the index anew"
        )
    _print(f"{index_dir}: generation {found.generation} is intact ({found.n_files} files, {found.n_bytes:,} bytes)")


@index.command("compact", short_help="Write an index anew without what was deleted.")
@index_option
def index_compact(index_dir: Path) -> None:
    """Write an index anew without its deleted documents, in one vector segment."""
    from indexes.writer import IndexWriter

    with _if_interrupted("the index is as it was before"), IndexWriter.open(index_dir) as writer:
        writer.compact()
        manifest = writer.commit()
    _print(_described(manifest, index_dir))


@main.command(short_help="Find evidence for a claim.")
@click.argument("claim_words", metavar="CLAIM", nargs=-1, required=True)
@click.option("--index", "index_dir", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the index.")
@click.option("--corpus", metavar="FILE", help="Search the few passages of a file in memory, without an index.")
@_count("-k", 5, "Pieces of evidence.")
@adaptive_options
@click.option("--before", metavar="DATE", help="Only documents dated before DATE (YYYY, YYYY-MM or YYYY-MM-DD).")
@click.option("--where", multiple=True, metavar="FIELD=VALUE", help="Only documents with that value; may be repeated.")
@click.option(
    "--context",
    default=0,
    show_default=True,
    metavar="N",
    type=click.IntRange(min=0),
    help="Show N sentences before and after each, too.",
)
@stance_options
@click.option("--explain", is_flag=True, help="Show shared words, each stage's rank and score, and the time spent.")
@_format("table", "json", "jsonl", "tsv", text="A table for people; JSON, JSON lines or TSV, in UTF-8, for programs.")
@config_option
@stage_options
@encoder_option
@no_encoder_option
@compute_options
def search(
    claim_words: tuple[str, ...],
    index_dir: Path | None,
    corpus: str | None,
    k: int,
    adaptive_k: bool,
    min_score: float | None,
    before: str | None,
    where: tuple[str, ...],
    context: int,
    no_stance: bool,
    stance: str | None,
    explain: bool,
    output_format: str,
    config_path: Path | None,
    first_stage_k: int,
    rerank_k: int,
    no_rerank: bool,
    reranker: str | None,
    encoder: str | None,
    no_encoder: bool,
    device: Any,
    threads: int | None,
) -> None:
    """Find evidence for CLAIM, in quotes; with - for each line of standard input.

    Put -- before a claim that begins with a dash. A document without a date is not before any day.
    """
    if len(claim_words) > 1:
        raise click.UsageError('put the claim in quotes: claimhound search "a claim of several words" --index DIR')
    if (index_dir is None) == (corpus is None):
        raise click.UsageError("name an index with --index, or a file with --corpus (one of the two)")
    if corpus is not None and (before or where or context):
        raise click.UsageError("--before, --where and --context need an index")
    if corpus == _STDIN == claim_words[0]:
        raise click.UsageError("claim and corpus cannot both come from standard input")
    _require_fitting_models(
        no_encoder=no_encoder, encoder=encoder, no_rerank=no_rerank, reranker=reranker, no_stance=no_stance,
        stance=stance, adaptive_k=adaptive_k, min_score=min_score,
    )  # fmt: skip
    conditions = _conditions(before, where)
    claim = _as_utf8(claim_words[0])
    config = _config(config_path, first_stage_k=first_stage_k, rerank_k=rerank_k)
    from pipeline.opening import open_pipeline

    pipeline = open_pipeline(
        index_dir,
        corpus=corpus,
        encoder=encoder,
        reranker=reranker,
        stance=stance,
        with_encoder=not no_encoder,
        with_reranker=not no_rerank,
        with_stance=not no_stance,
        config=config,
        device=device,
        n_threads=threads,
        on_start=_say,
    )
    claims = _claims_on_stdin() if claim == _STDIN else [claim]
    answers = _answers(pipeline, claims, k, conditions, context, adaptive=adaptive_k, min_score=min_score)
    _print_answers(answers, output_format, explain=explain, several=claim == _STDIN)


def _require_fitting_models(
    *,
    no_encoder: bool,
    encoder: str | None,
    no_rerank: bool,
    reranker: str | None,
    no_stance: bool,
    stance: str | None,
    adaptive_k: bool,
    min_score: float | None,
) -> None:
    """Raise UsageError for options that exclude each other."""
    if no_encoder and encoder is not None:
        raise click.UsageError("--no-encoder and --encoder exclude each other")
    if no_rerank and reranker is not None:
        raise click.UsageError("--no-rerank and --reranker exclude each other")
    if no_stance and stance is not None:
        raise click.UsageError("--no-stance and --stance exclude each other")
    if adaptive_k and no_rerank:
        raise click.UsageError("--adaptive-k goes by the reranker's probabilities, so it excludes --no-rerank")
    if min_score is not None and no_rerank:
        raise click.UsageError("--min-score goes by the reranker's probabilities, so it excludes --no-rerank")


def _answers(
    pipeline: EvidencePipeline,
    claims: Iterable[str],
    k: int,
    conditions: Conditions,
    context: int,
    *,
    adaptive: bool,
    min_score: float | None,
) -> Iterator[ClaimEvidence]:
    """Yield each claim's answer before the next claim is read."""
    for claim in claims:
        yield from pipeline.find_evidence(
            [claim], k, adaptive=adaptive, min_score=min_score, conditions=conditions, context=context
        )


def _claims_on_stdin() -> Iterator[str]:
    """Yield the lines of standard input as they come; blank ones and such as are not UTF-8 are reported.

    Raises InputError at the end if there was no claim, or one that is not UTF-8: the others have their answers by then.
    """
    if sys.stdin is None:
        raise InputError("standard input is closed; it should hold a claim a line")
    if sys.stdin.isatty():
        _say("type a claim a line; Ctrl-D ends")
    n_claims = n_bad = 0
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        try:
            claim = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            _say(f"stdin:{number}: not UTF-8 (byte 0x{error.object[error.start]:02x}), skipped")
            n_bad += 1
            continue
        if not claim:
            _say(f"stdin:{number}: blank, skipped")
            continue
        n_claims += 1
        yield claim
    if n_bad:
        raise InputError(f"standard input: {n_bad:,} of {n_claims + n_bad:,} claims not answered")
    if not n_claims:
        raise InputError("standard input holds no claim; write a claim a line")


def _as_utf8(argument: str) -> str:
    """Return an argument as it was typed, also where the locale could not read its bytes."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        try:
            return os.fsencode(argument).decode()
        except UnicodeError as error:
            raise InputError("the claim is not UTF-8; set the terminal to UTF-8") from error
    return argument


def _print_answers(answers: Iterable[ClaimEvidence], output_format: str, *, explain: bool, several: bool) -> None:
    from pipeline.rendering import TSV_COLUMNS, as_json, as_tsv_lines

    if output_format == "table":
        _print_tables(answers, explain=explain)
        return
    _print_utf8()
    if output_format == "tsv":
        _print("\t".join(TSV_COLUMNS))
        for answer in answers:
            for line in as_tsv_lines(answer):
                _print(line)
            _say_notes(answer)
    elif output_format == "jsonl":
        for answer in answers:
            _print(as_json(answer, indent=None))
    elif several:
        _print_json_array(as_json(answer) for answer in answers)
    else:
        for answer in answers:
            _print(as_json(answer))


def _print_tables(answers: Iterable[ClaimEvidence], *, explain: bool = False) -> None:
    from pipeline.rendering import as_table

    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    for answer in answers:
        _print(as_table(answer, explain=explain, is_terminal=is_terminal) + "\n")


def _say_notes(answer: ClaimEvidence) -> None:
    """Say on standard error what a format without a place for it leaves out."""
    for note in answer.notes:
        _say(f"{answer.claim}: {note}")


def _print_json_array(items: Iterator[str]) -> None:
    """Print each item as it comes; the array is closed even if an error ends it."""
    separator = "["
    try:
        for item in items:
            _print(f"{separator}\n{item}")
            separator = ","
    finally:
        _print("[]" if separator == "[" else "]")


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


@main.command(short_help="Find evidence for a file of claims.")
@click.argument("claims", required=False)
@click.option(
    "--index", "index_dir", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the index.  [required]"
)
@click.option("--output", "output", metavar="OUT", type=click.Path(path_type=Path), help="File to write.  [required]")
@click.option(
    "--status", "status_of", metavar="OUT", type=click.Path(path_type=Path),
    help="Tell how far the job is that makes OUT, running or not, and end.",
)  # fmt: skip
@_count("-k", 5, "Pieces of evidence for each claim.")
@adaptive_options
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["jsonl", "csv", "parquet", "html"]),
    help="Format of OUT.  [default: as its name ends]",
)
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Annotate only the first N claims.")
@click.option("--fresh", is_flag=True, help="Start over, whatever is there already.")
@click.option("--known", metavar="FILE", help="Claims that were already checked: show the nearest with each claim.")
@_count("--known-k", 5, "How many of these.")
@click.option("--text-field", metavar="NAME", help="Field that holds the claim.  [default: text, claim, claim_text, …]")
@click.option("--id-field", metavar="NAME", help="Field that holds the id.  [default: _id, id, query_id, …]")
@click.option("--columns", metavar="NAMES", help="Columns, with commas, of a CSV or TSV file without a header line.")
@click.option(
    "--batch-size",
    default="auto",
    show_default=True,
    metavar="N",
    callback=lambda _context, _option, value: _batch_size(value),
    help="Claims that are searched together; auto suits the device.",
)
@click.option(
    "--workers", metavar="N", type=click.IntRange(min=1),
    help="Batches that are worked on at a time.  [default: as many as cores, at most 4]",
)  # fmt: skip
@stance_options
@config_option
@stage_options
@encoder_option
@no_encoder_option
@compute_options
@click.pass_context
def annotate(
    ctx: click.Context,
    claims: str | None,
    index_dir: Path | None,
    output: Path | None,
    status_of: Path | None,
    k: int,
    adaptive_k: bool,
    min_score: float | None,
    output_format: Any,
    limit: int | None,
    fresh: bool,
    known: str | None,
    known_k: int,
    text_field: str | None,
    id_field: str | None,
    columns: str | None,
    batch_size: int | None,
    workers: int | None,
    no_stance: bool,
    stance: str | None,
    config_path: Path | None,
    first_stage_k: int,
    rerank_k: int,
    no_rerank: bool,
    reranker: str | None,
    encoder: str | None,
    no_encoder: bool,
    device: Any,
    threads: int | None,
) -> None:
    """Find evidence for each claim in CLAIMS and write all of them to OUT, with their own ids and fields.

    CLAIMS is a file, a BEIR folder, hf:NAME[@CONFIG][:SPLIT], or - for a claim a line on standard input. A job that was
    killed or interrupted goes on where it was when the same command is run again, and OUT has the same bytes as without
    the interruption. Records that are no claims are set aside in OUT.rejected.jsonl; the exit status is then 4.
    """
    if status_of is not None:
        if claims is not None or index_dir is not None or output is not None:
            raise click.UsageError("--status OUT stands alone")
        _print_status(status_of)
        return
    if claims is None or index_dir is None or output is None:
        raise click.UsageError("name the claims, --index DIR and --output OUT (or one job with --status OUT)")
    _require_fitting_models(
        no_encoder=no_encoder, encoder=encoder, no_rerank=no_rerank, reranker=reranker, no_stance=no_stance,
        stance=stance, adaptive_k=adaptive_k, min_score=min_score,
    )  # fmt: skip
    if known is not None and no_encoder:
        raise click.UsageError("--known compares claims by the encoder too, so it excludes --no-encoder")
    if claims == _STDIN and sys.stdin is None:
        raise InputError("standard input is closed; it should hold a claim a line")
    config = _config(config_path, first_stage_k=first_stage_k, rerank_k=rerank_k)
    from pipeline.annotation.annotating import AnnotationSettings, Searcher, annotate
    from pipeline.annotation.intake import ClaimSource
    from pipeline.annotation.known import KnownClaims
    from pipeline.annotation.output import format_of
    from pipeline.opening import open_pipeline
    from pipeline.progress_display import progress_display

    settings = AnnotationSettings(
        k=k,
        adaptive=adaptive_k,
        min_score=min_score,
        output_format=output_format or format_of(output),
        batch_size=batch_size,
        n_known=known_k,
    )
    source = ClaimSource(
        claims, id_field=id_field, text_field=text_field, limit=limit,
        columns=() if columns is None else [name.strip() for name in columns.split(",")],
    )  # fmt: skip

    def load() -> Searcher:
        pipeline = open_pipeline(
            index_dir, encoder=encoder, reranker=reranker, stance=stance, with_encoder=not no_encoder,
            with_reranker=not no_rerank, with_stance=not no_stance, config=config, device=device, n_threads=threads,
            on_start=_say,
        )  # fmt: skip
        if known is None or pipeline.encoder is None:
            return Searcher(pipeline)
        return Searcher(pipeline, KnownClaims.read(known, pipeline.encoder))

    with (
        _if_interrupted(f"run the same command again to go on; {output} is written when all is done"),
        progress_display("records", _say, every_s=60) as advance,
    ):
        report = annotate(
            source, output, load, settings, fresh=fresh, n_workers=workers,
            on_progress=lambda progress: advance("annotate", progress.done, progress.total, _rejected(progress.n_bad)),
            on_interrupt=lambda: _say("interrupted: finishing what is at hand; once more to end at once"),
        )  # fmt: skip
    details = [f"{report.n_taken_up:,} of its records taken up"] if report.n_taken_up else []
    details += [_rejected(report.n_bad)] if report.n_bad else []
    _print(f"{output}: {_number(report.n_claims, 'claim')}" + (f" ({', '.join(details)})" if details else ""))
    if report.rejected is not None:
        _say(f"{report.rejected}: {_number(report.n_bad, 'record')} set aside, with line and reason")
        ctx.exit(EXIT_REJECTS)


def _batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"{text!r} is neither auto nor a whole number from 1 on")
    return int(text)


def _rejected(n: int) -> str:
    return f"{n:,} rejected" if n else ""


def _print_status(output: Path) -> None:
    from pipeline.annotation.status import job_status
    from pipeline.progress_display import duration, pace_text

    status = job_status(output)
    parts = [f"{status.done:,} of {_number(status.total, 'record')} ({status.done / status.total:.0%})"]
    parts += [_rejected(status.n_bad)] if status.n_bad else []
    if status.state != "finished":
        parts += [] if status.per_second is None else [f"{pace_text(status.per_second)} a second"]
        parts += [] if status.left_s is None else [f"about {duration(status.left_s)} left"]
        idle = f"{status.idle_s:.0f} s" if status.idle_s < 90 else duration(status.idle_s)
        parts.append(f"last progress {idle} ago")
    _print(f"{output}: {status.state}, {', '.join(parts)}")


seed_option = click.option(
    "--seed",
    default=0,
    show_default=True,
    metavar="N",
    type=click.IntRange(min=0),
    help="Of the draws behind the intervals.",
)
judgment_options = _options(
    click.option(
        "--qrels",
        metavar="FILE",
        help="Judgments: BEIR's TSV, TREC's qrels, or claims with their evidence.  [default: those of --claims]",
    ),
    click.option(
        "--qrels-level",
        type=click.Choice(["document", "sentence"]),
        default="document",
        show_default=True,
        help="What SciFact's evidence stands for: abstracts, or their sentences as ID#N.",
    ),
)
judged_claims_options = _options(
    click.option("--claims", required=True, metavar="FILE", help="Claims: JSONL, JSON, CSV, TSV or a BEIR folder."),
    click.option("--qrels", required=True, metavar="FILE", help="Judgments: BEIR's TSV or TREC's qrels."),
)
measures_option = click.option(
    "--measures",
    metavar="NAMES",
    help='Such as "R@5 P@5 AP SetF", as ir_measures writes them.  [default: recall at six depths, RR@10, nDCG@10]',
)
figures_format = _format("table", "json", "csv", "latex", text="A table for people; JSON or CSV for programs; LaTeX.")


@main.command(short_help="Measure retrieval on judged claims.")
@click.option("--index", "index_dir", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the index.")
@click.option("--run", "run_paths", multiple=True, metavar="FILE", help="Measure a TREC run of any system; repeatable.")
@click.option("--claims", metavar="FILE", help="Claims: JSONL, JSON, CSV, TSV, a BEIR folder, hf:NAME, ir_datasets:ID.")
@judgment_options
@measures_option
@_count("--k", 1000, "Depth to which lists are measured and written.")
@_count("--shown-k", 5, "Pieces of evidence that a reader is taken to see.")
@click.option(
    "--stages",
    default="bm25,dense,fused,reranked",
    show_default=True,
    metavar="NAMES",
    help="Stages to measure; models that none of them needs are not loaded.",
)
@config_option
@stage_options
@encoder_option
@compute_options
@seed_option
@click.option(
    "--output",
    "output_dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder for report.html, TREC runs and all figures; with it an interrupted evaluation can go on.",
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
    no_rerank: bool,
    seed: int,
    output_dir: Path | None,
    fresh: bool,
    fail_if_reranker_hurts: bool,
    output_format: str,
    **options: Any,
) -> None:
    """Measure each stage of an index, or runs of any systems, on judged claims.

    Each mean has its 95 % interval over claims. Tells where relevant documents were lost, and whether the reranker
    helps on these claims. What of claims and judgments does not fit together is reported on standard error.
    """
    if (index_dir is None) == (not run_paths):
        raise click.UsageError("name an index with --index, or runs with --run (one of the two)")
    if index_dir is not None and claims is None:
        raise click.UsageError("name the claims with --claims")
    if qrels is None and claims is None:
        raise click.UsageError("name the judgments with --qrels")
    if no_rerank and options["reranker"] is not None:
        raise click.UsageError("--no-rerank and --reranker exclude each other")
    wanted = _stage_names(stages, no_rerank=no_rerank)
    if fail_if_reranker_hurts and (run_paths or "reranked" not in wanted):
        raise click.UsageError("--fail-if-reranker-hurts needs an index and its reranker")
    from data.claims import read_claims
    from data.judgments import read_qrels
    from pipeline.evaluation.evaluating import evaluate_runs
    from pipeline.evaluation.measures import DEFAULT_MEASURES, parse_measures
    from pipeline.evaluation.output_folder import make_folder, write_evaluation
    from pipeline.evaluation.tables import evaluation_csv, evaluation_latex, evaluation_record, evaluation_text

    names = DEFAULT_MEASURES if measures is None else parse_measures(measures)
    queries = None if claims is None else list(read_claims(claims))
    judgments = read_qrels(qrels or claims or "", level=qrels_level)
    if output_dir is not None:
        make_folder(output_dir)
    index: IndexSnapshot | None = None
    if index_dir is None:
        result = evaluate_runs(_runs(run_paths), queries, judgments, measures=names, seed=seed)
    else:
        result, index = _evaluate_index(
            index_dir, queries or [], judgments, wanted, options, output_dir, fresh=fresh,
            measures=names, list_k=k, shown_k=shown_k, seed=seed,
        )  # fmt: skip
    _report_findings(result.findings)
    if output_dir is not None:
        for path in write_evaluation(result, output_dir, index, version=_version(), command=_command_line()):
            _say(f"wrote {path}")
    _print_figures(
        output_format,
        {
            "table": lambda: evaluation_text(result),
            "json": lambda: evaluation_record(result),
            "csv": lambda: evaluation_csv(result),
            "latex": lambda: evaluation_latex(result),
        },
    )
    if fail_if_reranker_hurts and result.stages and result.stages.verdict and result.stages.verdict.word == "hurts":
        _say(f"Error: {result.stages.verdict.text}")
        click.get_current_context().exit(EXIT_RERANKER_HURTS)


def _stage_names(text: str, *, no_rerank: bool) -> list[str]:
    """Return the stages to measure, in the order in which they run."""
    from pipeline.evaluation.evaluating import LISTS

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
    options: dict[str, Any],
    output_dir: Path | None,
    **settings: Any,
) -> tuple[Evaluation, IndexSnapshot]:
    from indexes.snapshot import IndexSnapshot
    from pipeline.evaluation.evaluating import evaluate as measure
    from pipeline.evaluation.output_folder import JOURNAL_NAME
    from pipeline.opening import open_pipeline
    from pipeline.progress_display import progress_display

    pipeline = open_pipeline(
        index_dir,
        encoder=options["encoder"],
        reranker=options["reranker"],
        with_encoder=stages != ["bm25"],
        with_reranker="reranked" in stages,
        with_stance=False,
        config=_config(options["config_path"], first_stage_k=options["first_stage_k"], rerank_k=options["rerank_k"]),
        device=options["device"],
        n_threads=options["threads"],
        on_start=_say,
    )
    assert isinstance(pipeline.index, IndexSnapshot)
    cure = "with --output DIR it could go on where it was"
    if output_dir is not None:
        cure = "run the same command again to go on where it was"
    with _if_interrupted(cure), progress_display("claims", _say) as advance:
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


def _runs(paths: Iterable[str]) -> dict[str, Run]:
    """Return the runs by the names of their files, by the whole path where two files have one name."""
    from data.trec import read_run, tied_queries

    stems = [Path(path).name.split(".")[0] for path in paths]
    runs: dict[str, Run] = {}
    for path, stem in zip(paths, stems, strict=True):
        name = stem if stems.count(stem) == 1 else path
        if name in runs:
            raise click.UsageError(f"the run {path} is named twice")
        runs[name] = read_run(path)
        if tied := tied_queries(runs[name]):
            _say(f"claims of {name} with tied scores, ordered as trec_eval does: {len(tied):,} ({_some(tied)})")
    return runs


def _report_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        _say(f"{finding.text}: {len(finding.items):,} ({_some(list(finding.items))})")


def _require_folder_for(output: Path | None) -> None:
    """Raise InputError where a file cannot be written for want of its folder: before the work, not after it."""
    if output is not None and not output.absolute().parent.is_dir():
        raise InputError(f"{output}: cannot be written: there is no folder {output.absolute().parent}")


def _print_figures(output_format: str, texts: dict[str, Callable[[], Any]]) -> None:
    figures = texts[output_format]()
    if output_format == "json":
        _print_json(figures)
        return
    if output_format != "table":
        _print_utf8()
    _print(figures.rstrip("\n"))


@main.command(short_help="Compare runs on the same judged claims.")
@click.argument("run_paths", metavar="RUN_A RUN_B...", nargs=-1, required=True)
@judgment_options
@click.option("--claims", metavar="FILE", help="Claims, whose texts are shown; only these are counted.")
@click.option(
    "--index", "index_dir", metavar="DIR", type=click.Path(path_type=Path), help="Index with the documents' texts."
)
@measures_option
@_count("--changes", 5, "Claims to show of those that changed most.")
@seed_option
@click.option(
    "--output",
    "output_dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder for the figures as JSON and CSV.",
)
@figures_format
def compare(
    run_paths: tuple[str, ...],
    qrels: str | None,
    qrels_level: Any,
    claims: str | None,
    index_dir: Path | None,
    measures: str | None,
    changes: int,
    seed: int,
    output_dir: Path | None,
    output_format: str,
) -> None:
    """Compare TREC runs with the first of them, RUN_A.

    Each difference has its 95 % interval over claims and the p-value of a randomisation test, also corrected by Holm's
    method for all that are tested. The claims that changed most in nDCG@10, or the first measure, are shown.
    """
    if len(run_paths) < 2:
        raise click.UsageError("name two runs or more")
    if qrels is None and claims is None:
        raise click.UsageError("name the judgments with --qrels")
    from data.claims import read_claims
    from data.judgments import read_qrels
    from indexes.snapshot import IndexSnapshot
    from pipeline.evaluation.comparison import compare as compare_runs
    from pipeline.evaluation.measures import DEFAULT_MEASURES, parse_measures
    from pipeline.evaluation.output_folder import make_folder, write_comparison
    from pipeline.evaluation.tables import comparison_csv, comparison_latex, comparison_record, comparison_text

    found = compare_runs(
        _runs(run_paths),
        read_qrels(qrels or claims or "", level=qrels_level),
        claims=None if claims is None else list(read_claims(claims)),
        index=None if index_dir is None else IndexSnapshot.open(index_dir),
        measures=DEFAULT_MEASURES if measures is None else parse_measures(measures),
        n_changes=changes,
        seed=seed,
    )
    _report_findings(found.evaluation.findings)
    if output_dir is not None:
        make_folder(output_dir)
        for path in write_comparison(found, output_dir):
            _say(f"wrote {path}")
    _print_figures(
        output_format,
        {
            "table": lambda: comparison_text(found),
            "json": lambda: comparison_record(found),
            "csv": lambda: comparison_csv(found),
            "latex": lambda: comparison_latex(found),
        },
    )


@main.command("evaluate-pairs", short_help="Measure a reranker on labelled pairs.")
@click.argument("pairs_source", metavar="PAIRS")
@click.option(
    "--reranker", metavar="MODEL", help="Cross-encoder: a folder, or a name on the Hub.  [default: the bundled one]"
)
@click.option(
    "--positive", multiple=True, metavar="LABEL", help="Label that counts as relevant, all others not; repeatable."
)
@click.option(
    "--threshold",
    metavar="P",
    type=click.FloatRange(0, 1),
    help="Probability from which a pair counts as relevant.  [default: the best one for these pairs]",
)
@click.option("--claim-field", metavar="NAME", help="Field that holds the claim.  [default: claim, query, …]")
@click.option("--evidence-field", metavar="NAME", help="Field that holds the evidence.  [default: evidence, text, …]")
@click.option("--label-field", metavar="NAME", help="Field that holds the label.  [default: label, relevant, …]")
@on_error_option
@seed_option
@click.option(
    "--output", metavar="FILE", type=click.Path(path_type=Path), help="File of each pair with its score, as JSON lines."
)
@figures_format
@compute_options
def evaluate_pairs_command(
    pairs_source: str,
    reranker: str | None,
    positive: tuple[str, ...],
    threshold: float | None,
    claim_field: str | None,
    evidence_field: str | None,
    label_field: str | None,
    on_error: Any,
    seed: int,
    output: Path | None,
    output_format: str,
    device: Any,
    threads: int | None,
) -> None:
    """Measure how well a reranker tells the relevant pairs in PAIRS from the others.

    Reads JSONL, JSON, CSV, TSV, each also as .gz, .xz or .zst, and Parquet; - is JSONL on standard input. A pair has a
    claim, evidence and a label: 1, 0, true, false, or one of your own with --positive.

    A score is the plain sigmoid of the reranker's logit: a blend with first-stage ranks does not apply to lone pairs.
    """
    import shutil

    from data.errors import RecordError
    from data.pairs import read_pairs
    from pipeline.evaluation.pairs import as_csv, as_latex, as_record, as_table, evaluate_pairs, write_pair_scores
    from pipeline.model_files import BUNDLED
    from pipeline.progress_display import progress_display
    from pipeline.rerankers import load_reranker

    _require_folder_for(output)
    skipped: list[RecordError] = []
    pairs = read_pairs(
        pairs_source,
        claim_field=claim_field,
        evidence_field=evidence_field,
        label_field=label_field,
        positive=positive,
        on_error=on_error,
        skipped=skipped,
    )
    for error in skipped:
        _say(f"skipped {error}")
    model = load_reranker(reranker or BUNDLED, device, n_threads=threads, on_start=_say)
    with progress_display("pairs", _say) as advance:
        found = evaluate_pairs(
            pairs,
            model,
            threshold=threshold,
            seed=seed,
            on_progress=lambda done, total: advance("score", done, total),
        )
    if output is not None:
        write_pair_scores(pairs, found, output)
        _say(f"wrote {output}")
    if skipped:
        _say(f"{_number(len(skipped), 'bad record')} skipped")
    if found.n_truncated:
        _say(f"{_number(found.n_truncated, 'pair')} too long for the reranker, cut")
    _print_figures(
        output_format,
        {
            "table": lambda: as_table(found, max(40, shutil.get_terminal_size().columns)),
            "json": lambda: as_record(found) | {"pairs": pairs_source, "n_skipped": len(skipped)},
            "csv": lambda: as_csv(found),
            "latex": lambda: as_latex(found),
        },
    )
    if output_format in ("csv", "latex"):
        for note in found.notes:
            _say(note)


@main.command("evaluate-stance", short_help="Measure a stance model on labelled sets.")
@click.argument("specs", metavar="KIND:PATH[@N]...", nargs=-1, required=True)
@click.option(
    "--stance", metavar="MODEL", help="Stance model: a folder, or a name on the Hub.  [default: one that is bundled]"
)
@seed_option
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File of each pair with its scores, as JSON lines.",
)
@figures_format
@compute_options
def evaluate_stance_command(
    specs: tuple[str, ...],
    stance: str | None,
    seed: int,
    output: Path | None,
    output_format: str,
    device: Any,
    threads: int | None,
) -> None:
    """Measure how often a stance model is right about the evidence in published sets.

    Accuracy and macro-F1 stand beside what always calling the set's commonest label gives. KIND is climate_fever,
    scifact, citation_integrity, healthver, covidfact, fool_me_twice, fever_symmetric, sufficient_facts (of which this
    measures its dev side) or rte; @N draws N claims.
    """
    import shutil

    from data.stance_sources import StanceSource, read_stance_source
    from pipeline.evaluation.stance import (
        as_csv,
        as_latex,
        as_record,
        as_table,
        evaluate_stance,
        write_stance_scores,
    )
    from pipeline.model_files import BUNDLED
    from pipeline.progress_display import progress_display
    from pipeline.stance import load_stance

    _require_folder_for(output)
    sets = [read_stance_source(StanceSource.parse(spec), "dev") for spec in specs]
    model = load_stance(stance or BUNDLED, device, n_threads=threads, on_start=_say)
    with progress_display("pairs", _say) as advance:
        found = evaluate_stance(
            sets, model, seed=seed, on_progress=lambda done, total: advance("classify", done, total)
        )
    if output is not None:
        write_stance_scores(sets, found, output)
        _say(f"wrote {output}")
    if n_truncated := sum(one.n_truncated for one in found.sets):
        _say(f"{_number(n_truncated, 'pair')} too long for the stance model, cut")
    _print_figures(
        output_format,
        {
            "table": lambda: as_table(found, max(40, shutil.get_terminal_size().columns)),
            "json": lambda: as_record(found),
            "csv": lambda: as_csv(found),
            "latex": lambda: as_latex(found),
        },
    )
    if output_format in ("csv", "latex"):
        for note in found.notes:
            _say(note)


@main.command("tune", short_help="Choose fusion and cutoffs on judged claims.")
@index_option
@judged_claims_options
@click.option(
    "--output",
    "config_path",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File for the settings, which --config reads.",
)
@click.option(
    "--measure",
    default="nDCG@10",
    show_default=True,
    metavar="NAME",
    help="What to raise, of the list that a search ends with, in ir_measures' names.",
)
@click.option(
    "--folds",
    default=5,
    show_default=True,
    metavar="N",
    type=click.IntRange(min=2),
    help="Parts of the claims, each measured with what the others choose.",
)
@click.option(
    "--seed", default=0, show_default=True, metavar="N", type=click.IntRange(min=0), help="Of the folds and the test."
)
@reranker_options
@encoder_option
@compute_options
def tune_command(
    index_dir: Path,
    claims: str,
    qrels: str,
    config_path: Path,
    measure: str,
    folds: int,
    seed: int,
    no_rerank: bool,
    reranker: str | None,
    encoder: str | None,
    device: Any,
    threads: int | None,
) -> None:
    """Choose how the two searches are fused, and how deep they go, on judged claims.

    The best of a few hundred settings is written only if it beats the default on claims that had no part in choosing
    it, by more than chance; otherwise the default is written, and said so. Tune on claims that the reranker was not
    trained on, and measure on others than these.
    """
    if no_rerank and reranker is not None:
        raise click.UsageError("--no-rerank and --reranker exclude each other")
    from data.claims import read_claims
    from data.judgments import read_qrels
    from pipeline.config import write_config
    from pipeline.evaluation.tuning import changes, tune
    from pipeline.opening import open_pipeline
    from pipeline.progress_display import progress_display

    # Before the work, which may take an hour.
    if not config_path.resolve().parent.is_dir() or config_path.is_dir():
        raise InputError(f"{config_path}: cannot be written; name a file in a folder that is there")
    queries, judgments = list(read_claims(claims)), read_qrels(qrels)
    pipeline = open_pipeline(
        index_dir,
        encoder=encoder,
        reranker=reranker,
        with_reranker=not no_rerank,
        with_stance=False,
        device=device,
        n_threads=threads,
        on_start=_say,
    )
    with _if_interrupted("no file was written"), progress_display("claims", _say) as advance:
        tuning = tune(
            pipeline,
            queries,
            judgments,
            measure=measure,
            n_folds=folds,
            seed=seed,
            on_progress=lambda done, total: advance("tune", done, total),
        )
    _report_findings(tuning.findings)
    read_by = "no reranker" if pipeline.reranker is None else f"reranker {pipeline.reranker.name}"
    made_from = f"claims {claims}, judgments {qrels}, index {index_dir}, {read_by}, seed {seed}"
    write_config(tuning.chosen, config_path, note=f"{tuning.note} Made from: {made_from}.")
    n_claims, n_settings = len(tuning.held_out), len(tuning.settings)
    _print(f"{n_claims:,} claims, {n_settings} settings, mean {tuning.measure}")
    _print(f"default                            {tuning.default_values.mean():.4f}")
    _print(f"tuned, on claims left out          {tuning.held_out.mean():.4f}")
    _print(f"tuned, on all claims (too high)    {tuning.best_mean:.4f}  {changes(tuning.best, tuning.default)}")
    for fold, choice in enumerate(tuning.fold_choices, start=1):
        _print(f"chosen without fold {fold:<2}             {changes(choice, tuning.default)}")
    _print(tuning.note)
    _say(f"wrote {config_path}")


exclude_option = click.option(
    "--exclude-claims", multiple=True, metavar="FILE", help="Claims never to train on, by their text; repeatable."
)


@main.command("mine", short_help="Find hard negatives for judged claims.")
@index_option
@judged_claims_options
@click.option(
    "--output",
    "output_path",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="JSONL file for the claims with their evidence and negatives; `train` reads it as mined:FILE.",
)
@exclude_option
@_count("--n-negatives", 4, "Negatives for each judged piece of evidence.")
@_count("--first-rank", 1, "Best rank of the fused list that a negative may have.")
@_count("--pool-k", 100, "Worst rank that a negative may have.")
@click.option(
    "--max-cosine",
    default=0.9,
    show_default=True,
    metavar="X",
    type=click.FloatRange(0, 1, min_open=True),
    help="Leave out what is nearer than X to judged evidence, by cosine.",
)
@click.option(
    "--margin",
    metavar="X",
    type=click.FloatRange(-1, 1),
    help="Leave out what is nearer the claim than its nearest judged evidence less X, by cosine.",
)
@click.option("--reranker", metavar="MODEL", help="Leave out what this cross-encoder finds relevant.")
@click.option(
    "--max-p",
    default=0.5,
    show_default=True,
    metavar="P",
    type=click.FloatRange(0, 1, min_open=True),
    help="Probability by --reranker above which a candidate is left out.",
)
@click.option("--seed", default=42, show_default=True, metavar="N", type=click.IntRange(min=0), help="Of the draws.")
@encoder_option
@compute_options
def mine(
    index_dir: Path,
    claims: str,
    qrels: str,
    output_path: Path,
    exclude_claims: tuple[str, ...],
    n_negatives: int,
    first_rank: int,
    pool_k: int,
    max_cosine: float,
    margin: float | None,
    reranker: str | None,
    max_p: float,
    seed: int,
    encoder: str | None,
    device: Any,
    threads: int | None,
) -> None:
    """Find for judged claims what the index's first stage takes for evidence and nobody judged to be.

    Copies and near-duplicates of judged evidence are never negatives. The file appears whole at the end or not at all.
    """
    if first_rank > pool_k:
        raise click.UsageError("--first-rank cannot lie below --pool-k")
    from data.claims import read_claims
    from data.judgments import read_qrels
    from data.normal_text import normalize_text
    from pipeline.config import PipelineConfig
    from pipeline.opening import open_pipeline
    from pipeline.progress_display import progress_display
    from pipeline.training.mining import NegativeGuard
    from pipeline.training.mining_job import mine_to_file

    excluded = {normalize_text(text) for text in _texts_of_claims(exclude_claims)}
    queries = [claim for claim in read_claims(claims) if normalize_text(claim.text) not in excluded]
    judgments = read_qrels(qrels)
    pipeline = open_pipeline(
        index_dir,
        encoder=encoder,
        reranker=reranker,
        with_reranker=reranker is not None,
        with_stance=False,
        config=PipelineConfig(first_stage_k=max(PipelineConfig().first_stage_k, pool_k), rerank_k=pool_k),
        device=device,
        n_threads=threads,
        on_start=_say,
    )
    with _if_interrupted("no file was written"), progress_display("claims", _say) as advance:
        report = mine_to_file(
            pipeline,
            queries,
            judgments,
            output_path,
            n_negatives=n_negatives,
            first_rank=first_rank,
            pool_k=pool_k,
            seed=seed,
            guard=NegativeGuard(max_cosine=max_cosine, margin=margin, max_p=max_p),
            on_progress=advance,
            on_stage=_say,
        )
    n_claims = report.n_queries - report.n_queries_without_judgments
    _print(
        f"{output_path}: {_number(n_claims, 'claim')}, {report.n_positives:,} judged relevant, "
        f"{_number(report.n_negatives, 'negative')}"
    )
    for name, n in (
        ("claims without relevant evidence in the index", report.n_queries_without_judgments),
        ("judged evidence that is not in the index", report.n_judged_without_text),
        *((f"candidates rejected: {reason}", n) for reason, n in report.rejected.items()),
    ):
        if n:
            _say(f"{name}: {n:,}")


def _texts_of_claims(files: Iterable[str]) -> list[str]:
    from data.claims import read_claims

    return [claim.text for file in files for claim in read_claims(file)]


@main.command("calibrate", short_help="Fit a reranker's probability to claims of your own.")
@click.argument("model", metavar="MODEL")
@index_option
@judged_claims_options
@click.option(
    "--exclude-claims",
    multiple=True,
    metavar="FILE",
    help="Claims not to use, by their text, such as those that the reranker was trained on; repeatable.",
)
@click.option(
    "--without-evidence",
    multiple=True,
    metavar="FILE",
    help="Claims on which the index holds nothing, beside the senseless ones that are made up; repeatable.",
)
@click.option(
    "--features",
    default="logit,log_fused_rank",
    show_default=True,
    metavar="NAMES",
    help="What the probability is made of: logit, log_fused_rank, cosine, no_cosine, bm25, no_bm25.",
)
@click.option(
    "--folds",
    default=5,
    show_default=True,
    metavar="N",
    type=click.IntRange(min=2),
    help="Parts of the claims, each measured with a fit to the others.",
)
@click.option(
    "--seed", default=0, show_default=True, metavar="N", type=click.IntRange(min=0), help="Of the folds and draws."
)
@click.option(
    "--output",
    "output_dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder for a copy of the reranker.  [default: change MODEL itself]",
)
@config_option
@encoder_option
@compute_options
def calibrate_command(
    model: str,
    index_dir: Path,
    claims: str,
    qrels: str,
    exclude_claims: tuple[str, ...],
    without_evidence: tuple[str, ...],
    features: str,
    folds: int,
    seed: int,
    output_dir: Path | None,
    config_path: Path | None,
    encoder: str | None,
    device: Any,
    threads: int | None,
) -> None:
    """Fit the probability of the reranker MODEL to judged claims that it was NOT trained on.

    MODEL is a folder, or `bundled` or a name on the Hub with --output. The fit is measured on claims that are left out
    of it in turn, beside the one that was there. Chosen too is the threshold below which an answer says that probably
    nothing is relevant. All is kept in the folder's blend.json, which `search` and `evaluate` read.
    """
    from data.claims import read_claims
    from data.judgments import read_qrels
    from pipeline.blending import BLEND_FILE, FEATURES
    from pipeline.model_files import reranker_dir
    from pipeline.opening import open_pipeline
    from pipeline.progress_display import progress_display
    from pipeline.training.calibrating import calibrate, calibrated_text, check_output, write_calibrated

    names = features.replace(",", " ").split()
    if not names or len(names) != len(set(names)) or not set(names) <= set(FEATURES):
        raise click.BadParameter(
            f"{features!r} is not made of {', '.join(FEATURES)}, each at most once", param_hint="--features"
        )
    if output_dir is None and not Path(model).expanduser().is_dir():
        raise InputError(f"{model}: is no folder of your own; name one for a copy with --output DIR")
    model_dir = reranker_dir(model)
    check_output(model_dir, output_dir)
    queries, judgments = list(read_claims(claims)), read_qrels(qrels)
    excluded = [claim.text for file in exclude_claims for claim in read_claims(file)]
    nothing = [claim.text for file in without_evidence for claim in read_claims(file)]
    _say("The claims must be such as the reranker was NOT trained on: of those it is surer than it is right.")
    pipeline = open_pipeline(
        index_dir,
        encoder=encoder,
        reranker=model,
        with_stance=False,
        config=_config(config_path),
        device=device,
        n_threads=threads,
        on_start=_say,
    )
    with _if_interrupted("nothing was written"), progress_display("claims", _say) as advance:
        found = calibrate(
            pipeline,
            queries,
            judgments,
            features=names,
            n_folds=folds,
            seed=seed,
            excluded_claims=excluded,
            without_evidence=nothing,
            on_progress=advance,
        )
    _report_findings(found.findings)
    if exclude_claims:
        _say(f"{_number(found.n_excluded, 'claim')} left out by --exclude-claims")
    folder = write_calibrated(found.blend, model_dir, output_dir)
    _print(calibrated_text(found))
    _say(f"wrote {folder / BLEND_FILE}")


@main.group(invoke_without_command=True)
@click.pass_context
def train(ctx: click.Context) -> None:
    """Train models on claims of your own."""
    _print_help_alone(ctx)


def _recipe_option(name: str, text: str, recipe: object = RerankerRecipe()) -> Decorator:
    """Return an option for a field of a recipe, whose default is said once, there."""
    default = getattr(recipe, name)
    flag = f"--{name.replace('_', '-')}"
    if isinstance(default, bool):
        return click.option(flag, is_flag=True, default=default, help=text)
    return click.option(flag, default=default, show_default=True, metavar="N", type=type(default), help=text)


recipe_options = _options(
    _recipe_option("loss", "bce learns each pair by itself, listwise the order of each claim's passages."),
    _recipe_option("epochs", "Times that each pair is seen."),
    _recipe_option("batch_size", "Pairs in a step; claims with listwise."),
    _recipe_option("mini_batch_size", "Pairs computed at a time with listwise."),
    _recipe_option("learning_rate", "Highest learning rate; it rises over the first tenth and falls to 0."),
    _recipe_option("n_negatives", "Hard negatives for each judged pair."),
    _recipe_option("first_rank", "Best rank of the fused list that a negative may have."),
    _recipe_option("pool_k", "Worst rank that a negative may have."),
    _recipe_option("validation_share", "Share of the claims held out to validate and to fit the probability."),
    _recipe_option("max_length", "Tokens of a pair; longer ones are cut."),
    _recipe_option("dropout", "Share of the model's values that are dropped in training."),
    _recipe_option("freeze_embeddings", "Leave the word vectors of the base model as they are."),
    _recipe_option("pretraining_learning_rate", "The same for the pairs of --pretrain."),
    _recipe_option("pretraining_batch_size", "The same for the pairs of --pretrain."),
    _recipe_option("pretraining_epochs", "The same for the pairs of --pretrain."),
    _recipe_option("pretraining_dropout", "The same for the pairs of --pretrain."),
    _recipe_option("pretraining_steps", "Steps after which pretraining ends early; 0 goes through all of its pairs."),
    _recipe_option("seed", "Of every draw."),
    _recipe_option("precision", "auto, bf16, fp16 or fp32."),
    _recipe_option("checkpoint_steps", "Steps between checkpoints."),
)


_PAIRS = "KIND:PATH[+LABEL][@N]"
model_output_option = click.option(
    "--output", "output_dir", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Folder of the model."
)
pretrain_option = click.option(
    "--pretrain", multiple=True, metavar=_PAIRS, help="Pairs to learn first, named like those of --data; repeatable."
)
no_resume_option = click.option(
    "--no-resume", is_flag=True, help="Start over instead of going on from the last checkpoint."
)


def _data_option(text: str, *, required: bool) -> Decorator:
    kinds = "mined:FILE, pairs:FILE, evidence:FILE, squad:FILE or rationales:DIR"
    labels = "+LABEL for each label that is relevant in pairs or evidence, @N for N of the claims; repeatable."
    return click.option("--data", multiple=True, required=required, metavar=_PAIRS, help=f"{text}: {kinds}; {labels}")


@train.command("reranker", short_help="Train a cross-encoder on judged claims.")
@index_option
@judged_claims_options
@model_output_option
@click.option(
    "--base-model", metavar="MODEL", help="Encoder or cross-encoder to start from.  [default: the bundled encoder]"
)
@_data_option("Pairs to learn instead of mining them now", required=False)
@pretrain_option
@exclude_option
@no_resume_option
@recipe_options
@compute_options
def train_reranker(
    index_dir: Path,
    claims: str,
    qrels: str,
    output_dir: Path,
    base_model: str | None,
    data: tuple[str, ...],
    pretrain: tuple[str, ...],
    exclude_claims: tuple[str, ...],
    no_resume: bool,
    device: Any,
    threads: int | None,
    **settings: Any,
) -> None:
    """Train a reranker on judged claims, with hard negatives out of the index's own first stage.

    Writes a folder that `search --reranker` reads: weights, the fit of its probability, and a card. A training that was
    interrupted goes on from its last checkpoint when it is started again.
    """
    from data.claims import read_claims
    from data.judgments import read_qrels
    from pipeline.model_files import BUNDLED, encoder_dir
    from pipeline.opening import open_pipeline
    from pipeline.progress_display import progress_display
    from pipeline.training.pair_sources import PairSource
    from pipeline.training.reranker_building import build_reranker

    recipe = RerankerRecipe(**settings)
    learned, before = (list(map(PairSource.parse, texts)) for texts in (data, pretrain))
    queries, judgments = list(read_claims(claims)), read_qrels(qrels)
    excluded = _texts_of_claims(exclude_claims)
    pipeline = open_pipeline(
        index_dir, with_reranker=False, with_stance=False, device=device, n_threads=threads, on_start=_say
    )
    with (
        _if_interrupted("run the same command again to go on from the last checkpoint"),
        progress_display("steps", _say) as advance,
    ):
        built = build_reranker(
            pipeline,
            queries,
            judgments,
            base_model=base_model or encoder_dir(BUNDLED),
            output_dir=output_dir,
            recipe=recipe,
            data=learned,
            pretraining=before,
            excluded_claims=excluded,
            data_files={"claims": Path(claims), "judgments": Path(qrels)},
            device=device,
            n_threads=threads,
            resume=not no_resume,
            on_progress=lambda phase, step, n_steps, _loss: advance(phase, step, n_steps),
            on_stage=_say,
        )
    _print(f"{output_dir}: trained on {_number(built.training.n_pairs, 'pair')} in {built.training.seconds:,.0f} s")
    for name, means in built.held_out.items():
        _print(f"{name:<8}  " + "  ".join(f"{measure} {value:.3f}" for measure, value in means.items()))


def _encoder_option(name: str, text: str) -> Decorator:
    return _recipe_option(name, text, EncoderRecipe())


encoder_recipe_options = _options(
    _encoder_option("epochs", "Times that each relevant passage is seen."),
    _encoder_option("batch_size", "Claims in a step; each learns against the passages of all."),
    _encoder_option("mini_batch_size", "Texts computed at a time; below the batch size, gradients are cached."),
    _encoder_option("learning_rate", "Highest learning rate; it rises over the first tenth and falls to 0."),
    _encoder_option("temperature", "What cosines are divided by: the lower, the more the hardest negatives count."),
    _encoder_option("n_negatives", "Hard negatives beside each relevant passage; 0 leaves those of the batch."),
    _encoder_option("max_length", "Tokens of a text in training; longer ones are cut."),
    _encoder_option("validation_share", "Share of the claims of --data held out, without --validation."),
    _encoder_option("dropout", "Share of the model's values that are dropped in training."),
    _encoder_option("freeze_embeddings", "Leave the word vectors of the base model as they are."),
    _encoder_option("pretraining_learning_rate", "The same for the pairs of --pretrain."),
    _encoder_option("pretraining_epochs", "The same for the pairs of --pretrain."),
    _encoder_option("seed", "Of every draw."),
    _encoder_option("precision", "auto, bf16, fp16 or fp32."),
    _encoder_option("checkpoint_steps", "Steps between checkpoints."),
)


@train.command("encoder", short_help="Train a bi-encoder on pairs of claims and evidence.")
@_data_option("Pairs to learn", required=True)
@model_output_option
@click.option("--base-model", metavar="MODEL", help="Bi-encoder to start from.  [default: the bundled encoder]")
@pretrain_option
@click.option("--validation", multiple=True, metavar=_PAIRS, help="Pairs to validate on, never learned; repeatable.")
@exclude_option
@click.option(
    "--evaluation-claims", multiple=True, metavar="FILE", help="Refuse data that hold one of these claims; repeatable."
)
@no_resume_option
@encoder_recipe_options
@compute_options
def train_encoder(
    data: tuple[str, ...],
    output_dir: Path,
    base_model: str | None,
    pretrain: tuple[str, ...],
    validation: tuple[str, ...],
    exclude_claims: tuple[str, ...],
    evaluation_claims: tuple[str, ...],
    no_resume: bool,
    device: Any,
    threads: int | None,
    **settings: Any,
) -> None:
    """Train an encoder by contrast: a claim comes to lie nearer its evidence than the negatives of its batch.

    Writes a folder that `index build --encoder` reads, with a card. A training that was interrupted goes on from its
    last checkpoint when it is started again.
    """
    from pipeline.model_files import BUNDLED, BUNDLED_ENCODER_NAME, encoder_dir
    from pipeline.progress_display import progress_display
    from pipeline.training.encoder_building import build_encoder
    from pipeline.training.pair_sources import PairSource

    recipe = EncoderRecipe(**settings)
    learned, before, held_out = (list(map(PairSource.parse, texts)) for texts in (data, pretrain, validation))
    with (
        _if_interrupted("run the same command again to go on from the last checkpoint"),
        progress_display("steps", _say) as advance,
    ):
        built = build_encoder(
            learned,
            base_model=encoder_dir(base_model or BUNDLED),
            base_name=None if base_model else BUNDLED_ENCODER_NAME,
            output_dir=output_dir,
            recipe=recipe,
            pretraining=before,
            validation=held_out,
            excluded_claims=_texts_of_claims(exclude_claims),
            evaluation_claims=_texts_of_claims(evaluation_claims),
            device=device,
            n_threads=threads,
            resume=not no_resume,
            on_progress=lambda phase, step, n_steps, _loss: advance(phase, step, n_steps),
            on_stage=_say,
        )
    report = built.training
    _print(f"{output_dir}: trained on {_number(report.n_entries, 'relevant passage')} in {report.seconds:,.0f} s")
    if built.n_excluded_pairs:
        _say(f"{_number(built.n_excluded_pairs, 'pair')} left out for their claim")
    for name, measured in (("base", report.base_metrics), ("trained", report.metrics)):
        if measured:
            _print(f"{name:<8}  " + "  ".join(f"{measure} {value:.3f}" for measure, value in measured.items()))


def _stance_option(name: str, text: str) -> Decorator:
    return _recipe_option(name, text, StanceRecipe())


stance_recipe_options = _options(
    _stance_option("epochs", "Times that each pair is seen."),
    _stance_option("batch_size", "Pairs in a step."),
    _stance_option("learning_rate", "Highest learning rate; it rises over the first tenth and falls to 0."),
    _stance_option("validation_share", "Share of the claims held out to fit the probabilities."),
    _stance_option("balance", "How much the rarer labels weigh: 0 as all others, 1 all labels the same."),
    _stance_option("max_length", "Tokens of a pair; longer ones are cut."),
    _stance_option("dropout", "Share of the model's values that are dropped in training."),
    _stance_option("freeze_embeddings", "Leave the word vectors of the base model as they are."),
    _stance_option("seed", "Of every draw."),
    _stance_option("precision", "auto, bf16, fp16 or fp32."),
    _stance_option("checkpoint_steps", "Steps between checkpoints."),
)


@train.command("stance", short_help="Train a model that tells which way evidence points.")
@click.option(
    "--data",
    "specs",
    required=True,
    multiple=True,
    metavar="KIND:PATH[@N]",
    help="Labelled set, of which N claims; repeatable. The kinds are those of `evaluate-stance`.",
)
@click.option(
    "--output", "output_dir", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Folder of the model."
)
@click.option(
    "--base-model", metavar="MODEL", help="Encoder or cross-encoder to start from.  [default: the bundled encoder]"
)
@click.option(
    "--exclude-claims",
    multiple=True,
    metavar="FILE",
    help="Claims never to train on, by their words: a file of claims, or KIND:PATH; repeatable.",
)
@click.option("--no-resume", is_flag=True, help="Start over instead of going on from the last checkpoint.")
@stance_recipe_options
@compute_options
def train_stance(
    specs: tuple[str, ...],
    output_dir: Path,
    base_model: str | None,
    exclude_claims: tuple[str, ...],
    no_resume: bool,
    device: Any,
    threads: int | None,
    **settings: Any,
) -> None:
    """Train a stance model on published sets of claims with evidence that supports or refutes them.

    Writes a folder that `search --stance` reads: weights, the fit of its probabilities, and a card. Files whose name
    says dev or test are refused; of sufficient_facts the train side is read. A training that was interrupted goes on
    from its last checkpoint when it is started again.
    """
    from data.stance_sources import StanceSource
    from pipeline.model_files import BUNDLED, encoder_dir
    from pipeline.progress_display import progress_display
    from pipeline.training.stance_building import build_stance

    recipe = StanceRecipe(**settings)
    sources = [StanceSource.parse(spec) for spec in specs]
    with (
        _if_interrupted("run the same command again to go on from the last checkpoint"),
        progress_display("steps", _say) as advance,
    ):
        built = build_stance(
            sources,
            base_model=base_model or encoder_dir(BUNDLED),
            output_dir=output_dir,
            recipe=recipe,
            excluded_claims=[claim for name in exclude_claims for claim in _claim_texts(name)],
            device=device,
            n_threads=threads,
            resume=not no_resume,
            on_progress=lambda phase, step, n_steps, _loss: advance(phase, step, n_steps),
            on_stage=_say,
        )
    _print(f"{output_dir}: trained on {_number(built.training.n_pairs, 'pair')} in {built.training.seconds:,.0f} s")
    for found in built.held_out:
        _print(
            f"{found.name}: accuracy {found.accuracy.mean:.3f} (always {found.majority}: "
            f"{found.majority_accuracy:.3f}), macro-F1 {found.macro_f1.mean:.3f} ({found.majority_macro_f1:.3f})"
        )


def _claim_texts(name: str) -> Iterator[str]:
    """Yield the claims of a file, or those to measure on of a labelled set."""
    from data.claims import read_claims
    from data.stance_sources import StanceSource, is_stance_source, read_stance_source

    if is_stance_source(name):
        yield from (pair.claim for pair in read_stance_source(StanceSource.parse(name), "dev").pairs)
    else:
        yield from (claim.text for claim in read_claims(name))


@main.command(short_help="Tell versions, devices and models, and what is missing.")
def doctor() -> None:
    """Tell versions, devices, models and threads, and what is missing; the exit status is then 1."""
    from pipeline.doctor import examine

    findings = examine()
    _print_facts([(finding.name, finding.value) for finding in findings])
    missing = [finding for finding in findings if finding.cure]
    for finding in missing:
        _say(f"{finding.name}: {finding.cure}")
    if missing:
        raise InputError(f"{_number(len(missing), 'thing')} missing; what to do is said above")


def _print_facts(facts: Iterable[tuple[str, str]]) -> None:
    from pipeline.terminal_text import printable

    lines = list(facts)
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        _print(f"{name:<{width}}  {printable(value)}")


def _print_json(record: object) -> None:
    _print_utf8()
    _print(json.dumps(record, ensure_ascii=False, allow_nan=False, indent=2))


@contextmanager
def _indexing_progress() -> Iterator[Callable[[Progress], None]]:
    """Yield what shows an indexing job's progress; an interruption says how to go on."""
    from pipeline.progress_display import progress_display

    with (
        _if_interrupted("run the same command again to go on; the index is as it was before"),
        progress_display("documents", _say) as advance,
    ):
        yield lambda progress: advance(progress.phase, progress.done, progress.total)


@contextmanager
def _if_interrupted(cure: str) -> Iterator[None]:
    """Have an interruption say what state it leaves behind."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(cure) from interrupt


def _report_indexing(report: IndexingReport, index_dir: Path) -> None:
    for error in report.skipped:
        _say(f"skipped {error}")
    details = [f"{report.n_read:,} read"]
    if report.n_replaced:
        details.append(f"{report.n_replaced:,} replaced")
    if report.n_reused:
        details.append(f"{report.n_reused:,} taken up from an interrupted build")
    if report.skipped:
        details.append(f"{_number(len(report.skipped), 'bad record')} skipped")
    _print(f"{_described(report.manifest, index_dir)} ({', '.join(details)})")


def _described(manifest: Manifest, index_dir: Path) -> str:
    return f"{index_dir}: generation {manifest.generation}, {_number(manifest.n_docs, 'document')}"


def _number(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _some(items: list[str], n: int = 5) -> str:
    return ", ".join(items[:n]) + (f" and {len(items) - n:,} more" if len(items) > n else "")


if __name__ == "__main__":
    main()
