"""The README.md of a trained reranker: what it was made from, how, and how it did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.blending import Blend
from pipeline.training.mining import MiningReport
from pipeline.training.reranker_recipe import RerankerRecipe
from pipeline.training.reranker_training import TrainingReport


@dataclass(frozen=True)
class DataFile:
    """A file that training read: its name without the folder, its hash, and what it gave."""

    name: str
    sha256: str
    gave: str


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from; `index` and `encoder` describe the first stage whose lists were mined."""

    base_model: str
    index: str
    encoder: str
    code_version: str
    data_files: tuple[DataFile, ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)


def data_file(path: Path, gave: str) -> DataFile:
    """Describe a file, or a folder by the hashes of the files in it."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest() if path.is_dir() else file.read_bytes())
    return DataFile(path.name, digest.hexdigest(), gave)


def render_model_card(
    provenance: Provenance,
    recipe: RerankerRecipe,
    report: TrainingReport,
    mining: MiningReport,
    blend: Blend,
    held_out: Mapping[str, Mapping[str, float]],
    calibration_error: float,
) -> str:
    """Return the card as Markdown with the front matter that model hubs read.

    `held_out` holds measures of lists over the validation claims: list name -> measure -> mean.
    """
    metrics = sorted(report.metrics.items())
    lines = [
        "---",
        "library_name: sentence-transformers",
        "pipeline_tag: text-ranking",
        "tags: [cross-encoder, fact-checking]",
        "---",
        "",
        "# Reranker for claims and evidence",
        "",
        "A cross-encoder with one label: claim and passage in, one logit out. `blend.json` turns the logit and the",
        "place in the first stage's list into a probability that a judge would call the passage relevant to the claim.",
        "Relevant is not the same as supporting: evidence against a claim is relevant to it.",
        "",
        "## Made from",
        "",
        f"- base model: {provenance.base_model}",
        f"- negatives from: {provenance.index}, encoder {provenance.encoder}",
        f"- code: {provenance.code_version}",
        "",
        *_table(("data", "sha256", "gave"), [(d.name, f"`{d.sha256}`", d.gave) for d in provenance.data_files]),
        "",
        f"{report.n_pretraining_pairs:,} pairs in pretraining, {report.n_pairs:,} in training, "
        f"{report.n_validation_pairs:,} balanced pairs in validation. Claims are whole on one side of the split.",
        f"Of {mining.n_queries:,} training claims {mining.n_queries_without_judgments:,} had no judgment. "
        f"{mining.n_positives:,} judged passages, {mining.n_negatives:,} negatives. Candidates for negatives that were "
        f"rejected: {json.dumps(mining.rejected)}.",
        "",
        "## Settings",
        "",
        "Binary cross-entropy on one label, AdamW, linear schedule.",
        "",
        *_table(("setting", "value"), [(name, str(value)) for name, value in asdict(recipe).items()]),
        "",
        "## Measured on validation claims",
        "",
        "Pairs (CrossEncoderClassificationEvaluator, one negative for each judged passage):",
        "",
        *_table(("metric", "value"), [(name, f"{value:.4f}") for name, value in metrics]),
        "",
        *_lists(held_out),
        f"Expected calibration error of the probability: {calibration_error:.4f}, on the claims that fitted the blend.",
        "",
        f"Blend: intercept {blend.intercept:.4f}, "
        + ", ".join(f"{name} {weight:.4f}" for name, weight in blend.weights)
        + ".",
        "",
        f"Training took {report.seconds:,.0f} s.",
        *(line for note in provenance.notes for line in ("", note)),
    ]
    return "\n".join(lines) + "\n"


def _lists(held_out: Mapping[str, Mapping[str, float]]) -> list[str]:
    if not held_out:
        return []
    measures = list(next(iter(held_out.values())))
    rows = [(name, *(f"{values[measure]:.4f}" for measure in measures)) for name, values in held_out.items()]
    return ["Lists over the same claims:", "", *_table(("list", *measures), rows), ""]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
