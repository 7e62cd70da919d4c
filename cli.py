"""The command line: its commands in groups, and how errors end them."""

from __future__ import annotations

import io
import sys
from typing import Any

import click

from claimhound.data.errors import ClaimhoundError
from claimhound.pipeline.commands.annotate import annotate
from claimhound.pipeline.commands.calibrate import calibrate_command
from claimhound.pipeline.commands.compare import compare
from claimhound.pipeline.commands.demo import demo
from claimhound.pipeline.commands.doctor import doctor
from claimhound.pipeline.commands.evaluate import evaluate
from claimhound.pipeline.commands.evaluate_pairs import evaluate_pairs_command
from claimhound.pipeline.commands.evaluate_stance import evaluate_stance_command
from claimhound.pipeline.commands.evaluate_summary import evaluate_summary_command
from claimhound.pipeline.commands.exit_codes import EXIT_INTERRUPTED, EXIT_OUTPUT_CLOSED
from claimhound.pipeline.commands.help_layout import CommandGroups
from claimhound.pipeline.commands.index import index
from claimhound.pipeline.commands.invocation import version
from claimhound.pipeline.commands.mcp import mcp_command
from claimhound.pipeline.commands.mine import mine
from claimhound.pipeline.commands.output import give_up_output, print_help_alone, print_text, say
from claimhound.pipeline.commands.search import search
from claimhound.pipeline.commands.serve import serve
from claimhound.pipeline.commands.split import split
from claimhound.pipeline.commands.teach import teach_command
from claimhound.pipeline.commands.train import train
from claimhound.pipeline.commands.tune import tune_command


class _CommandLine(CommandGroups):
    """Commands whose expected errors are one line on standard error and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal that cannot show a character shows a question mark.
            sys.stdout.reconfigure(errors="replace")
        try:
            return super().invoke(ctx)
        except ClaimhoundError as error:
            say(f"Error: {error}")
            ctx.exit(1)
        except KeyboardInterrupt as interrupt:
            say("; ".join(("interrupted", *map(str, interrupt.args))))
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            give_up_output()
            ctx.exit(EXIT_OUTPUT_CLOSED)


def _print_version(ctx: click.Context, _parameter: click.Parameter, is_wanted: bool) -> None:
    if is_wanted and not ctx.resilient_parsing:
        print_text(f"claimhound {version()}")
        ctx.exit()


@click.group(
    cls=_CommandLine,
    groups={
        "Use": (demo, index, search, annotate, serve, mcp_command),
        "Measure": (
            evaluate,
            compare,
            evaluate_pairs_command,
            evaluate_stance_command,
            evaluate_summary_command,
            tune_command,
        ),
        "Train": (split, mine, teach_command, train, calibrate_command),
        "Installation": (doctor,),
    },
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 success, 1 an error you can fix, 2 a usage error, 3 the reranker hurts (evaluate "
    "--fail-if-reranker-hurts), 4 annotate finished but rejected some records, 130 interrupted, 141 the output was "
    "closed by its reader.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Find the sentences of your corpus that bear on a claim.

    Build an index of your corpus once, then search it: `claimhound index build`, `claimhound search`.
    """
    print_help_alone(ctx)


if __name__ == "__main__":
    main()
