"""`index`: build, change and check an index."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from claimhound.data.errors import (
    BlankText,
    EncoderMismatchError,
    IndexVersionError,
    InputError,
    ModelError,
    RecordError,
)
from claimhound.pipeline.commands.long_jobs import if_interrupted, long_job
from claimhound.pipeline.commands.model_choice import compute_options, encoder_option, model_option, prompt_options
from claimhound.pipeline.commands.options import Decorator, combined, format_option, index_option, on_error_option
from claimhound.pipeline.commands.output import print_facts, print_help_alone, print_json, print_text, say
from claimhound.pipeline.commands.reading_options import LARGE_BAD_SHARE, document_reading_options, say_notices
from claimhound.pipeline.commands.wording import counted, first_few
from claimhound.pipeline.serving.compute import Compute

if TYPE_CHECKING:
    from claimhound.indexes.manifest import Manifest
    from claimhound.indexes.writer import IndexWriter
    from claimhound.pipeline.indexing.building import IndexingReport, Progress


def _source_options(default_split: str) -> Decorator:
    return combined(
        click.argument("sources", metavar="SOURCE...", nargs=-1, required=True),
        click.option(
            "--split-sentences/--no-split-sentences",
            default=None,
            help=f"Index each sentence of a text on its own.  [default: {default_split}]",
        ),
        document_reading_options,
        click.option(
            "--id-prefix",
            metavar="NAME",
            help="What the ids of records without one begin with.  [default: the file's name]",
        ),
        on_error_option,
    )


_SKIPPED_SHOWN = 20
_REASONS_SHOWN = 3
# What follows the kind of a reason, as in "duplicate id 'a', first seen at c.jsonl:1" or "not UTF-8: byte 0xe9".
_VARYING = re.compile(r"(?<=^duplicate id) .*|\s*[;:(,].*", re.DOTALL)


@click.group(invoke_without_command=True)
@click.pass_context
def index(ctx: click.Context) -> None:
    """Build, change and check an index."""
    print_help_alone(ctx)


@index.command("build", short_help="Build an index of documents.")
@_source_options("no")
@index_option
@model_option("--encoder", "Bi-encoder", "the bundled one")
@prompt_options
@click.option("--overwrite", is_flag=True, help="Replace the index that the folder holds.")
@compute_options
def index_build(
    sources: tuple[str, ...],
    index_dir: Path,
    encoder: str | None,
    query_prompt: str | None,
    document_prompt: str | None,
    overwrite: bool,
    compute: Compute,
    **options: Any,
) -> None:
    """Build an index of the documents in SOURCE: files, BEIR folders, or hf:NAME[@CONFIG][:SPLIT].

    Reads JSONL, JSON, CSV, TSV and text (a sentence a line), each also as .gz, .xz or .zst, and Parquet; - is text on
    standard input. A build that was interrupted goes on where it was when the same command is run again.
    """
    from claimhound.pipeline.indexing.building import SourceOptions, build_index
    from claimhound.pipeline.model_folders.files import BUNDLED
    from claimhound.pipeline.models.encoders import load_encoder

    with _indexing_progress() as on_progress:
        model = load_encoder(encoder or BUNDLED, compute, query_prompt=query_prompt, document_prompt=document_prompt)
        report = build_index(
            sources, index_dir, model, SourceOptions(**options), overwrite=overwrite, on_progress=on_progress
        )
    _report_indexing(report, index_dir)


@index.command("add", short_help="Add documents, or replace them by id.")
@_source_options("as the index is")
@click.option(
    "--withdraw-blank",
    is_flag=True,
    help="Delete the texts that come with a blank text, by their ids, instead of calling them bad records.",
)
@index_option
@compute_options
def index_add(sources: tuple[str, ...], index_dir: Path, compute: Compute, **options: Any) -> None:
    """Add the documents in SOURCE; one whose id the index holds already takes the other's place.

    SOURCE is what it is for `index build`. The encoder is the one that the index was built with. A text takes the place
    of all that the index holds of the text of that id, be it whole or sentence by sentence.
    """
    from claimhound.indexes.snapshot import IndexSnapshot
    from claimhound.pipeline.indexing.building import SourceOptions, add_documents
    from claimhound.pipeline.search.opening import load_index_encoder

    with _indexing_progress() as on_progress:
        snapshot = IndexSnapshot.open(index_dir)
        model = load_index_encoder(snapshot, compute=compute)
        try:
            report = add_documents(sources, index_dir, model, SourceOptions(**options), on_progress=on_progress)
        except BlankText as error:
            raise InputError(f"{error}; if that means that it was withdrawn, add --withdraw-blank") from error
    _report_indexing(report, index_dir)


@index.command("renew", short_help="Make an index anew from its documents.")
@index_option
@encoder_option
@prompt_options
@compute_options
def index_renew(
    index_dir: Path, encoder: str | None, query_prompt: str | None, document_prompt: str | None, compute: Compute
) -> None:
    """Make text and vectors of an index anew from the documents that it holds.

    This brings an index of an earlier version, or one whose vectors are damaged or of another encoder, to the present
    format, encoder and precision; ids, texts and fields stay. An index whose bundled encoder is not there any more gets
    the vectors of today's. Searches go on with the old state until the new one takes its place. A renewal that was
    interrupted goes on where it was when the same command is run again.
    """
    from claimhound.pipeline.indexing.renewing import encoder_to_renew_with, renew_index
    from claimhound.pipeline.models.encoders import load_encoder

    with _indexing_progress() as on_progress:
        chosen = encoder_to_renew_with(index_dir, encoder, compute)
        if chosen.note is not None:
            say(chosen.note)
        model = load_encoder(
            chosen.model,
            compute,
            query_prompt=chosen.query_prompt if query_prompt is None else query_prompt,
            document_prompt=chosen.document_prompt if document_prompt is None else document_prompt,
        )
        report = renew_index(index_dir, model, on_progress=on_progress)
    _report_indexing(report, index_dir, done="renewed", job="renewal")


@index.command("delete", short_help="Delete documents by their id or their text's.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--ids-from", metavar="FILE", help="File with an id a line; - is standard input.")
@index_option
def index_delete(ids: tuple[str, ...], ids_from: str | None, index_dir: Path) -> None:
    """Delete the documents with these ids, and the sentences of texts with these ids.

    Ids that the index does not hold are reported, and the exit status is then 1; all others are deleted.
    """
    from claimhound.indexes.writer import IndexWriter

    wanted = list(dict.fromkeys([*ids, *_ids_in(ids_from)]))
    if not wanted:
        raise click.UsageError("name at least one ID, or a file of ids with --ids-from")
    with if_interrupted("the index is as it was before"), IndexWriter.open(index_dir) as writer:
        n_before = writer.n_docs
        unknown = writer.delete(wanted)
        if len(unknown) == len(wanted):
            raise InputError(f"{index_dir}: holds none of these ids ({first_few(unknown)}); nothing was deleted")
        manifest = writer.commit()
        _say_notes(writer, index_dir)
    print_text(f"{_described(manifest, index_dir)}, {n_before - manifest.n_docs:,} deleted")
    if unknown:
        raise InputError(
            f"{index_dir}: does not hold {len(unknown):,} of {len(wanted):,} ids ({first_few(unknown)}); "
            "the others were deleted"
        )


def _ids_in(path: str | None) -> list[str]:
    from claimhound.data.formats.sources import locate_text
    from claimhound.data.formats.streams import read_lines
    from claimhound.data.rejects import rejecter

    if path is None:
        return []
    found = [line for _, line in read_lines(locate_text(path), rejecter("stop"))]
    if not found:
        raise InputError(f"{path}: holds no ids")
    return found


@index.command("info")
@index_option
@format_option("table", "json", text="Lines for people, or JSON for programs.")
def index_info(index_dir: Path, output_format: str) -> None:
    """Tell what an index holds."""
    from claimhound.indexes.snapshot import IndexSnapshot
    from claimhound.indexes.stored_text import read_manifest

    manifest = read_manifest(index_dir)
    if manifest.is_current:
        manifest = IndexSnapshot.open(index_dir).manifest
    prompts = {"query prompt": manifest.encoder.query_prompt, "document prompt": manifest.encoder.document_prompt}
    facts = {
        "path": str(index_dir),
        "generation": manifest.generation,
        "format version": manifest.format_version,
        "documents": manifest.n_docs,
        "dated documents": manifest.n_dated,
        "has titles": manifest.has_titles,
        "split into sentences": manifest.is_split,
        "made ids": manifest.made_ids,
        "tokens": manifest.n_tokens,
        "encoder": manifest.encoder.name,
        "encoder weights": manifest.encoder.weights_sha256,
        "dimensions": manifest.encoder.dim,
        "precision": manifest.encoder.precision or None,
        **{name: prompt for name, prompt in prompts.items() if prompt},
        "vector segments": len(manifest.vector_files),
        "vector search": "exact" if all(item.exact for item in manifest.vector_files) else "inverted lists",
        "deleted, not yet compacted": max(manifest.n_dead_text, manifest.n_dead_vectors),
        "bytes": sum(check.size for check in manifest.files.values()),
    }
    if output_format == "json":
        print_json({name.replace(", ", "_").replace(" ", "_"): value for name, value in facts.items()})
    else:
        print_facts((name, _shown(value)) for name, value in facts.items())
    try:
        manifest.require_current(index_dir)
    except IndexVersionError as error:
        say(str(error))


def _shown(value: bool | int | str | dict[str, str] | None) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, dict):
        return ", ".join(f"{stem}: {origin}" for stem, origin in sorted(value.items())) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else value


@index.command("verify", short_help="Compare every byte with its checksum, and vectors with their encoder.")
@index_option
@encoder_option
@click.option("--no-encoder", is_flag=True, help="Compare the bytes alone, without encoding any text again.")
@compute_options
def index_verify(index_dir: Path, encoder: str | None, no_encoder: bool, compute: Compute) -> None:
    """Read every byte of an index and compare it with its checksums, then compare vectors with their encoder.

    Names each file that is not as it was written; the exit status is then 1. If all are, up to 1,000 texts are encoded
    again, and the exit status is 1 if a stored vector has a cosine below .98 with the one that its text gets now. If
    the encoder that the index was built with cannot be had, that is said, and the bytes alone decide.
    """
    from claimhound.indexes.verification import verify_index

    if no_encoder and encoder is not None:
        raise click.UsageError("--no-encoder and --encoder exclude each other")
    found = verify_index(index_dir)
    if found.damaged:
        for line in found.damaged:
            say(line)
        raise InputError(
            f"{index_dir}: {len(found.damaged)} damaged; restore what is named above or build the index anew"
        )
    print_text(f"{index_dir}: generation {found.generation} is intact ({found.n_files} files, {found.n_bytes:,} bytes)")
    if not no_encoder:
        _verify_vectors(index_dir, encoder, compute)


def _verify_vectors(index_dir: Path, encoder: str | None, compute: Compute) -> None:
    from claimhound.indexes.snapshot import IndexSnapshot
    from claimhound.pipeline.models.stored_vectors import compare_vectors, require_agreement
    from claimhound.pipeline.search.opening import load_index_encoder

    snapshot = IndexSnapshot.open(index_dir)  # refuses an earlier form, whose vectors nobody compares
    try:
        model = load_index_encoder(snapshot, encoder, compute)
    except (ModelError, EncoderMismatchError) as error:
        if encoder is not None:
            raise
        say(f"vectors not compared with their encoder: {error}")
        return
    found = compare_vectors(snapshot, model)
    require_agreement(snapshot, model, found)
    print_text(
        f"{index_dir}: {counted(found.n_texts, 'text')} encoded again, cosine with the stored vectors at least "
        f"{found.agreement.least_cosine:.4f}, {found.agreement.mean_cosine:.4f} on average"
    )


@index.command("compact", short_help="Write an index anew without what was deleted.")
@index_option
def index_compact(index_dir: Path) -> None:
    """Write an index anew without its deleted documents, in one vector segment."""
    from claimhound.indexes.writer import IndexWriter

    with if_interrupted("the index is as it was before"), IndexWriter.open(index_dir) as writer:
        writer.compact()
        manifest = writer.commit()
        _say_notes(writer, index_dir)
    print_text(_described(manifest, index_dir))


@contextmanager
def _indexing_progress() -> Iterator[Callable[[Progress], None]]:
    """Yield what shows an indexing job's progress; an interruption says how to go on."""
    with long_job("documents", "run the same command again to go on; the index is as it was before") as advance:
        yield lambda progress: advance(progress.phase, progress.done, progress.total)


