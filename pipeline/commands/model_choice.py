"""Which models a command uses and where they run: the options, and the choice that they make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.options import Decorator, combined
from pipeline.commands.output import say
from pipeline.config import Device, PipelineConfig

if TYPE_CHECKING:
    from pipeline.evidence import EvidencePipeline


def model_option(flag: str, kind: str, default: str) -> Decorator:
    """Return an option for a model of a kind; the default is told, not set: the command gets None."""
    return click.option(flag, metavar="MODEL", help=f"{kind}: a folder, or a name on the Hub.  [default: {default}]")


encoder_option = model_option("--encoder", "Bi-encoder", "the one that the index was built with")
no_encoder_option = click.option("--no-encoder", is_flag=True, help="Search by BM25 alone, without the vectors.")
reranker_option = model_option("--reranker", "Cross-encoder", "the bundled one")
reranker_options = combined(
    click.option("--no-rerank", is_flag=True, help="Leave the candidates in the order of the first stage."),
    reranker_option,
)
stance_option = model_option("--stance", "Stance model", "the bundled one")
stance_options = combined(
    click.option("--no-stance", is_flag=True, help="Do not tell which way the evidence points."),
    stance_option,
)
compute_options = combined(
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda", "mps"]),
        default="auto",
        show_default=True,
        help="Where the models run.",
    ),
    click.option("--threads", metavar="N", type=click.IntRange(min=1), help="Cores to use.  [default: all]"),
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
    no_stance: bool = False
    device: Device = "auto"
    threads: int | None = None

    def refuse_contradictions(self, *, adaptive_k: bool = False, min_score: float | None = None) -> None:
        """Raise UsageError for options that exclude each other."""
        if self.no_encoder and self.encoder is not None:
            raise click.UsageError("--no-encoder and --encoder exclude each other")
        if self.no_rerank and self.reranker is not None:
            raise click.UsageError("--no-rerank and --reranker exclude each other")
        if self.no_stance and self.stance is not None:
            raise click.UsageError("--no-stance and --stance exclude each other")
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
    ) -> EvidencePipeline:
        """Open an index, or the documents of a file, with these models; see `open_pipeline`."""
        from pipeline.opening import open_pipeline

        return open_pipeline(
            index_dir,
            corpus=corpus,
            encoder=self.encoder,
            reranker=self.reranker,
            stance=self.stance,
            with_encoder=not self.no_encoder,
            with_reranker=not self.no_rerank,
            with_stance=not self.no_stance,
            config=config,
            device=self.device,
            n_threads=self.threads,
            on_start=say,
        )
