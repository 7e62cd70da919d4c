"""The protocol of the model card this project started from: `python -m tests.benchmarks.model_card MINED …`.

That card took 8,244 pairs, each judged pair of the train claims with one hard negative of the first stage, shuffled
them and split them 90 to 10: 7,419 to train on, 825 to measure. Binary cross-entropy, one epoch, batches of 16,
learning rate 5e-5, 256 tokens, seed 42. The same is done here with the balanced pairs of MINED, written by
`claimhound mine`, once split like that and once with whole claims held out: with shuffled pairs, a model is measured on
claims that it was trained on with other passages.

As in the card's evaluator, F1 and accuracy are taken at the best threshold for the measured pairs, which flatters both;
figures at a fixed threshold are given too. DIR receives the models and `figures.json`. An interrupted run resumes when
the same command is run again.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import ClaimhoundError, InputError
from claimhound.data.labelled_sets.mined_claims import read_mined_claims, training_pairs
from claimhound.data.labelled_sets.pair_sources import PairSource
from claimhound.data.labelled_sets.pairs import JudgedPair
from claimhound.data.labelled_sets.splits import held_out_claims, without_claims
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.progress import Progress, silent
from claimhound.data.records import Json
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.commands.judged_files import exclude_option, texts_of_claims
from claimhound.pipeline.commands.model_choice import training_compute_options
from claimhound.pipeline.commands.options import path_option, seed_option
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.commands.progress_display import progress_display
from claimhound.pipeline.commands.training_options import no_resume_option, pretrain_option
from claimhound.pipeline.evaluation.pairs import Figure, PairEvaluation, evaluate_pairs, measure
from claimhound.pipeline.evaluation.reporting.json_records import json_text
from claimhound.pipeline.evaluation.reporting.pair_figures import as_record, figures_record
from claimhound.pipeline.evaluation.reporting.tables import short
from claimhound.pipeline.model_folders.finding import BASE_ENCODER_NAME
from claimhound.pipeline.models.cross_encoders import load_reranker
from claimhound.pipeline.serving.compute import Compute, Device
from claimhound.pipeline.training.base_models import BaseModel, find_base_model
from claimhound.pipeline.training.checkpoints import run_fingerprint
from claimhound.pipeline.training.model_card import data_file
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.reranker.training import balanced, train_reranker
from claimhound.pipeline.training.training_data import claim_of_pair, read_training_data
from claimhound.pipeline.training.training_run import TrainingRun as ModelTraining

RECIPE = RerankerRecipe(loss="bce", epochs=1, batch_size=16, learning_rate=5e-5, max_length=256, seed=42)
THRESHOLD = 0.5
"""Fixed: the output of a model of balanced pairs for a pair it knows nothing about."""
_FIGURES = ("average_precision", "f1", "accuracy")
ALWAYS = "  always relevant"
PUBLISHED: dict[str, dict[str, float]] = {
    "published card": {"average_precision": 0.5805, "f1": 0.6751, "accuracy": 0.6036},
    ALWAYS: {"average_precision": 0.5006, "f1": 0.6672, "accuracy": 0.5006},
}
_MARK = "learned.sha256"
_WIDTH = 200  # of the page; the table is as wide as its figures


class Split(NamedTuple):
    """Pairs to train on and pairs to measure; `name` is also the name of the model's folder."""

    name: str
    learned: list[TrainingPair]
    held_out: list[TrainingPair]

    def n_claims_on_both_sides(self) -> int:
        """Return the number of claims, by their words, with pairs on both sides."""
        learned, held_out = ({normalize_text(pair.query) for pair in side} for side in (self.learned, self.held_out))
        return len(learned & held_out)


class Measured(NamedTuple):
    """A split's figures: at the best thresholds for its pairs, at THRESHOLD, and of calling all pairs relevant."""

    split: Split
    at_best: PairEvaluation
    at_fixed: Mapping[str, Figure]
    always_relevant: Mapping[str, Figure]


@dataclass(frozen=True)
class TrainingRun:
    """Where to train and measure, whether to resume, and callbacks."""

    device: Device = "auto"
    n_threads: int | None = None
    resume: bool = True
    on_progress: Progress = silent
    on_stage: Callable[[str], None] = lambda _message: None


def pairs_shuffled(pairs: Sequence[TrainingPair], seed: int) -> Split:
    """Return the published split: pairs shuffled and cut 90 to 10."""
    shuffled = list(pairs)
    random.Random(seed).shuffle(shuffled)
    n_learned = 9 * len(shuffled) // 10
    return Split("as-published", shuffled[:n_learned], shuffled[n_learned:])


