"""Settings of a search, from a file and from options that override it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from claimhound.pipeline.commands.options import combined, count_option, path_option
from claimhound.pipeline.search.config import PipelineConfig, read_config

_DEFAULTS = PipelineConfig()

config_option = path_option(
    "--config",
    "config_path",
    "FILE",
    "Settings file written by claimhound tune; other options override it.",
)
settings_options = combined(
    config_option,
    count_option("--first-stage-k", _DEFAULTS.first_stage_k, "Candidates from BM25, and as many from vector search."),
    count_option("--rerank-k", _DEFAULTS.rerank_k, "Candidates that the reranker scores."),
)


def chosen_config(config_path: Path | None, **options: Any) -> PipelineConfig:
    """Return the settings of the file, or the defaults, overridden by the options given on the command line."""
    context = click.get_current_context()
    given = {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
    }
    return replace(PipelineConfig() if config_path is None else read_config(config_path), **given)
