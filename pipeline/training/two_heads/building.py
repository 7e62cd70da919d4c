"""From labelled sets, judged pairs and a teacher's logits to a cross-encoder with two heads, ready to serve."""

from __future__ import annotations

from dataclasses import dataclass

from claimhound.data.labelled_sets.splits import held_out_with_groups, without_claims
from claimhound.pipeline.evaluation.stance import SetEvaluation
from claimhound.pipeline.models.blending import BLEND_FILE
from claimhound.pipeline.models.cross_encoders import load_stance
from claimhound.pipeline.models.summary_rule import SUMMARY_FILE
from claimhound.pipeline.models.temperature import save_temperature
from claimhound.pipeline.training.model_card import write_card
from claimhound.pipeline.training.stance.held_out import TemperatureFit
from claimhound.pipeline.training.training_run import TrainingRun
from claimhound.pipeline.training.two_heads.data import TwoHeadSources, read_two_head_data, refuse_single_labels
from claimhound.pipeline.training.two_heads.held_out import RelevanceMeasure, measure_held_out
from claimhound.pipeline.training.two_heads.recipe import TwoHeadRecipe
from claimhound.pipeline.training.two_heads.training import TwoHeadTrainingReport, load_base_model, train_two_heads


@dataclass(frozen=True)
class BuiltTwoHeads:
    """The outcome. The held-out claims were used to measure and to fit the temperature only."""

    training: TwoHeadTrainingReport
    held_out: tuple[SetEvaluation, ...]
    relevance: tuple[RelevanceMeasure, ...]
    fit: TemperatureFit | None
    n_excluded: int


def build_two_heads(run: TrainingRun[TwoHeadRecipe], sources: TwoHeadSources) -> BuiltTwoHeads:
    """Train a cross-encoder with two heads and write its folder: weights, tokenizer, temperature and card.

    Pairs whose claim is among the excluded ones, compared as normalised text, are left out and counted. A share of the
    claims of all sources is held out; claims of one group lie on one side. The folder has no blend: `claimhound
    calibrate` fits one to judged claims of an index.

    Raises InputError for a set that cannot be learned from (its name marks it as one to measure on, its claims are all
    excluded, its pairs all have one label) and where all sets together say too little, and ModelError for a base model
    that cannot be trained.
    """
    recipe = run.recipe
    # A model that cannot be trained fails here, before the reading.
    if (notice := load_base_model(str(run.base.folder), recipe, "cpu").notice) is not None:
        run.notify(notice)
    data = read_two_head_data(sources, seed=recipe.seed, notify=run.notify)
    refuse_single_labels(data.sets)
    pairs = data.all_pairs()
    members = [(pair.claim, pair.group) for pair in pairs]
    kept_out = held_out_with_groups(members, recipe.validation_share, recipe.seed)
    learned, _ = without_claims(pairs, kept_out, lambda pair: pair.claim)
    run.notify(f"training on {len(learned):,} pairs")
    report = train_two_heads(run, learned)
    for of_an_earlier_model in (BLEND_FILE, SUMMARY_FILE):
        (run.output_dir / of_an_earlier_model).unlink(missing_ok=True)
    run.notify("measuring held-out claims")
    model = load_stance(str(run.output_dir), run.compute)
    measures = measure_held_out(model, data.sets, kept_out, seed=recipe.seed, on_progress=run.on_progress)
    save_temperature(1.0 if measures.fit is None else measures.fit.temperature, run.output_dir)
    built = BuiltTwoHeads(report, measures.stance, measures.relevance, measures.fit, data.n_excluded)
    write_card("two heads", run, built, data.files)
    return built
