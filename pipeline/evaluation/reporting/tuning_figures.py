"""Figures of a tuning as text."""

from __future__ import annotations

from claimhound.pipeline.evaluation.reporting.tables import UNLIMITED, Column, Table, as_text
from claimhound.pipeline.evaluation.tuning.choice import Tuning
from claimhound.pipeline.evaluation.tuning.grid import changes


def tuning_text(tuning: Tuning) -> str:
    """Return the means of the default and of the tuned settings, each fold's choice, and the result in sentences."""
    columns = (
        Column("", side="left"),
        Column("", lambda mean: "" if mean is None else f"{mean:.4f}"),
        Column("", side="left"),
    )
    table = Table(
        columns,
        [
            ("default", float(tuning.default_values.mean()), ""),
            ("tuned, on claims left out", float(tuning.held_out.mean()), ""),
            ("tuned, on all claims (too high)", tuning.best_mean, changes(tuning.best, tuning.default)),
            *(
                (f"chosen without fold {fold}", None, changes(choice, tuning.default))
                for fold, choice in enumerate(tuning.fold_choices, start=1)
            ),
        ],
        title=f"{len(tuning.held_out):,} claims, {len(tuning.settings)} settings, mean {tuning.measure}",
    )
    return f"{as_text(table, UNLIMITED, gap=2)}\n{tuning.note}"
