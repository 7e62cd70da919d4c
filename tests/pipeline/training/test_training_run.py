"""A training run of any kind of model: resuming, refusing and saving."""

from __future__ import annotations

import resource
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tiny_training import Steps, interrupt_at, run_of, save_weights, weights

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.stances import StancePair
from claimhound.data.labelled_sets.taught_pairs import TaughtPair
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.pipeline.training.checkpoints import run_fingerprint
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.encoder.training import train_encoder
from claimhound.pipeline.training.recipe import PRETRAINING, TRAINING, Phase
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.reranker.training import train_reranker
from claimhound.pipeline.training.stance.recipe import StanceRecipe
from claimhound.pipeline.training.stance.training import train_stance
from claimhound.pipeline.training.two_heads.recipe import TwoHeadRecipe
from claimhound.pipeline.training.two_heads.training import train_two_heads

pytestmark = pytest.mark.usefixtures("one_thread")

TEXTS = (("SUPPORTS", "the ocean rises", 1.0), ("REFUTES", "no autism", 0.0), ("NOT_ENOUGH_INFO", "a moon", 0.0))
PAIRS = [
    TrainingPair(f"c{number}", f"sea level rises {number} metres", f"{text} {number}", label)
    for number in range(8)
    for _, text, label in TEXTS
]
STANCE_PAIRS = [
    StancePair(pair.query_id, pair.query, pair.text, TEXTS[number % 3][0]) for number, pair in enumerate(PAIRS)
]
TWO_HEAD_PAIRS = [
    TaughtPair(pair.query, pair.text, pair.label, teacher=(1.0, float(number % 3), 1.0, 0.5))
    if number % 2
    else TaughtPair(pair.query, pair.text, stance=TEXTS[number % 3][0])
    for number, pair in enumerate(PAIRS)
]
COMMON = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "checkpoint_steps": 2, "precision": "fp32"}
RECIPE = RerankerRecipe(**COMMON, max_length=32)
KINDS = {
    "encoder": (EncoderRecipe(**{**COMMON, "batch_size": 4, "epochs": 3}, n_negatives=1, max_length=32), PAIRS),
    "reranker": (RECIPE, PAIRS),
    "stance": (StanceRecipe(**COMMON, max_length=32), STANCE_PAIRS),
    "two heads": (TwoHeadRecipe(**COMMON, max_length=32, training_length=16), TWO_HEAD_PAIRS),
}


def train(kind, base, output_dir, *, rows=None, recipe=None, **options):
    own_recipe, own_rows = KINDS[kind]
    run = run_of(base, output_dir, recipe or own_recipe, **options)
    rows = own_rows if rows is None else rows
    if kind == "encoder":
        return train_encoder(run, [rows])
    if kind == "two heads":
        return train_two_heads(run, rows)
    return train_reranker(run, rows) if kind == "reranker" else train_stance(run, rows)


