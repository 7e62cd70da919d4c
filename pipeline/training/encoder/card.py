"""The README.md of a trained encoder: what it was made from, how, and how it did."""

from __future__ import annotations

from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.encoder.training import EncoderTrainingReport
from claimhound.pipeline.training.model_card import Provenance, front_matter, made_from, measures_table, settings_table


def render_encoder_card(provenance: Provenance, recipe: EncoderRecipe, report: EncoderTrainingReport) -> str:
    """Return the card as Markdown with the front matter that model hubs read."""
    measured = measures_table("model", {"base model": report.base_metrics, "trained": report.metrics})
    loss = "MultipleNegativesRankingLoss"
    if recipe.mini_batch_size < recipe.batch_size:
        loss = f"CachedMultipleNegativesRankingLoss, {recipe.mini_batch_size} texts at a time"
    lines = [
        *front_matter("sentence-similarity", "sentence-transformers", "bi-encoder"),
        "# Encoder for claims and evidence",
        "",
        "A bi-encoder: a claim or a passage in, a vector of unit length out. The cosine says how much a passage bears",
        "on a claim, whether it supports or refutes it. `claimhound index build --encoder` reads this folder.",
        "",
        *made_from(provenance),
        f"{report.n_pretraining_entries:,} relevant passages with their claims in pretraining, {report.n_entries:,} in "
        "training. Claims are whole on one side of the split.",
        "",
        "## Settings",
        "",
        f"{loss}, cosines by 1 / temperature, AdamW, linear schedule. No batch holds a claim twice, nor a passage that "
        "is relevant to another of its claims.",
        "",
        *settings_table(recipe),
        "",
        "## Measured on validation claims",
        "",
    ]
    if report.metrics:
        lines += [
            f"{report.n_validation_claims:,} claims, whose relevant passages are searched among "
            f"{report.n_validation_passages:,} (InformationRetrievalEvaluator). These are few, so the numbers say "
            "which model is better and not what a search in a large corpus finds: `claimhound evaluate` measures that.",
            "",
            *measured,
            "",
        ]
    else:
        lines += ["No claims were held out.", ""]
    lines += [
        f"Training took {report.seconds:,.0f} s.",
        "",
        "## Limits",
        "",
        "Judgments are incomplete: passages that nobody judged are learned as if they did not bear on a claim. What "
        "was learned is the field of the data above; on other subjects the base model may be better. An index built "
        "with another encoder must be built anew.",
        *(line for note in provenance.notes for line in ("", note)),
    ]
    return "\n".join(lines) + "\n"
