"""Library calls: each command as one function that takes file and model names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from claimhound.data.labelled_sets.judged_claims import Level
from claimhound.data.notices import Notices
from claimhound.data.progress import Progress, silent
from claimhound.data.read_options import ReadOptions
from claimhound.indexes.conditions import NO_CONDITIONS, Conditions
from claimhound.indexes.manifest import Manifest
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.annotation import annotating
from claimhound.pipeline.annotation.annotating import AnnotationReport
from claimhound.pipeline.annotation.intake import ClaimSource
from claimhound.pipeline.annotation.known import KnownClaims
from claimhound.pipeline.annotation.output import OutputFormat, format_of
from claimhound.pipeline.annotation.searching import AnnotationSettings, Searcher
from claimhound.pipeline.evaluation import evaluating
from claimhound.pipeline.evaluation.evaluating import Evaluation, MeasureSettings, StageSettings
from claimhound.pipeline.evaluation.evidence_sets import default_measures
from claimhound.pipeline.evaluation.judged import read_judged
from claimhound.pipeline.evaluation.reporting.output_folder import JOURNAL_NAME, make_report_folder, write_evaluation
from claimhound.pipeline.evaluation.stage_runs import LISTS
from claimhound.pipeline.indexing import building
from claimhound.pipeline.indexing.building import SourceOptions
from claimhound.pipeline.indexing.encoding import IndexingReport
from claimhound.pipeline.model_folders.finding import BUNDLED
from claimhound.pipeline.models.encoders import load_encoder
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import load_index_encoder
from claimhound.pipeline.serving.compute import Compute, Notify, ignore

Sources: TypeAlias = str | Path | Sequence[str | Path]
"""One source or several: files, BEIR folders, `hf:NAME[@CONFIG][:SPLIT]` or `ir_datasets:ID`."""
OnError: TypeAlias = Literal["stop", "skip"]


def build_index(
    sources: Sources,
    index_dir: str | Path,
    *,
    encoder: str | Path | None = None,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    split_sentences: bool | None = None,
    reading: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    on_error: OnError = "stop",
    id_prefix: str | None = None,
    overwrite: bool = False,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    on_progress: Progress = silent,
) -> IndexingReport:
    """Build an index of the documents in `sources`; the report counts those read, replaced and skipped.

    `encoder` is a model folder or a name on the Hub; None is the bundled one. With `split_sentences` each sentence
    becomes a document. `SourceOptions`, `load_encoder` and `building.build_index` describe the other arguments and the
    errors raised.
    """
    names = _names(sources)
    model = load_encoder(str(encoder or BUNDLED), compute, query_prompt=query_prompt, document_prompt=document_prompt)
    options = SourceOptions(reading, split_sentences, on_error, id_prefix=id_prefix)
    return building.build_index(names, Path(index_dir), model, options, overwrite=overwrite, on_progress=on_progress)


def add_documents(
    sources: Sources,
    index_dir: str | Path,
    *,
    split_sentences: bool | None = None,
    reading: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    on_error: OnError = "stop",
    withdraw_blank: bool = False,
    id_prefix: str | None = None,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    on_progress: Progress = silent,
) -> IndexingReport:
    """Add the documents in `sources` to an index, with its encoder; a document with a known id replaces the old one.

    If `split_sentences` is None, texts are split if the index holds sentences. With `withdraw_blank` a blank text
    deletes the document with its id. Otherwise as `build_index`.
    """
    names = _names(sources)
    snapshot = IndexSnapshot.open(Path(index_dir))
    model = load_index_encoder(snapshot, compute=compute)
    options = SourceOptions(reading, split_sentences, on_error, withdraw_blank, id_prefix)
    return building.add_documents(names, Path(index_dir), model, options, on_progress=on_progress)


class DeletionReport(NamedTuple):
    """The index's manifest after a deletion, how many documents were deleted, unknown ids, and notes on the disk."""

    manifest: Manifest
    n_deleted: int
    unknown_ids: list[str]
    notes: list[str]


def delete_documents(ids: str | Sequence[str], index_dir: str | Path) -> DeletionReport:
    """Delete the documents with these ids, and the sentences of texts with these ids.

    If it holds none of them, the index is unchanged. Raises what `IndexWriter.open` and `commit` raise.
    """
    wanted = list(dict.fromkeys([ids] if isinstance(ids, str) else ids))
    with IndexWriter.open(Path(index_dir)) as writer:
        n_before = writer.n_docs
        unknown = writer.delete(wanted)
        if len(unknown) == len(wanted):
            return DeletionReport(IndexSnapshot.open(Path(index_dir)).manifest, 0, unknown, [])
        manifest = writer.commit()
        return DeletionReport(manifest, n_before - manifest.n_docs, unknown, writer.notes)