@pytest.fixture(scope="module")
def uninterrupted(tiny_model_dir, tmp_path_factory):
    """Return the weights of a kind's uninterrupted run, trained once."""
    found = {}

    def weights_of(kind):
        if kind not in found:
            output_dir = tmp_path_factory.mktemp("uninterrupted") / "m"
            steps = Steps()
            report = train(kind, tiny_model_dir, output_dir, on_progress=steps)
            assert report.resumed_from_step is None
            assert [(phase, done, total) for phase, done, total, _ in steps] == [
                (TRAINING, step, 6) for step in range(1, 7)
            ]
            assert not (output_dir / "checkpoints").exists()
            found[kind] = weights(output_dir)
        return found[kind]

    return weights_of


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_run_resumes_and_ends_with_the_same_weights(kind, uninterrupted, tiny_model_dir, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(kind, tiny_model_dir, tmp_path / "m", on_progress=interrupt_at(TRAINING, 4))
    with pytest.raises(InputError, match="checkpoints of another run"):
        train(kind, tiny_model_dir, tmp_path / "m", rows=KINDS[kind][1][:-3])
    steps = Steps()
    report = train(kind, tiny_model_dir, tmp_path / "m", on_progress=steps)
    assert report.resumed_from_step == 2
    assert [(done, total) for _, done, total, _ in steps] == [(3, 6), (4, 6), (5, 6), (6, 6)]
    expected = uninterrupted(kind)
    for name, array in weights(tmp_path / "m").items():
        assert array.dtype == np.dtype("float16")
        np.testing.assert_array_equal(array, expected[name])


def test_a_finished_phase_is_not_repeated(tiny_model_dir, tmp_path):
    run = run_of(tiny_model_dir, tmp_path / "m", replace(RECIPE, epochs=1, pretraining_batch_size=8))
    with pytest.raises(KeyboardInterrupt):
        train_reranker(replace(run, on_progress=interrupt_at(TRAINING, 1)), PAIRS, pretraining_pairs=PAIRS[:12])
    steps = Steps()
    report = train_reranker(replace(run, on_progress=steps), PAIRS, pretraining_pairs=PAIRS[:12])
    assert {phase for phase, *_ in steps} == {TRAINING}
    assert set(report.losses) == {PRETRAINING, TRAINING}


def test_another_run_s_checkpoints_are_discarded_on_request(tiny_model_dir, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train("reranker", tiny_model_dir, tmp_path / "m", on_progress=interrupt_at(TRAINING, 1))
    report = train("reranker", tiny_model_dir, tmp_path / "m", rows=PAIRS[:6], resume=False)
    assert report.n_pairs == 6


def test_the_fingerprint_of_a_run_is_stable():
    """Settings in another order and the same data have the same fingerprint as ever."""
    settings = [["base", {"epochs": 1, "seed": 42}], ["base", {"seed": 42, "epochs": 1}]]
    found = {run_fingerprint(each, [[], [TrainingPair("c", "q", "t", 1.0)]]) for each in settings}
    assert found == {"28c5e894bc0279277deb77596e32f9315332a1d18afe8b76aa512841f9a4cf2c"}


def test_a_loss_that_is_not_a_number_stops_training_before_the_first_step(tiny_model_dir, tmp_path):
    base = shutil.copytree(tiny_model_dir, tmp_path / "base")
    spoiled = weights(base)
    spoiled["embeddings.LayerNorm.weight"] = np.full_like(spoiled["embeddings.LayerNorm.weight"], np.nan)
    save_weights(spoiled, base)
    with pytest.raises(ModelError, match="the loss of training step 1 is nan"):
        train("reranker", base, tmp_path / "m")


def test_a_loss_that_becomes_infinite_stops_training_and_keeps_the_checkpoint(tiny_model_dir, tmp_path):
    hot = replace(RECIPE, learning_rate=1e30, checkpoint_steps=1, warmup_share=0.5)
    with pytest.raises(ModelError, match=r"the loss of training step \d is (nan|inf).* below 1e\+30"):
        train("reranker", tiny_model_dir, tmp_path / "m", recipe=hot)
    assert list((tmp_path / "m" / "checkpoints" / TRAINING).glob("checkpoint-*"))


def test_a_full_disk_is_reported_and_the_run_resumes_from_the_checkpoint_before(
    uninterrupted, tiny_model_dir, tmp_path
):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(_phase, step, _n_steps, _note=""):
        if step == 4:  # after the checkpoint of step 2: from now on no file may grow beyond 10 kB
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))

    try:
        with pytest.raises(InputError, match=r"cannot be written .* run the same command again"):
            train("reranker", tiny_model_dir, tmp_path / "m", on_progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert train("reranker", tiny_model_dir, tmp_path / "m").resumed_from_step == 2
    expected = uninterrupted("reranker")
    for name, array in weights(tmp_path / "m").items():
        np.testing.assert_array_equal(array, expected[name])


def test_pretraining_has_its_own_settings_where_a_recipe_names_them():
    recipe = RerankerRecipe(epochs=3, dropout=0.2, pretraining_dropout=0.0, pretraining_steps=7)
    assert recipe.phase(TRAINING) == Phase(TRAINING, 3, 16, 5e-5, 0.2)
    assert recipe.phase(PRETRAINING) == Phase(PRETRAINING, 1, 32, 1e-4, 0.0, stop_after=7)
    # An encoder's pretraining takes the dropout and the batch size of its training.
    assert EncoderRecipe(dropout=0.2).phase(PRETRAINING) == Phase(PRETRAINING, 1, 64, 2e-5, 0.2)


@pytest.mark.parametrize("recipe", [EncoderRecipe, RerankerRecipe, StanceRecipe])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"checkpoint_steps": 0}, "checkpoint_steps must be at least 1"),
        ({"dropout": 1}, r"dropout must lie in \[0, 1\), not 1"),
        ({"validation_share": 1}, r"validation_share must lie in \[0, 1\), not 1"),
        ({"learning_rate": 0}, "learning_rate must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0"),
        ({"precision": "int3"}, "precision must be auto, bf16, fp16 or fp32, not 'int3'"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(recipe, settings, message):
    with pytest.raises(InputError, match=message):
        recipe(**settings)
