"""From files of pairs to an encoder: which claims are learned, held out, left out and refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from tiny_training import run_of

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.mined_claims import MinedClaim, MinedPassage, write_mined_claims
from claimhound.data.labelled_sets.pair_sources import PairSource
from claimhound.data.labelled_sets.splits import held_out_claims
from claimhound.pipeline.training.encoder.building import build_encoder
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.training_data import PairSources

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


@pytest.fixture(scope="module")
def mined(tmp_path_factory):
    path = tmp_path_factory.mktemp("mined") / "mined.jsonl"
    write_mined_claims(MINED, path)
    return PairSource("mined", path)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Ten claims with a passage each; the first is a claim of MINED in other letters."""
    path = tmp_path_factory.mktemp("pairs") / "general.jsonl"
    claims = ["THE ICE RISES", *(f"a people of {number} years" for number in range(9))]
    path.write_text("\n".join(json.dumps({"claim": claim, "text": f"{claim} and war", "label": 1}) for claim in claims))
    return PairSource("pairs", path)


@pytest.fixture(scope="module")
def built(tiny_model_dir, tmp_path_factory, mined, pairs):
    """Trained with a seed that holds out the claim that is in both files."""
    claims = [claim.query for claim in MINED]
    seed = next(seed for seed in range(50) if "the ice rises" in held_out_claims(claims, 0.2, seed))
    output = tmp_path_factory.mktemp("built") / "model"
    run = run_of(tiny_model_dir, output, replace(RECIPE, seed=seed))
    return output, build_encoder(run, PairSources([mined], pretraining=[pairs]))


@pytest.fixture
def run(tiny_model_dir, tmp_path):
    return run_of(tiny_model_dir, tmp_path / "model", RECIPE)


def test_a_share_of_the_claims_is_held_out_whole_and_is_not_pretrained_either(built):
    _, result = built
    report = result.training
    assert (report.n_entries, report.n_validation_claims, report.n_validation_passages) == (16, 2, 6)
    assert (report.n_pretraining_entries, result.n_excluded_pairs) == (9, 1)
    assert set(report.losses) == {"pretraining", "training"}


def test_the_card_names_data_with_checksums_settings_metrics_and_limits(built, mined, pairs):
    output, result = built
    card = (output / "README.md").read_text()
    for source in (mined, pairs):
        assert f"{source.path.name} | `{hashlib.sha256(source.path.read_bytes()).hexdigest()}`" in card
    for wanted in (
        "---\nlibrary_name: sentence-transformers\npipeline_tag: sentence-similarity\n",
        "mined: 30 training pairs",
        "10 pretraining pairs",
        "9 relevant passages with their claims in pretraining, 16 in training",
        "\nMultipleNegativesRankingLoss, cosines divided",
        "| temperature | 0.05 |",
        "\n| model | recall@1 | recall@5 | recall@10 | recall@100 | mrr@10 | ndcg@10 | map@100 |\n| --- | --- |",
        f"\n| trained | {result.training.metrics['recall@1']:.4f} | ",
        "## Limits",
        "base model: tiny-bert",
    ):
        assert wanted in card
    assert card.startswith("---\n")
    assert "\n\n\n" not in card
    assert str(output.parent) not in card


def test_validation_claims_can_be_chosen(run, mined, pairs):
    report = build_encoder(run, PairSources([mined], (), [pairs], ["the ice rises"])).training
    assert (report.n_entries, report.n_validation_claims) == (18, 9)


def test_a_claim_on_both_sides_of_the_split_is_refused_by_name(run, mined, pairs):
    with pytest.raises(InputError, match="on both sides of the split: 'THE ICE RISES'; leave it out"):
        build_encoder(run, PairSources([mined], validation=[pairs]))
    assert not run.output_dir.exists()


def test_claims_to_be_measured_on_are_left_out_or_refused_by_name(run, mined):
    claims = ["“the ICE rises”", "the coal rises", "something else"]
    with pytest.raises(InputError, match=r"to be measured on: 'The ice rises\.' and 1 more; leave it out with"):
        build_encoder(run, PairSources([mined]), evaluation_claims=claims)
    without_validation = replace(run, recipe=replace(RECIPE, validation_share=0.0))
    sources = PairSources([mined], excluded_claims=claims)
    built = build_encoder(without_validation, sources, evaluation_claims=claims)
    assert built.n_excluded_pairs == 6
    report = built.training
    assert (report.n_entries, report.n_validation_claims, report.metrics) == (2 * 8, 0, {})
    assert "No claims were held out." in (run.output_dir / "README.md").read_text()


def test_a_base_model_that_cannot_be_trained_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "base").mkdir()
    with pytest.raises(ModelError, match=r"config\.json"):
        build_encoder(
            run_of(tmp_path / "base", tmp_path / "m", RECIPE),
            PairSources([PairSource("pairs", tmp_path / "missing")]),
        )


def test_no_data_is_an_error(run):
    with pytest.raises(InputError, match="no data to train on"):
        build_encoder(run, PairSources())
