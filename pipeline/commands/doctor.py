"""`doctor`: what is installed here, and what is missing."""

from __future__ import annotations

import click

from claimhound.data.errors import InputError
from claimhound.pipeline.commands.model_choice import require_stance_for, stance_option
from claimhound.pipeline.commands.output import print_facts, say
from claimhound.pipeline.commands.wording import counted


@click.command(short_help="Tell versions, devices and models, and what is missing.")
@stance_option
def doctor(stance: str | None, stance_labels: tuple[str, ...] | None) -> None:
    """Tell versions, devices, models and threads, and what is missing; the exit status is then 1.

    With --stance it also tells what that model's outputs are taken for, and in which order it reads a pair.
    """
    require_stance_for(stance_labels, stance)
    from claimhound.pipeline.commands.installation import examine

    findings = examine(stance=stance, stance_labels=stance_labels)
    print_facts([(finding.name, finding.value) for finding in findings])
    missing = [finding for finding in findings if finding.cure]
    for finding in missing:
        say(f"{finding.name}: {finding.cure}")
    if missing:
        raise InputError(f"{counted(len(missing), 'thing')} missing; what to do is said above")
