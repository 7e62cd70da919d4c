"""From files of pairs to an encoder folder: which claims are learned, held out, left out and refused."""

from __future__ import annotations

import hashlib
import json

import pytest

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.mined_claims import MinedClaim, MinedPassage, write_mined_claims
from claimhound.data.labelled_sets.pair_sources import PairSource
from claimhound.pipeline.training.encoder.building import build_encoder
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe

pytestmark = pytest.mark.usefixtures("one_thread")

SUBJECTS = ("ice", "ocean", "volcano", "vaccine", "moon", "rocket", "coal", "bank", "empire", "virus")
MINED = [
    MinedClaim(
        f"c{number}",
        f"The {subject} rises.",
        (MinedPassage(f"d{number}-0", f"{subject} data"), MinedPassage(f"d{number}-1", f"{subject} science")),
        (MinedPassage(f"d{number}-2", f"{subject} and sun", 4),),
    )
    for number, subject in enumerate(SUBJECTS)
]
RECIPE = EncoderRecipe(
    epochs=1, batch_size=4, mini_batch_size=4, n_negatives=1, validation_share=0.2, precision="fp32", max_length=32
)


@pytest.fixture
def mined(tmp_path):
    path = tmp_path / "mined.jsonl"
    write_mined_claims(MINED, path)
    return PairSource("mined", path)


@pytest.fixture
def pairs(tmp_path):
    """Ten claims with a passage each, the first one being a claim of MINED in other letters."""
    path = tmp_path / "general.jsonl"
    claims = ["THE ICE RISES", *(f"a people of {number} years" for number in range(9))]
    path.write_text("\n".join(json.dumps({"claim": claim, "text": f"{claim} and war", "label": 1}) for claim in claims))
    return PairSource("pairs", path)


@pytest.fixture
def build(tiny_model_dir, tmp_path):
    def run(data, **options):
        return build_encoder(
            data, **({"base_model": tiny_model_dir, "output_dir": tmp_path / "model", "recipe": RECIPE} | options)
        )

    return run


def test_a_share_of_the_claims_is_held_out_whole_and_is_not_pretrained_either(build, mined, pairs):
    for seed in range(20):  # a seed that holds out the claim which stands in both files
        built = build([mined], pretraining=[pairs], recipe=EncoderRecipe(**(RECIPE.__dict__ | {"seed": seed})))
        report = built.training
        assert (report.n_entries, report.n_validation_claims, report.n_validation_passages) == (16, 2, 6)
        assert report.n_pretraining_entries == 10 - built.n_excluded_pairs
        if built.n_excluded_pairs:
            break
    assert built.n_excluded_pairs == 1


def test_the_card_names_data_with_hashes_settings_metrics_and_limits(build, mined, pairs, tmp_path):
    build([mined], pretraining=[pairs])
    card = (tmp_path / "model" / "README.md").read_text()
    for source in (mined, pairs):
        assert f"{source.path.name} | `{hashlib.sha256(source.path.read_bytes()).hexdigest()}`" in card
    for wanted in (
        "mined: 30 training pairs",
        "10 pretraining pairs",
        "| temperature | 0.05 |",
        "recall@100",
        "## Limits",
    ):
        assert wanted in card
    assert "base model: tiny-bert" in card
    assert str(tmp_path) not in card


def test_claims_of_one_s_own_choice_are_validated_on(build, mined, pairs):
    report = build([mined], validation=[pairs], excluded_claims=["the ice rises"]).training
    assert (report.n_entries, report.n_validation_claims) == (18, 9)


def test_a_claim_on_both_sides_of_the_split_is_refused_by_name(build, mined, pairs, tmp_path):
    with pytest.raises(InputError, match="on both sides of the split: 'THE ICE RISES'; leave it out"):
        build([mined], validation=[pairs])
    assert not (tmp_path / "model").exists()


def test_claims_to_be_measured_on_are_left_out_or_refused_by_name(build, mined):
    claims = ["“the ICE rises”", "the coal rises", "something else"]
    with pytest.raises(InputError, match=r"to be measured on: 'The ice rises\.' and 1 more; leave it out with"):
        build([mined], evaluation_claims=claims)
    built = build([mined], evaluation_claims=claims, excluded_claims=claims)
    assert built.n_excluded_pairs == 6
    assert built.training.n_entries == 2 * (8 - 2)


def test_without_validation_nothing_is_measured(build, mined, tmp_path):
    report = build([mined], recipe=EncoderRecipe(**(RECIPE.__dict__ | {"validation_share": 0.0}))).training
    assert (report.n_validation_claims, report.metrics) == (0, {})
    assert "No claims were held out." in (tmp_path / "model" / "README.md").read_text()


def test_a_base_model_that_cannot_be_trained_is_refused_before_anything_is_read(build, tmp_path):
    (tmp_path / "base").mkdir()
    with pytest.raises(ModelError, match=r"config\.json"):
        build([PairSource("pairs", tmp_path / "missing")], base_model=tmp_path / "base")


def test_no_data_is_an_error(build):
    with pytest.raises(InputError, match="no data to train on"):
        build([])
