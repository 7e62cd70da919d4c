"""From files of pairs to an encoder folder ready to index with: read, split, train, write the card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.pair_sources import PairSource
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.records import Query
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.serving.compute import Device
from claimhound.pipeline.training.encoder.card import render_encoder_card
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.encoder.training import EncoderTrainingReport, load_base_encoder, train_encoder
from claimhound.pipeline.training.model_card import CARD_FILE, Provenance, code_version
from claimhound.pipeline.training.negatives.mining import split_by_claim, without_claims
from claimhound.pipeline.training.training_data import read_training_data, refuse_shared_claims
from claimhound.pipeline.training.watched_trainer import Progress


@dataclass(frozen=True)
class BuiltEncoder:
    """What came of it; `n_excluded_pairs` were left out because their claim is to be measured on or held out."""

    training: EncoderTrainingReport
    n_excluded_pairs: int


def build_encoder(
    data: Sequence[PairSource],
    *,
    base_model: str | Path,
    output_dir: Path,
    recipe: EncoderRecipe,
    base_name: str | None = None,
    pretraining: Sequence[PairSource] = (),
    validation: Sequence[PairSource] = (),
    excluded_claims: Sequence[str] = (),
    evaluation_claims: Sequence[str] = (),
    device: Device = "auto",
    n_threads: int | None = None,
    resume: bool = True,
    on_progress: Progress | None = None,
    on_stage: Callable[[str], None] = lambda _message: None,
) -> BuiltEncoder:
    """Train an encoder on pairs and write its folder: weights, tokenizer and card.

    The claims to validate on are those of `validation`, or else a share of the claims of `data`, whole claims by their
    text; pairs of `pretraining` with a claim of that share are left out. Pairs whose claim is among `excluded_claims`
    are left out and counted. `base_name` is what the card calls the base model. Goes on from the last checkpoint in
    `output_dir` when it was cut off.

    Raises InputError for data that gives nothing to learn from, a claim of `validation` that is learned too, and a
    claim of `evaluation_claims` in any of the data; ModelError for a base model that cannot be trained.
    """
    if not data:
        raise InputError("no data to train on; name a source of pairs")
    load_base_encoder(str(base_model), "cpu")
    main, before, held_out = (
        read_training_data(
            given,
            excluded_claims,
            purpose=purpose,
            n_negatives=max(1, recipe.n_negatives),
            seed=recipe.seed,
            on_stage=on_stage,
        )
        for given, purpose in ((data, "training"), (pretraining, "pretraining"), (validation, "validation"))
    )
    every = [pair.query for part in (main, before, held_out) for pairs in part.pairs for pair in pairs]
    refuse_shared_claims(
        every, evaluation_claims, "the data hold a claim to be measured on", "leave it out with --exclude-claims"
    )
    n_excluded = main.n_excluded + before.n_excluded + held_out.n_excluded
    if validation:
        refuse_shared_claims(
            [pair.query for pair in held_out.all_pairs()],
            [pair.query for part in (main, before) for pair in part.all_pairs()],
            "a claim is on both sides of the split",
            "leave it out of one of the files, or out of both with --exclude-claims",
        )
        sources, first, validation_pairs = main.pairs, before.pairs, held_out.all_pairs()
    else:
        sources, validation_pairs = _split(main.pairs, recipe)
        texts = [pair.query for pair in validation_pairs]
        kept = [without_claims(pairs, texts) for pairs in before.pairs]
        first = tuple(tuple(pairs) for pairs, _ in kept)
        n_excluded += sum(n_left_out for _, n_left_out in kept)
    on_stage(f"training on {_n(first) + _n(sources):,} pairs, validating on {len(validation_pairs):,}")
    report = train_encoder(
        sources,
        base_model=base_model,
        output_dir=output_dir,
        recipe=recipe,
        pretraining=first,
        validation_pairs=validation_pairs,
        device=device,
        n_threads=n_threads,
        resume=resume,
        on_progress=on_progress,
    )
    provenance = Provenance(
        base_model=base_name or Path(base_model).name,
        code_version=code_version(),
        data_files=(*main.files, *before.files, *held_out.files),
    )
    with write_atomically(output_dir / CARD_FILE) as file:
        file.write(render_encoder_card(provenance, recipe, report))
    return BuiltEncoder(report, n_excluded)


def _split(
    sources: Sequence[Sequence[TrainingPair]], recipe: EncoderRecipe
) -> tuple[tuple[tuple[TrainingPair, ...], ...], list[TrainingPair]]:
    """Return the sources without the claims that are held out, and the pairs of those."""
    claims = {normalize_text(pair.query): pair.query for pairs in sources for pair in pairs}
    queries = [Query(key, text) for key, text in claims.items()]
    held_out = {query.query_id for query in split_by_claim(queries, recipe.validation_share, recipe.seed)[1]}
    learned = tuple(tuple(pair for pair in pairs if normalize_text(pair.query) not in held_out) for pairs in sources)
    return learned, [pair for pairs in sources for pair in pairs if normalize_text(pair.query) in held_out]


def _n(sources: Sequence[Sequence[TrainingPair]]) -> int:
    return sum(map(len, sources))
