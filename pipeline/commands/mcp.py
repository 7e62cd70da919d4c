"""`mcp`: search evidence as a tool of a language model, over standard input and output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from claimhound.data.extras import require
from claimhound.pipeline.commands.model_choice import ModelChoice, pipeline_options
from claimhound.pipeline.commands.named_indexes import indexes_option, named_indexes
from claimhound.pipeline.commands.settings import chosen_config

if TYPE_CHECKING:
    from pathlib import Path

_MOST_WAITING = 64


@click.command("mcp", short_help="Let a language model search, over standard input and output.")
@indexes_option
@pipeline_options
def mcp_command(
    indexes: tuple[str, ...],
    config_path: Path | None,
    first_stage_k: int,
    rerank_k: int,
    **model_options: Any,
) -> None:
    """Offer an index to a language model as tools of the Model Context Protocol, over standard input and output.

    The program in which the model runs starts this command; docs/serve.md shows its settings. Needs the extra `mcp`.
    """
    require("mcp", "mcp", "a server for language models")
    from claimhound.pipeline.server.mcp_stdio import run_over_stdio, stdout_as_stderr
    from claimhound.pipeline.server.starting import start_service

    models = ModelChoice(**model_options)
    models.refuse_contradictions()
    config = chosen_config(config_path, first_stage_k=first_stage_k, rerank_k=rerank_k)
    named = named_indexes(indexes)
    with stdout_as_stderr():
        service = start_service(named, lambda folder: models.open(folder, config), models.compute, _MOST_WAITING)
    run_over_stdio(service)
