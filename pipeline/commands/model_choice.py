"""Which models a command uses and where they run: the options, and the choice that they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.pipeline.commands.options import Decorator, combined
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.models.stance_labels import parse_labels
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.serving.compute import Compute, Precision

if TYPE_CHECKING:
    from claimhound.pipeline.search.evidence import EvidencePipeline


def model_option(flag: str, kind: str, default: str) -> Decorator:
    """Return an option for a model of a kind; the default is told, not set: the command gets None."""
    return click.option(flag, metavar="MODEL", help=f"{kind}: a folder, or a name on the Hub.  [default: {default}]")


encoder_option = model_option("--encoder", "Bi-encoder", "the one that the index was built with")
prompt_options = combined(
    click.option(
        "--query-prompt", metavar="TEXT", help="Put TEXT before each claim for the encoder.  [default: the model's own]"
    ),
    click.option(
        "--document-prompt", metavar="TEXT", help="Put TEXT before each document for it.  [default: the model's own]"
    ),
)
no_encoder_option = click.option("--no-encoder", is_flag=True, help="Search by BM25 alone, without the vectors.")
reranker_option = model_option("--reranker", "Cross-encoder", "the bundled one")
max_length_option = click.option(
    "--max-length",
    metavar="N",
    type=click.IntRange(min=16),
    help="Read N tokens of claim and evidence together.  [default: all that a model can]",
)
reranker_options = combined(
    click.option("--no-rerank", is_flag=True, help="Leave the candidates in the order of the first stage."),
    reranker_option,
    max_length_option,
)
stance_option = combined(
    model_option("--stance", "Stance model", "the bundled one"),
    click.option(
        "--stance-labels",
        metavar="NAMES",
        callback=lambda _context, _option, value: _label_names(value),
        help="What --stance's three outputs are, in their order, such as contradiction,entailment,neutral.  "
        "[default: as its config.json says]",
    ),
)
stance_options = combined(
    click.option("--no-stance", is_flag=True, help="Do not tell which way the evidence points."),
    stance_option,
)


def _label_names(text: str | None) -> tuple[str, ...] | None:
    try:
        return None if text is None else parse_labels(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def require_stance_for(labels: tuple[str, ...] | None, stance: str | None) -> None:
    """Raise UsageError for `--stance-labels` without the model whose labels they are: the bundled one's are known."""
    if labels is not None and stance is None:
        raise click.UsageError("--stance-labels says what the outputs of --stance MODEL are: name the model")


def _bundling_compute(names: Sequence[str], *options: Decorator) -> Decorator:
    """Return a decorator for the options; the command gets their values as `compute`, which reports to `say`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def bundled(*args: Any, **kwargs: Any) -> None:
            command(*args, compute=Compute(**{name: kwargs.pop(name) for name in names}, notify=say), **kwargs)

        return combined(*options)(bundled)

    return decorate


_device_options = (
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda", "mps"]),
        default="auto",
        show_default=True,
        help="Where the models run.",
    ),
    click.option(
        "--threads", "n_threads", metavar="N", type=click.IntRange(min=1), help="Cores to use.  [default: all]"
    ),
)
# Their --precision is a setting of the recipe, not of `Compute`.
training_compute_options = _bundling_compute(("device", "n_threads"), *_device_options)
compute_options = _bundling_compute(
    ("device", "n_threads", "precision", "trust_remote_code"),
    *_device_options,
    click.option(
        "--precision",
        type=click.Choice(get_args(Precision)),
        default="auto",
        show_default=True,
        help="What a CPU computes in; auto is what agrees with float32 and is fast here (`doctor` tells).",
    ),
    click.option(
        "--trust-remote-code", is_flag=True, help="Let Python files that come with a model run. They can do anything."
    ),
)


@dataclass(frozen=True)
class ModelChoice:
    """What the model options of a command say, by their names; a command need not have all of them.

    A model that is None is the default one.
    """

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
        """Raise UsageError for options that exclude each other."""
        if self.no_encoder and self.encoder is not None:
            raise click.UsageError("--no-encoder and --encoder exclude each other")
        if self.no_rerank and self.reranker is not None:
            raise click.UsageError("--no-rerank and --reranker exclude each other")
        if self.no_stance and self.stance is not None:
            raise click.UsageError("--no-stance and --stance exclude each other")
        require_stance_for(self.stance_labels, self.stance)
        if adaptive_k and self.no_rerank:
            raise click.UsageError("--adaptive-k goes by the reranker's probabilities, so it excludes --no-rerank")
        if min_score is not None and self.no_rerank:
            raise click.UsageError("--min-score goes by the reranker's probabilities, so it excludes --no-rerank")

    def open(
        self,
        index_dir: Path | None,
        config: PipelineConfig = PipelineConfig(),  # noqa: B008 (frozen)
        *,
        corpus: str | None = None,
        reading: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
        on_notices: Callable[[Notices], None] = lambda _: None,
    ) -> EvidencePipeline:
        """Open an index, or the documents of a file, with these models; see `open_pipeline`."""
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