def annotate(
    claims: str | Path,
    output: str | Path,
    pipeline: EvidencePipeline | Callable[[], EvidencePipeline],
    k: int = 5,
    *,
    adaptive: bool = False,
    min_score: float | None = None,
    conditions: Conditions = NO_CONDITIONS,
    folding: bool = True,
    output_format: OutputFormat | None = None,
    plain_csv: bool = False,
    reading: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    before_field: str | None = None,
    limit: int | None = None,
    known: str | Path | None = None,
    n_known: int = 5,
    batch_size: int | None = None,
    n_workers: int | None = None,
    fresh: bool = False,
    on_progress: Progress = silent,
    on_notice: Notify = ignore,
) -> AnnotationReport:
    """Find evidence for every claim in a file and write it to `output`, in the format of its suffix.

    An interrupted job resumes when called again with the same arguments, and the output is byte-for-byte the same. Pass
    a function that opens the pipeline to have the claims checked before models are loaded. `known` is a file of claims
    that were already checked; the nearest `n_known` are written with each claim. Records that are not claims go to
    `OUTPUT.rejected.jsonl` and are counted in the report.

    `AnnotationSettings` and `ClaimSource` describe the other arguments, `annotating.annotate` the errors raised;
    `known` without an encoder raises ValueError.
    """
    settings = AnnotationSettings(
        k=k,
        adaptive=adaptive,
        min_score=min_score,
        folding=folding,
        output_format=output_format or format_of(Path(output)),
        batch_size=batch_size,
        n_known=n_known,
        plain_csv=plain_csv,
        before=conditions.before,
        where=conditions.where,
    )

    def load() -> Searcher:
        opened = pipeline if isinstance(pipeline, EvidencePipeline) else pipeline()
        if known is None:
            return Searcher(opened, n_workers=n_workers)
        if opened.encoder is None:
            raise ValueError("known claims need an encoder, and the pipeline has none")
        notices = Notices()
        found = KnownClaims.read(str(known), opened.encoder, notices=notices)
        for line in notices.lines():
            on_notice(line)
        return Searcher(opened, found, n_workers)

    return annotating.annotate(
        ClaimSource(str(claims), reading, limit, before_field),
        Path(output),
        load,
        settings,
        fresh=fresh,
        on_progress=on_progress,
        on_notice=on_notice,
    )


def evaluate(
    pipeline: EvidencePipeline,
    claims: str | Path,
    qrels: str | Path | None = None,
    *,
    measures: Sequence[str] | None = None,
    stages: Sequence[str] = LISTS,
    k: int = 1000,
    shown_k: int = 5,
    folding: bool = True,
    seed: int = 0,
    reading: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    qrels_level: Level = "document",
    output_dir: str | Path | None = None,
    fresh: bool = False,
    on_progress: Progress = silent,
    on_notice: Notify = ignore,
) -> Evaluation:
    """Measure each stage of a pipeline on judged claims; the figures are in `means` of the result.

    `qrels` is the file of judgments; None if the claims name their evidence. With `output_dir` a report, TREC runs and
    all figures are written there, and an interrupted evaluation resumes. `stages` are the lists to report: to skip the
    work for the others, open the pipeline with `with_reranker=False` or `with_encoder=False`. `reading` applies to the
    claims, and to the judgments if the claims name their evidence. `evaluating.evaluate` describes the other arguments
    and the errors raised.
    """
    for argument, value in (("measures", measures), ("stages", stages)):
        if isinstance(value, str):
            raise TypeError(f"{argument} is a sequence of names, not one string: [{value!r}]")
    queries, judgments = read_judged(claims, qrels, reading, level=qrels_level, on_notice=on_notice)
    if output_dir is not None:
        make_report_folder(Path(output_dir))
    result = evaluating.evaluate(
        pipeline,
        queries or [],
        judgments.qrels,
        measuring=MeasureSettings(
            default_measures(judgments.evidence_sets) if measures is None else measures, judgments.evidence_sets, seed
        ),
        stages=StageSettings(stages, k, shown_k, folding),
        journal_path=None if output_dir is None else Path(output_dir) / JOURNAL_NAME,
        fresh=fresh,
        on_progress=on_progress,
    )
    if output_dir is not None:
        write_evaluation(result, Path(output_dir), pipeline.index)
    return result


def _names(sources: Sources) -> list[str]:
    names = [str(source) for source in ([sources] if isinstance(sources, str | Path) else sources)]
    if not names:
        raise ValueError("no sources: name at least one")
    return names
