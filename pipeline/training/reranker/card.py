"""The README.md of a trained reranker: what it was made from, how, and how it did."""

from __future__ import annotations

import json
from collections.abc import Mapping

from claimhound.pipeline.models.blending import Blend
from claimhound.pipeline.training.model_card import (
    Provenance,
    front_matter,
    made_from,
    measures_table,
    settings_table,
    table,
)
from claimhound.pipeline.training.negatives.mining import MiningReport
from claimhound.pipeline.training.reranker.losses import LOSSES
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.reranker.training import TrainingReport


def render_reranker_card(
    provenance: Provenance,
    recipe: RerankerRecipe,
    report: TrainingReport,
    mining: MiningReport | None,
    blend: Blend,
    held_out: Mapping[str, Mapping[str, float]],
    calibration_error: float,
) -> str:
    """Return the card as Markdown with the front matter that model hubs read.

    `mining` is None where the pairs were mined before. `held_out` holds measures of lists over the validation claims:
    list name -> measure -> mean.
    """
    lists = measures_table("list", held_out)
    lines = [
        *front_matter("text-ranking", "cross-encoder"),
        "# Reranker for claims and evidence",
        "",
        "A cross-encoder with one label: claim and passage in, one logit out. `blend.json` turns the logit and the",
        "place in the first stage's list into a probability that a judge would call the passage relevant to the claim.",
        "Relevant is not the same as supporting: evidence against a claim is relevant to it.",
        "",
        *made_from(provenance),
        f"{report.n_pretraining_pairs:,} pairs in pretraining, {report.n_pairs:,} in training, "
        f"{report.n_validation_pairs:,} balanced pairs in validation. Claims are whole on one side of the split.",
        *_mined(mining),
        "",
        "## Settings",
        "",
        f"One label, learned by {LOSSES[recipe.loss]}, AdamW, linear schedule.",
        "",
        *settings_table(recipe),
        "",
        "## Measured on validation claims",
        "",
        "Pairs (CrossEncoderClassificationEvaluator, one negative for each judged passage):",
        "",
        *table(("metric", "value"), [(name, f"{value:.4f}") for name, value in sorted(report.metrics.items())]),
        "",
        *(["Lists over the same claims:", "", *lists, ""] if lists else []),
        f"Expected calibration error of the probability: {calibration_error:.4f}, "
        + ("on the claims that fitted the blend." if blend.measured is None else "each claim by a fit to the others."),
        "",
        f"Blend: intercept {blend.intercept:.4f}, "
        + ", ".join(f"{name} {weight:.4f}" for name, weight in blend.weights)
        + ".",
        "",
        f"Training took {report.seconds:,.0f} s.",
        *(line for note in provenance.notes for line in ("", note)),
    ]
    return "\n".join(lines) + "\n"


def _mined(mining: MiningReport | None) -> list[str]:
    if mining is None:
        return []
    return [
        f"Of {mining.n_queries:,} training claims {mining.n_queries_without_judgments:,} had no judgment. "
        f"{mining.n_positives:,} judged passages, {mining.n_negatives:,} negatives. Candidates for negatives that were "
        f"rejected: {json.dumps(mining.rejected)}."
    ]
