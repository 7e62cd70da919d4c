"""Options for models and where they run, and the choice they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.pipeline.commands.options import Decorator, bundled, combined
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.commands.settings import settings_options
from claimhound.pipeline.models.stance_labels import parse_labels
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.serving.compute import Compute, Precision

if TYPE_CHECKING:
    from claimhound.pipeline.search.evidence import EvidencePipeline


def model_option(flag: str, kind: str, default: str) -> Decorator:
    """Return an option for a model; `default` is only shown in help, the command receives None."""
    return click.option(flag, metavar="MODEL", help=f"{kind}: a folder or a name on the Hub.  [default: {default}]")


encoder_option = model_option("--encoder", "Bi-encoder", "the index's own")
prompt_options = combined(
    click.option("--query-prompt", metavar="TEXT", help="Encoder's prefix for claims.  [default: the model's own]"),
    click.option(
        "--document-prompt",
        metavar="TEXT",
        help="Encoder's prefix for documents.  [default: the model's own]",
    ),
)
no_encoder_option = click.option("--no-encoder", is_flag=True, help="Search by BM25 alone, without vectors.")
reranker_option = model_option("--reranker", "Cross-encoder", "the bundled one")
max_length_option = click.option(
    "--max-length",
    metavar="N",
    type=click.IntRange(min=16),
    help="Tokens of claim and evidence that a model reads.  [default: the model's limit]",
)
reranker_options = combined(
    click.option("--no-rerank", is_flag=True, help="Keep the first-stage order of the candidates."),
    reranker_option,
    max_length_option,
)
stance_option = combined(
    model_option("--stance", "Stance model", "the bundled one"),
    click.option(
        "--stance-labels",
        metavar="NAMES",
        callback=lambda _context, _option, value: _label_names(value),
        help="Names of the three outputs of --stance in order, such as contradiction,entailment,neutral.  "
        "[default: from its config.json]",
    ),
)
stance_options = combined(
    click.option("--no-stance", is_flag=True, help="Do not classify evidence as supporting or refuting."),
    stance_option,
)


def _label_names(text: str | None) -> tuple[str, ...] | None:
    try:
        return None if text is None else parse_labels(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def require_stance_for(labels: tuple[str, ...] | None, stance: str | None) -> None:
    """Raise UsageError for `--stance-labels` without `--stance`: the bundled model's labels are known."""
    if labels is not None and stance is None:
        raise click.UsageError("--stance-labels names the outputs of --stance MODEL; add that option")


_device_options = (
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda", "mps"]),
        default="auto",
        show_default=True,
        help="Device that models run on.",
    ),
    click.option(
        "--threads", "n_threads", metavar="N", type=click.IntRange(min=1), help="CPU cores to use.  [default: all]"
    ),
)
# Their --precision is the recipe's.
training_compute_options = bundled("compute", Compute, *_device_options, precision="auto", notify=say)
compute_options = bundled(
    "compute",
    Compute,
    *_device_options,
    click.option(
        "--precision",
        type=click.Choice(get_args(Precision)),
        default="auto",
        show_default=True,
        help="Precision on a CPU; auto is the fastest that agrees with float32 (see claimhound doctor).",
    ),
    click.option(
        "--trust-remote-code", is_flag=True, help="Run Python files that come with a model. They can do anything."
    ),
    notify=say,
)


pipeline_options = combined(
    stance_options, settings_options, reranker_options, encoder_option, no_encoder_option, compute_options
)
"""All that decides how a command searches: its models, its settings and where models run."""


@dataclass(frozen=True)
class ModelChoice:
    """Values of a command's model options; it may have only some of them, and a model of None is the default."""

    encoder: str | None = None
    no_encoder: bool = False
    reranker: str | None = None
    no_rerank: bool = False
    stance: str | None = None
    stance_labels: tuple[str, ...] | None = None
    no_stance: bool = False
    max_length: int | None = None
    compute: Compute = Compute()  # noqa: RUF009 (frozen)

    def refuse_contradictions(self, *, adaptive_k: bool = False, min_score: float | None = None) -> None:
        """Raise UsageError for options that contradict each other."""
        for name, is_off, other, model in (
            ("--no-encoder", self.no_encoder, "--encoder", self.encoder),
            ("--no-rerank", self.no_rerank, "--reranker", self.reranker),
            ("--no-stance", self.no_stance, "--stance", self.stance),
        ):
            if is_off and model is not None:
                raise click.UsageError(f"{name} cannot be combined with {other}")
        require_stance_for(self.stance_labels, self.stance)
        for name, is_given in (("--adaptive-k", adaptive_k), ("--min-score", min_score is not None)):
            if is_given and self.no_rerank:
                raise click.UsageError(f"{name} needs the reranker's probabilities; leave out --no-rerank")

    def open(
        self,
        index_dir: Path | None,
        config: PipelineConfig = PipelineConfig(),  # noqa: B008 (frozen)
        *,
        corpus: str | None = None,
        reading: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
        on_notices: Callable[[Notices], None] = lambda _: None,
    ) -> EvidencePipeline:
        """Open an index, or a file as a corpus in memory, with these models; see `open_pipeline`."""
        from claimhound.pipeline.search.opening import open_pipeline

        return open_pipeline(
            index_dir,
            corpus=corpus,
            reading=reading,
            on_notices=on_notices,
            encoder=self.encoder,
            reranker=self.reranker,
            stance=self.stance,
            stance_labels=self.stance_labels,
            with_encoder=not self.no_encoder,
            with_reranker=not self.no_rerank,
            with_stance=not self.no_stance,
            max_length=self.max_length,
            config=config,
            compute=self.compute,
        )