def _report_indexing(report: IndexingReport, index_dir: Path, *, done: str = "read", job: str = "build") -> None:
    say_notices(report.notices)
    for error in report.skipped[:_SKIPPED_SHOWN]:
        say(f"skipped {error}")
    if len(report.skipped) > _SKIPPED_SHOWN:
        say(f"skipped {len(report.skipped) - _SKIPPED_SHOWN:,} more")
    details = [f"{report.n_read:,} {done}"]
    counts = (
        (report.n_replaced, "replaced"),
        (report.n_outdated, "of earlier versions deleted"),
        (report.n_withdrawn, "withdrawn"),
        (report.n_unknown, "to withdraw unknown"),
        (report.n_taken_over, "with the vectors that they had"),
        (report.n_reused, f"taken up from an interrupted {job}"),
    )
    details += [f"{n:,} {what}" for n, what in counts if n]
    if report.skipped:
        details.append(f"{counted(len(report.skipped), 'bad record')} skipped")
    print_text(f"{_described(report.manifest, index_dir)} ({', '.join(details)})")
    n_records = report.n_texts + len(report.skipped)
    if report.skipped and len(report.skipped) >= LARGE_BAD_SHARE * n_records:
        say(
            f"WARNING: {len(report.skipped):,} of {n_records:,} records "
            f"({100 * len(report.skipped) / n_records:.0f} %) were bad and are not in the index: "
            f"{_commonest_reasons(report.skipped)}"
        )


def _commonest_reasons(errors: list[RecordError]) -> str:
    """Return the most frequent reasons, each without what is of one record alone."""
    kinds = Counter(_VARYING.sub("", error.reason) for error in errors)
    shown = [f"{n:,} × {kind}" for kind, n in kinds.most_common(_REASONS_SHOWN)]
    n_others = sum(kinds.values()) - sum(n for _, n in kinds.most_common(_REASONS_SHOWN))
    return "; ".join([*shown, f"{n_others:,} × others"] if n_others else shown)


def _say_notes(writer: IndexWriter, index_dir: Path) -> None:
    for note in writer.notes:
        say(f"{index_dir}: {note}")


def _described(manifest: Manifest, index_dir: Path) -> str:
    return f"{index_dir}: generation {manifest.generation}, {counted(manifest.n_docs, 'document')}"