def claims_held_out(pairs: Sequence[TrainingPair], seed: int) -> Split:
    """Return a split with all pairs of a tenth of the claims held out."""
    held_out = held_out_claims([pair.query for pair in pairs], 0.1, seed)
    return Split("whole-claims", *without_claims(pairs, held_out, claim_of_pair))


def trained(
    pairs: Sequence[TrainingPair], base_dir: Path, model_dir: Path, recipe: RerankerRecipe, run: TrainingRun
) -> Path:
    """Return `model_dir` with a model trained on the pairs, now or by an earlier call.

    Raises InputError if the folder has a model of other pairs, settings or base.
    """
    fingerprint = run_fingerprint([data_file(base_dir, "").sha256, asdict(recipe)], [pairs])
    mark = model_dir / _MARK
    if run.resume and mark.exists():
        if mark.read_text(encoding="utf-8") != fingerprint:
            raise InputError(
                f"{model_dir}: has a model of other pairs, settings or base; "
                f"give another --output, or start over with --no-resume"
            )
        run.on_stage(f"{model_dir}: trained before")
        return model_dir
    mark.unlink(missing_ok=True)
    run.on_stage(f"{model_dir}: training on {len(pairs):,} pairs")
    base, compute = BaseModel(base_dir, base_dir.name), Compute(run.device, run.n_threads)

    def on_progress(phase: str, step: int, n_steps: int | None, note: str = "") -> None:
        run.on_progress(model_dir.name, step, n_steps, note)

    train_reranker(ModelTraining(base, model_dir, recipe, compute, run.resume, on_progress), pairs)
    with write_atomically(mark) as file:
        file.write(fingerprint)
    return model_dir


def measured(split: Split, model_dir: Path, run: TrainingRun) -> Measured:
    """Score a split's held-out pairs as `claimhound evaluate-pairs` does."""
    judged = [JudgedPair(str(n), pair.query, pair.text, pair.label >= 0.5) for n, pair in enumerate(split.held_out)]
    found = evaluate_pairs(
        judged, load_reranker(str(model_dir), Compute(run.device, run.n_threads, notify=run.on_stage))
    )
    relevant = np.array([pair.relevant for pair in judged])
    claims = [normalize_text(pair.query) for pair in judged]
    at_fixed, always_relevant = (
        measure(probabilities, relevant, claims, threshold=THRESHOLD)
        for probabilities in (found.probabilities, np.ones(len(judged)))
    )
    return Measured(split, found, at_fixed, always_relevant)


def run_protocol(
    mined_path: Path,
    output_dir: Path,
    *,
    base_model: str = BASE_ENCODER_NAME,
    recipe: RerankerRecipe = RECIPE,
    pretraining: Sequence[PairSource] = (),
    excluded_claims: Sequence[str] = (),
    run: TrainingRun = TrainingRun(),
) -> list[Measured]:
    """Return both splits' figures; `output_dir/figures.json` holds them too, with settings and data.

    The pairs of `pretraining` are learned first, once for both splits, without those whose claim is measured in either
    of them. `excluded_claims` are neither learned nor measured.
    """
    base = find_base_model(base_model)
    every = balanced(training_pairs(read_mined_claims(mined_path)))
    pairs, excluded = without_claims(every, excluded_claims, claim_of_pair)
    splits = [pairs_shuffled(pairs, recipe.seed), claims_held_out(pairs, recipe.seed)]
    measured_claims = [pair.query for split in splits for pair in split.held_out]
    before = read_training_data(
        pretraining,
        [*excluded_claims, *measured_claims],
        purpose="pretraining",
        seed=recipe.seed,
        notify=run.on_stage,
    )
    base_dir, pretraining_pairs = base.folder, before.all_pairs()
    # The pretraining of data/models/Makefile's reranker.
    pretraining_recipe = replace(recipe, learning_rate=1e-4, batch_size=32, dropout=0.0)
    if pretraining_pairs:
        base_dir = trained(pretraining_pairs, base_dir, output_dir / "pretrained", pretraining_recipe, run)
    found = [
        measured(split, trained(split.learned, base_dir, output_dir / split.name, recipe, run), run) for split in splits
    ]
    record: dict[str, Json] = {
        "published": {name.strip(): {**figures} for name, figures in PUBLISHED.items()},
        "base_model": base.name,
        "recipe": asdict(recipe),
        "pretraining_recipe": asdict(pretraining_recipe) if pretraining_pairs else None,
        "data": [asdict(file) for file in (data_file(mined_path, f"{len(pairs):,} balanced pairs"), *before.files)],
        "n_excluded_pairs": len(excluded),
        "n_pretraining_pairs": len(pretraining_pairs),
        "n_excluded_pretraining_pairs": before.n_excluded,
        "fixed_threshold": THRESHOLD,
        "splits": {item.split.name: _record(item) for item in found},
    }
    with write_atomically(output_dir / "figures.json") as file:
        file.write(json_text(record) + "\n")
    return found


