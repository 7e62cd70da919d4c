"""From files of pairs to an encoder ready to build an index with: read, split, train, write the card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.splits import held_out_claims, without_claims
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.encoder.training import EncoderTrainingReport, load_base_encoder, train_encoder
from claimhound.pipeline.training.model_card import write_card
from claimhound.pipeline.training.training_data import (
    PairSources,
    TrainingData,
    claim_of_pair,
    read_training_data,
    refuse_shared_claims,
)
from claimhound.pipeline.training.training_run import TrainingRun


@dataclass(frozen=True)
class BuiltEncoder:
    """The outcome; `n_excluded_pairs` were left out because their claim is measured on or held out."""

    training: EncoderTrainingReport
    n_excluded_pairs: int


def build_encoder(
    run: TrainingRun[EncoderRecipe], sources: PairSources, *, evaluation_claims: Sequence[str] = ()
) -> BuiltEncoder:
    """Train an encoder on pairs and write its folder: weights, tokenizer and card.

    The claims to validate on are those of `sources.validation`, or else a share of the training claims, compared as
    normalised text; pretraining pairs with a claim of that share are left out. Pairs whose claim is among
    `sources.excluded_claims` are left out and counted.

    Raises InputError for data with nothing to learn from, a validation claim that is also learned, and data that
    contain a claim of `evaluation_claims`; ModelError for a base model that cannot be trained.
    """
    if not sources.training:
        raise InputError("no data to train on; name a source of pairs")
    load_base_encoder(str(run.base.folder), "cpu")  # a model that cannot be trained fails before the reading
    main, before, held_out = (
        read_training_data(
            given,
            sources.excluded_claims,
            purpose=purpose,
            n_negatives=max(1, run.recipe.n_negatives),
            seed=run.recipe.seed,
            notify=run.notify,
        )
        for given, purpose in (
            (sources.training, "training"),
            (sources.pretraining, "pretraining"),
            (sources.validation, "validation"),
        )
    )
    files = [*main.files, *before.files, *held_out.files]
    refuse_shared_claims(
        [*_claims(main), *_claims(before), *_claims(held_out)],
        evaluation_claims,
        "the data contain a claim to be measured on",
        "leave it out with --exclude-claims",
    )
    n_excluded = main.n_excluded + held_out.n_excluded
    learned, validation_pairs = main.pairs, held_out.all_pairs()
    if sources.validation:
        refuse_shared_claims(
            _claims(held_out),
            [*_claims(main), *_claims(before)],
            "a claim is on both sides of the split",
            "leave it out of one of the files, or out of both with --exclude-claims",
        )
    else:
        claims = held_out_claims(_claims(main), run.recipe.validation_share, run.recipe.seed)
        sides = [without_claims(pairs, claims, claim_of_pair) for pairs in main.pairs]
        learned = tuple(tuple(kept) for kept, _ in sides)
        validation_pairs = [pair for _, held in sides for pair in held]
        before = before.without(claims)
    n_learned = sum(map(len, (*before.pairs, *learned)))
    run.notify(f"training on {n_learned:,} pairs, validating on {len(validation_pairs):,}")
    report = train_encoder(run, learned, pretraining=before.pairs, validation_pairs=validation_pairs)
    built = BuiltEncoder(report, n_excluded + before.n_excluded)
    write_card("encoder", run, built, files)
    return built


def _claims(data: TrainingData) -> list[str]:
    return [pair.query for pairs in data.pairs for pair in pairs]
