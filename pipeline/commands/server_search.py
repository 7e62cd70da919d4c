"""`search --server`: the claim goes to a `claimhound serve`, which decides about models and settings."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from claimhound.pipeline.commands.options import combined, path_option
from claimhound.pipeline.commands.output import say

if TYPE_CHECKING:
    from claimhound.pipeline.search.remote_search import RemoteSearch

_VARIABLE = "CLAIMHOUND_SERVER"
# All other options are about what the server has opened already.
_SENT = frozenset({
    "server", "token_path", "index_dir", "k", "adaptive_k", "min_score", "before", "where", "context", "no_fold",
    "sides", "explain", "output_format",
})  # fmt: skip
_GIVEN = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)

server_options = combined(
    click.option(
        "--server",
        metavar="URL",
        envvar=_VARIABLE,
        help=f"Ask a running claimhound serve, which answers at once; --index is then its name of an index.  "
        f"[default: ${_VARIABLE}]",
    ),
    path_option("--token-file", "token_path", "FILE", "File with the token of --server."),
)


def open_server(url: str, index: Path | None, token_path: Path | None) -> RemoteSearch:
    """Return the server to ask. Raises UsageError that names an option which the server decides, if one is given."""
    from claimhound.data.token_files import read_token
    from claimhound.pipeline.search.remote_search import RemoteSearch

    _refuse_others(_SENT)
    token = None if token_path is None else read_token(token_path)
    remote = RemoteSearch(url, token=token, index=None if index is None else str(index), notify=say)
    click.get_current_context().call_on_close(remote.close)
    return remote


def _refuse_others(sent: Collection[str]) -> None:
    context = click.get_current_context()
    for option in context.command.params:
        name = option.name
        if not isinstance(option, click.Option) or name is None or name in sent:
            continue
        if context.get_parameter_source(name) in _GIVEN:
            by_variable = context.get_parameter_source("server") is click.core.ParameterSource.ENVIRONMENT
            cure = f"unset {_VARIABLE} to search here" if by_variable else "leave out one of them"
            raise click.UsageError(
                f"{option.opts[0]} cannot be combined with --server: the server was started with its own; {cure}"
            )