def _record(item: Measured) -> dict[str, Json]:
    return {
        "n_learned_pairs": len(item.split.learned),
        "n_claims_on_both_sides": item.split.n_claims_on_both_sides(),
        "at_best_threshold": as_record(item.at_best),
        "at_fixed_threshold": figures_record(item.at_fixed),
        "always_relevant": figures_record(item.always_relevant),
    }


def table(found: Sequence[Measured]) -> Table:
    """Return the published figures and those of each split, each next to calling every pair relevant."""
    made = Table(
        title="The published model card's protocol: balanced pairs of claim and passage, 95 % intervals over claims",
        caption="Best: at the threshold that is best for the measured pairs, as the card's evaluator takes it, which "
        f"flatters F1 and accuracy.\nAt {short(THRESHOLD)}: at a threshold fixed beforehand.",
        title_justify="left",
        caption_justify="left",
    )
    made.add_column("")
    counts = ("pairs\nlearned", "pairs\nmeasured", "claims\nmeasured", "of these\nlearned too")
    figures = ("average\nprecision", "F1,\nbest", "accuracy,\nbest", "F1,\nat .500", "accuracy,\nat .500")
    for head in (*counts, *figures):
        made.add_column(head, justify="right")
    for (name, values), known in zip(PUBLISHED.items(), (("7,419", "825", "–", "–"), ("",) * 4), strict=True):
        made.add_row(name, *known, *(short(values[figure]) for figure in _FIGURES), "–", "–")
    for split, at_best, at_fixed, always in found:
        made.add_section()
        numbers = (len(split.learned), at_best.n_pairs, at_best.n_claims, split.n_claims_on_both_sides())
        ours = [*(at_best.figures[name] for name in _FIGURES), at_fixed["f1"], at_fixed["accuracy"]]
        made.add_row(split.name, *(f"{n:,}" for n in numbers), *map(_cell, ours))
        made.add_row(ALWAYS, *[""] * 4, *(_cell(always[name]) for name in (*_FIGURES, "f1", "accuracy")))
    return made


def _cell(figure: Figure) -> str:
    if np.isnan(figure.low):
        return short(figure.value)
    return f"{short(figure.value)}\n[{short(figure.low)}, {short(figure.high)}]"


@click.command(help=__doc__)
@click.argument("mined", type=click.Path(path_type=Path))
@path_option("--output", "output_dir", "DIR", "Folder for the models and figures.json.", required=True)
# Not the bundled encoder, which has learned the train claims.
@click.option("--base-model", default=BASE_ENCODER_NAME, show_default=True, metavar="MODEL", help="Starting model.")
@pretrain_option
@exclude_option
@no_resume_option
@click.option("--dropout", default=RECIPE.dropout, show_default=True, metavar="N", help="Of --pretrain it is 0.")
@click.option("--freeze-embeddings", is_flag=True, help="Keep the base model's word vectors unchanged.")
@seed_option("Of every draw.", default=RECIPE.seed)
@training_compute_options
def main(
    mined: Path,
    output_dir: Path,
    base_model: str,
    pretrain: tuple[str, ...],
    exclude_claims: tuple[str, ...],
    no_resume: bool,
    compute: Compute,
    **settings: Any,
) -> None:
    with progress_display("steps", say) as advance:
        try:
            found = run_protocol(
                mined,
                output_dir,
                base_model=base_model,
                recipe=replace(RECIPE, **settings),
                pretraining=list(map(PairSource.parse, pretrain)),
                excluded_claims=texts_of_claims(exclude_claims),
                run=TrainingRun(compute.device, compute.n_threads, not no_resume, advance, say),
            )
        except ClaimhoundError as error:
            sys.exit(str(error))
    Console(width=_WIDTH).print(table(found))


if __name__ == "__main__":
    main()
