"""From labelled sets to a stance model ready to serve: read, split, train, fit the temperature, write the card."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.labelled_sets.stance_sources import StanceSource, read_stance_source
from claimhound.data.labelled_sets.stances import STANCES, StancePair, StanceSet
from claimhound.data.records import Query
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.evaluation.stance import SetEvaluation, label_counts, measure_set
from claimhound.pipeline.models.cross_encoders import CrossEncoderModel, StanceScores, load_stance
from claimhound.pipeline.models.temperature import Floats, fit_temperature, log_loss, save_temperature, softmax
from claimhound.pipeline.serving.compute import Compute, Device
from claimhound.pipeline.training.model_card import CARD_FILE, DataFile, Provenance, code_version, data_file
from claimhound.pipeline.training.negatives.mining import split_by_claim
from claimhound.pipeline.training.stance.card import render_stance_card
from claimhound.pipeline.training.stance.recipe import StanceRecipe
from claimhound.pipeline.training.stance.training import StanceTrainingReport, load_base_model, train_stance
from claimhound.pipeline.training.watched_trainer import Progress

_PAIRS_AT_A_TIME = 512


@dataclass(frozen=True)
class TemperatureFit:
    """The temperature, and the mean log loss of the held-out pairs without it and with it."""

    temperature: float
    loss_before: float
    loss_after: float


@dataclass(frozen=True)
class BuiltStance:
    """What came of it; `held_out` measures each set's held-out claims, which fitted the temperature alone."""

    training: StanceTrainingReport
    held_out: tuple[SetEvaluation, ...]
    fit: TemperatureFit
    n_excluded: int


@dataclass(frozen=True)
class _Data:
    sets: tuple[StanceSet, ...]
    files: tuple[DataFile, ...]
    n_excluded: int


def build_stance(
    sources: Sequence[StanceSource],
    *,
    base_model: str | Path,
    output_dir: Path,
    recipe: StanceRecipe,
    base_name: str | None = None,
    excluded_claims: Iterable[str] = (),
    device: Device = "auto",
    n_threads: int | None = None,
    resume: bool = True,
    on_progress: Progress | None = None,
    on_stage: Callable[[str], None] = lambda _message: None,
) -> BuiltStance:
    """Train a stance model on the sets and write its folder: weights, tokenizer, temperature and card.

    Pairs whose claim is, by its words, among `excluded_claims` are left out and counted: those are the claims to
    measure on. Claims are whole on one side of the split. `base_name` is what the card calls the base model. Goes on
    from the last checkpoint in `output_dir` when it was cut off. Raises InputError for a file whose name says that it
    is to measure on and for data that gives nothing to learn from, and ModelError for a base model that cannot be
    trained.
    """
    for source in sources:
        source.require_trainable()
    # Found in a second what would fail after the reading.
    if (notice := load_base_model(str(base_model), recipe, "cpu").notice) is not None:
        on_stage(notice)
    data = _read(sources, excluded_claims, recipe.seed, on_stage)
    learned, held_out = _split(data.sets, recipe)

    on_stage(f"training on {sum(len(one.pairs) for one in learned):,} pairs")
    report = train_stance(
        [pair for one in learned for pair in one.pairs],
        base_model=base_model,
        output_dir=output_dir,
        recipe=recipe,
        device=device,
        n_threads=n_threads,
        resume=resume,
        on_progress=on_progress,
    )
    on_stage("fitting the temperature on held-out claims")
    model = load_stance(str(output_dir), Compute(device, n_threads))
    measured, fit = _fit(model, held_out, recipe.seed, on_progress)
    save_temperature(fit.temperature, output_dir)
    provenance = Provenance(base_name or Path(base_model).name, code_version(), data_files=data.files)
    card = render_stance_card(
        provenance, recipe, report, measured, fit.temperature, (fit.loss_before, fit.loss_after), data.n_excluded
    )
    with write_atomically(output_dir / CARD_FILE) as file:
        file.write(card)
    return BuiltStance(report, measured, fit, data.n_excluded)


def _read(
    sources: Sequence[StanceSource], excluded_claims: Iterable[str], seed: int, on_stage: Callable[[str], None]
) -> _Data:
    excluded = {normalize_text(claim) for claim in excluded_claims}
    sets: list[StanceSet] = []
    files: list[DataFile] = []
    n_excluded = 0
    for source in sources:
        on_stage(f"reading {source.kind} {source.path}")
        found = read_stance_source(source, "train", seed=seed)
        kept = [pair for pair in found.pairs if normalize_text(pair.claim) not in excluded]
        n_left_out = len(found.pairs) - len(kept)
        n_excluded += n_left_out
        sets.append(replace(found, pairs=kept))
        counts = ", ".join(f"{n:,} {stance}" for stance, n in label_counts(sets[-1]).items())
        drawn = "" if source.limit is None else f" of {source.limit:,} claims drawn by seed"
        left_out = f"; {n_left_out:,} left out" if n_left_out else ""
        files.append(data_file(source.path, f"{found.name}: {len(kept):,} pairs{drawn} ({counts}){left_out}"))
        on_stage(files[-1].gave)
    return _Data(tuple(sets), tuple(files), n_excluded)


def _split(sets: Sequence[StanceSet], recipe: StanceRecipe) -> tuple[list[StanceSet], list[StanceSet]]:
    """Return the sets to learn and those held out; a claim that several sets have is on the same side in all."""
    claims = {normalize_text(pair.claim): pair.claim for one in sets for pair in one.pairs}
    queries = [Query(words, claim) for words, claim in claims.items()]
    held_out = {query.query_id for query in split_by_claim(queries, recipe.validation_share, recipe.seed)[1]}

    def side(one: StanceSet, *, is_held_out: bool) -> list[StancePair]:
        return [pair for pair in one.pairs if (normalize_text(pair.claim) in held_out) == is_held_out]

    learned = [replace(one, pairs=side(one, is_held_out=False)) for one in sets]
    rest = [replace(one, pairs=side(one, is_held_out=True)) for one in sets]
    return learned, [one for one in rest if one.pairs]


def _fit(
    model: CrossEncoderModel, sets: Sequence[StanceSet], seed: int, on_progress: Progress | None
) -> tuple[tuple[SetEvaluation, ...], TemperatureFit]:
    pairs = [pair for one in sets for pair in one.pairs]
    logits: list[Floats] = []
    cut: list[np.ndarray] = []
    for start in range(0, len(pairs), _PAIRS_AT_A_TIME):
        chunk = pairs[start : start + _PAIRS_AT_A_TIME]
        for values, found in zip((logits, cut), model.stance_logits([(p.claim, p.text) for p in chunk]), strict=True):
            values.append(found)
        if on_progress is not None:
            on_progress("measuring", start + len(chunk), len(pairs), float("nan"))
    all_logits, all_cut = np.concatenate(logits), np.concatenate(cut)
    labels = np.array([STANCES.index(pair.stance) for pair in pairs], dtype=np.int64)
    temperature = fit_temperature(all_logits, labels)
    probabilities = softmax(all_logits, temperature)
    measured: list[SetEvaluation] = []
    start = 0
    for one in sets:
        rows = slice(start, start + len(one.pairs))
        measured.append(measure_set(one, StanceScores(probabilities[rows], all_cut[rows]), seed=seed))
        start = rows.stop
    losses = log_loss(all_logits, labels), log_loss(all_logits, labels, temperature)
    return tuple(measured), TemperatureFit(temperature, *losses)
