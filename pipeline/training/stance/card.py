"""The README.md of a trained stance model: what it was made from, how, and how it did."""

from __future__ import annotations

from collections.abc import Sequence

from claimhound.pipeline.evaluation.stance import SetEvaluation
from claimhound.pipeline.training.model_card import Provenance, front_matter, made_from, settings_table, table
from claimhound.pipeline.training.stance.recipe import StanceRecipe
from claimhound.pipeline.training.stance.training import StanceTrainingReport


def render_stance_card(
    provenance: Provenance,
    recipe: StanceRecipe,
    report: StanceTrainingReport,
    held_out: Sequence[SetEvaluation],
    temperature: float,
    log_losses: tuple[float, float],
    n_excluded: int,
) -> str:
    """Return the card as Markdown with the front matter that model hubs read.

    `log_losses` are those of the held-out pairs without the temperature and with it.
    """
    weak = [found.name for found in held_out if not found.beats_majority]
    rows = [
        (
            found.name,
            f"{found.n_pairs:,}",
            f"{found.accuracy.mean:.4f}",
            f"{found.majority_accuracy:.4f} ({found.majority})",
            f"{found.macro_f1.mean:.4f}",
            f"{found.majority_macro_f1:.4f}",
        )
        for found in held_out
    ]
    head = ("set", "pairs", "accuracy", "of the commonest label", "macro-F1", "of the commonest label")
    before, after = log_losses
    first, second = report.labels.pair("claim", "evidence")
    lines = [
        *front_matter("text-classification", "cross-encoder", "natural-language-inference"),
        "# Stance of evidence towards claims",
        "",
        f"A cross-encoder with three labels: {first} and {second} in, in this order; out comes whether the evidence",
        "supports the claim, refutes it, or gives not enough information. `temperature.json` holds what the logits are",
        "divided by before they become probabilities.",
        *([] if report.labels.are_ours else ["", f"Its labels are the base model's: {report.labels.outputs_text}."]),
        "",
        *made_from(provenance),
        f"{report.n_pairs:,} pairs in training, {sum(found.n_pairs for found in held_out):,} held out. Claims are "
        f"whole on one side of the split; {n_excluded:,} pairs of claims to measure on were left out.",
        "",
        "## Settings",
        "",
        "Cross-entropy on three labels, AdamW, linear schedule.",
        "",
        *settings_table(recipe),
        "",
        "## Measured on held-out claims",
        "",
        *table(head, rows),
        "",
        f"Temperature {temperature:.4f}, fitted on these pairs: their mean log loss is {before:.4f} without it and "
        f"{after:.4f} with it.",
        *(["", f"Not better than the commonest label by more than chance: {', '.join(weak)}."] if weak else []),
        "",
        f"Training took {report.seconds:,.0f} s.",
    ]
    return "\n".join(lines) + "\n"
