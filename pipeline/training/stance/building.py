"""From labelled sets to a stance model ready to serve: read, split, train, fit the temperature, write the card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from claimhound.data.labelled_sets.splits import held_out_with_groups, without_claims
from claimhound.data.labelled_sets.stance_sources import StanceSource
from claimhound.data.labelled_sets.stances import StanceSet
from claimhound.pipeline.evaluation.stance import SetEvaluation
from claimhound.pipeline.models.cross_encoders import load_stance
from claimhound.pipeline.models.summary_rule import SUMMARY_FILE
from claimhound.pipeline.models.temperature import save_temperature
from claimhound.pipeline.training.model_card import write_card
from claimhound.pipeline.training.stance.data import claim_of, read_stance_data
from claimhound.pipeline.training.stance.held_out import TemperatureFit, fit_on_held_out
from claimhound.pipeline.training.stance.recipe import StanceRecipe
from claimhound.pipeline.training.stance.training import StanceTrainingReport, load_base_model, train_stance
from claimhound.pipeline.training.training_run import TrainingRun


@dataclass(frozen=True)
class BuiltStance:
    """The outcome; `held_out` measures each set's held-out claims, which were used to fit the temperature only."""

    training: StanceTrainingReport
    held_out: tuple[SetEvaluation, ...]
    fit: TemperatureFit
    n_excluded: int


def build_stance(
    run: TrainingRun[StanceRecipe], sources: Sequence[StanceSource], *, excluded_claims: Iterable[str] = ()
) -> BuiltStance:
    """Train a stance model on the sets and write its folder: weights, tokenizer, temperature and card.

    Pairs whose claim is among `excluded_claims`, compared as normalised text, are left out and counted: those are the
    claims to measure on. Raises InputError for a file whose name marks it as one to measure on and for data with
    nothing to learn from, and ModelError for a base model that cannot be trained.
    """
    # A model that cannot be trained fails here, before the reading.
    if (notice := load_base_model(str(run.base.folder), run.recipe, "cpu").notice) is not None:
        run.notify(notice)
    data = read_stance_data(sources, excluded_claims, seed=run.recipe.seed, notify=run.notify)
    learned, held_out = _split(data.sets, run.recipe)
    pairs = [pair for one in learned for pair in one.pairs]
    run.notify(f"training on {len(pairs):,} pairs")
    report = train_stance(run, pairs)
    (run.output_dir / SUMMARY_FILE).unlink(missing_ok=True)  # of an earlier model in this folder
    run.notify("fitting the temperature on held-out claims")
    model = load_stance(str(run.output_dir), run.compute)
    measured, fit = fit_on_held_out(model, held_out, run.recipe.seed, run.on_progress)
    save_temperature(fit.temperature, run.output_dir)
    built = BuiltStance(report, measured, fit, data.n_excluded)
    write_card("stance", run, built, data.files)
    return built


def _split(sets: Sequence[StanceSet], recipe: StanceRecipe) -> tuple[list[StanceSet], list[StanceSet]]:
    """Return the sets to learn and those held out; a claim or a group is on the same side in all of them."""
    members = [(pair.claim, pair.group) for one in sets for pair in one.pairs]
    claims = held_out_with_groups(members, recipe.validation_share, recipe.seed)
    sides = [(one, *without_claims(one.pairs, claims, claim_of)) for one in sets]
    learned = [replace(one, pairs=kept) for one, kept, _ in sides]
    return learned, [replace(one, pairs=held_out) for one, _, held_out in sides if held_out]
