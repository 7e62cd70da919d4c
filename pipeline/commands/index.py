"""`index`: build, change and check an index."""

from __future__ import annotations

import re
from collections import Counter
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
from claimhound.data.text.wording import counted, first_few
from claimhound.pipeline.commands.long_jobs import if_interrupted, long_job
from claimhound.pipeline.commands.model_choice import compute_options, encoder_option, model_option, prompt_options
from claimhound.pipeline.commands.options import Decorator, combined, format_option, index_option, on_error_option
from claimhound.pipeline.commands.output import print_facts, print_help_alone, print_json, print_text, say
from claimhound.pipeline.commands.reading_options import LARGE_BAD_SHARE, document_reading_options, say_notices
from claimhound.pipeline.serving.compute import Compute

if TYPE_CHECKING:
    from claimhound.indexes.manifest import Manifest
    from claimhound.pipeline.indexing.encoding import IndexingReport


def _source_options(default_split: str) -> Decorator:
    return combined(
        click.argument("sources", metavar="SOURCE...", nargs=-1, required=True),
        click.option(
            "--split-sentences/--no-split-sentences",
            default=None,
            help=f"Index each sentence of a text separately.  [default: {default_split}]",
        ),
        document_reading_options,
        click.option(
            "--id-prefix",
            metavar="NAME",
            help="Prefix of ids made for records without one.  [default: the file's name]",
        ),
        on_error_option,
    )


_UNCHANGED = "the index is unchanged"
_RESUME = f"run the same command again to resume; {_UNCHANGED}"
_SKIPPED_SHOWN = 20
_REASONS_SHOWN = 3
# The varying part of a reason, as in "duplicate id 'a', first seen at c.jsonl:1", "not UTF-8: byte 0xe9".
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
@click.option("--overwrite", is_flag=True, help="Replace the index in the folder.")
@compute_options
def index_build(sources: tuple[str, ...], index_dir: Path, **options: Any) -> None:
    """Build an index of the documents in SOURCE.

    SOURCE is a file (JSONL, JSON, CSV, TSV, Parquet, or text with one sentence per line; all but Parquet also as .gz,
    .xz or .zst), a BEIR folder, hf:NAME[@CONFIG][:SPLIT], ir_datasets:ID, or - for text on standard input. An
    interrupted build resumes when the same command is run again.
    """
    from claimhound.api import build_index

    with long_job("documents", _RESUME) as on_progress:
        report = build_index(sources, index_dir, on_progress=on_progress, **options)
    _report_indexing(report, index_dir)


@index.command("add", short_help="Add documents, or replace them by id.")
@_source_options("as in the index")
@click.option(
    "--withdraw-blank", is_flag=True, help="Delete documents whose new text is blank, instead of rejecting the record."
)
@index_option
@compute_options
def index_add(sources: tuple[str, ...], index_dir: Path, **options: Any) -> None:
    """Add the documents in SOURCE to an index, encoded as it was built; see index build for SOURCE.

    A text replaces everything the index holds of the text with the same id, whole or as sentences.
    """
    from claimhound.api import add_documents

    with long_job("documents", _RESUME) as on_progress:
        try:
            report = add_documents(sources, index_dir, on_progress=on_progress, **options)
        except BlankText as error:
            raise InputError(f"{error}; to delete such documents, add --withdraw-blank") from error
    _report_indexing(report, index_dir)


@index.command("renew", short_help="Rebuild an index from its own documents.")
@index_option
@encoder_option
@prompt_options
@compute_options
def index_renew(
    index_dir: Path, encoder: str | None, query_prompt: str | None, document_prompt: str | None, compute: Compute
) -> None:
    """Rebuild text and vectors of an index from the documents it holds.

    This updates an index of an earlier version, or one whose vectors are damaged or from another encoder, to the
    current format, encoder and precision; ids, texts and fields stay. If the index was built with a bundled encoder
    that no longer exists, it gets the vectors of the current one. Searches use the old state until the new one is
    complete. An interrupted renewal resumes when the same command is run again.
    """
    from claimhound.pipeline.indexing.renewing import encoder_to_renew_with, renew_index
    from claimhound.pipeline.models.encoders import load_encoder

    with long_job("documents", _RESUME) as on_progress:
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


@index.command("delete", short_help="Delete documents by id.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--ids-from", metavar="FILE", help="File with one id per line; - is standard input.")
@index_option
def index_delete(ids: tuple[str, ...], ids_from: str | None, index_dir: Path) -> None:
    """Delete the documents with these ids, and the sentences of texts with these ids.

    Ids that the index does not hold are listed, and the exit status is 1; all others are deleted.
    """
    from claimhound.api import delete_documents

    wanted = list(dict.fromkeys([*ids, *_ids_in(ids_from)]))
    if not wanted:
        raise click.UsageError("give at least one ID, or a file of ids with --ids-from")
    with if_interrupted(_UNCHANGED):
        report = delete_documents(wanted, index_dir)
    unknown = report.unknown_ids
    if len(unknown) == len(wanted):
        raise InputError(f"{index_dir}: holds none of these ids ({first_few(unknown)}); nothing was deleted")
    _say_notes(report.notes, index_dir)
    print_text(f"{_described(report.manifest, index_dir)}, {report.n_deleted:,} deleted")
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
@format_option("table", "json", text="Output format.")
def index_info(index_dir: Path, output_format: str) -> None:
    """Show what an index holds."""
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
        print_json({"schema": 1} | {name.replace(", ", "_").replace(" ", "_"): value for name, value in facts.items()})
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


@index.command("verify", short_help="Check an index for damage.")
@index_option
@encoder_option
@click.option("--no-encoder", is_flag=True, help="Check the files alone, without encoding texts again.")
@compute_options
def index_verify(index_dir: Path, encoder: str | None, no_encoder: bool, compute: Compute) -> None:
    """Check every byte of an index against its checksums, and its vectors against its encoder.

    Each damaged file is listed, and the exit status is 1. If there are none, up to 1,000 texts are encoded again, and
    the exit status is 1 if a stored vector has a cosine below .98 with the new one. If the index's encoder cannot be
    loaded, a message says so, and only the files are checked.
    """
    from claimhound.indexes.verification import verify_index

    if no_encoder and encoder is not None:
        raise click.UsageError("--no-encoder cannot be combined with --encoder")
    found = verify_index(index_dir)
    if found.damaged:
        for line in found.damaged:
            say(line)
        raise InputError(
            f"{index_dir}: {len(found.damaged)} damaged; restore the files named above or rebuild the index"
        )
    print_text(f"{index_dir}: generation {found.generation} is intact ({found.n_files} files, {found.n_bytes:,} bytes)")
    if not no_encoder:
        _verify_vectors(index_dir, encoder, compute)


def _verify_vectors(index_dir: Path, encoder: str | None, compute: Compute) -> None:
    from claimhound.indexes.snapshot import IndexSnapshot
    from claimhound.pipeline.models.stored_vectors import compare_vectors, require_agreement
    from claimhound.pipeline.search.opening import load_index_encoder

    snapshot = IndexSnapshot.open(index_dir)  # refuses earlier formats
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


@index.command("compact", short_help="Rewrite an index without deleted documents.")
@index_option
def index_compact(index_dir: Path) -> None:
    """Rewrite an index without its deleted documents, in one vector segment."""
    from claimhound.indexes.writer import IndexWriter

    with if_interrupted(_UNCHANGED), IndexWriter.open(index_dir) as writer:
        writer.compact()
        manifest = writer.commit()
        _say_notes(writer.notes, index_dir)
    print_text(_described(manifest, index_dir))


def _report_indexing(report: IndexingReport, index_dir: Path, *, done: str = "read", job: str = "build") -> None:
    say_notices(report.notices)
    for error in report.skipped[:_SKIPPED_SHOWN]:
        say(f"skipped {error}")
    if len(report.skipped) > _SKIPPED_SHOWN:
        say(f"skipped {len(report.skipped) - _SKIPPED_SHOWN:,} more")
    details = [f"{report.n_read:,} {done}"]
    counts = (
        (report.n_replaced, "replaced"),
        (report.n_outdated, "outdated deleted"),
        (report.n_withdrawn, "withdrawn"),
        (report.n_unknown, "blank but not in the index"),
        (report.n_taken_over, "with existing vectors"),
        (report.n_reused, f"reused from an interrupted {job}"),
    )
    details += [f"{n:,} {what}" for n, what in counts if n]
    if report.skipped:
        details.append(f"{counted(len(report.skipped), 'bad record')} skipped")
    print_text(f"{_described(report.manifest, index_dir)} ({', '.join(details)})")
    n_records = report.n_texts + len(report.skipped)
    if report.skipped and len(report.skipped) >= LARGE_BAD_SHARE * n_records:
        say(
            f"WARNING: {len(report.skipped):,} of {n_records:,} records ({len(report.skipped) / n_records:.0%}) "
            f"are bad and not in the index: {_commonest_reasons(report.skipped)}"
        )


def _commonest_reasons(errors: list[RecordError]) -> str:
    """Return the most frequent kinds of reasons, with their counts."""
    kinds = Counter(_VARYING.sub("", error.reason) for error in errors)
    shown = [f"{n:,} × {kind}" for kind, n in kinds.most_common(_REASONS_SHOWN)]
    n_others = sum(kinds.values()) - sum(n for _, n in kinds.most_common(_REASONS_SHOWN))
    return "; ".join([*shown, f"{n_others:,} × others"] if n_others else shown)


def _say_notes(notes: list[str], index_dir: Path) -> None:
    for note in notes:
        say(f"{index_dir}: {note}")


def _described(manifest: Manifest, index_dir: Path) -> str:
    return f"{index_dir}: generation {manifest.generation}, {counted(manifest.n_docs, 'document')}"
