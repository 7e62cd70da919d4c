"""From labelled sets to a stance model: no claim on both sides, none to measure on, and a card with everything."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tiny_training import EXACT, run_of

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.stance_sources import StanceSource
from claimhound.pipeline.models.cross_encoders import load_stance
from claimhound.pipeline.models.stance_labels import OURS, read_labels
from claimhound.pipeline.models.temperature import load_temperature
from claimhound.pipeline.training.model_card import write_card
from claimhound.pipeline.training.stance.building import build_stance
from claimhound.pipeline.training.stance.recipe import StanceRecipe

RECIPE = StanceRecipe(batch_size=8, epochs=1, precision="fp32", max_length=32, validation_share=0.25)
TEXTS = {"SUPPORTS": "the ocean rises", "REFUTES": "vaccines cause no autism", "NOT_ENOUGH_INFO": "a moon landing"}


def write_set(path, numbers):
    evidences = [{"evidence_id": label, "evidence_label": label, "evidence": text} for label, text in TEXTS.items()]
    lines = [json.dumps({"claim": f"Sea level rises {number} metres.", "evidences": evidences}) for number in numbers]
    path.write_text("\n".join(lines) + "\n")
    return StanceSource("climate_fever", path)


@pytest.fixture(scope="module")
def built(tiny_model_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    sources = [
        write_set(folder / "first_train.jsonl", range(8)),
        write_set(folder / "second_train.jsonl", range(4, 12)),
    ]
    said = []
    result = build_stance(
        run_of(tiny_model_dir, folder / "model", RECIPE, compute=replace(EXACT, notify=said.append)),
        sources,
        excluded_claims=["sea LEVEL rises, 11 metres", "another claim"],
    )
    return folder, result, said


def test_claims_to_measure_on_are_left_out_and_each_other_claim_is_on_one_side(built):
    _, result, said = built
    assert result.n_excluded == 3
    n_held_out = sum(found.n_pairs for found in result.held_out)
    # 8 + 7 claims with three sentences each; a quarter of the 11 different ones is held out in both sets.
    assert result.training.n_pairs + n_held_out == 45
    assert 9 <= n_held_out <= 18
    assert any("second_train: 21 pairs (7 SUPPORTS, 7 REFUTES, 7 NOT_ENOUGH_INFO); 3 left out" in line for line in said)


def test_the_folder_has_the_temperature_that_fits_the_held_out_pairs_best(built):
    folder, result, _ = built
    assert load_temperature(folder / "model") == result.fit.temperature
    assert load_stance(str(folder / "model"), EXACT).stance.temperature == result.fit.temperature
    assert result.fit.loss_after <= result.fit.loss_before


def test_the_card_names_data_settings_and_figures(built):
    folder, result, _ = built
    card = (folder / "model" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: sentence-transformers\npipeline_tag: text-classification\n")
    assert "\n\n\n" not in card
    assert "first_train.jsonl" in card
    assert f"{result.training.n_pairs} pairs in training, {45 - result.training.n_pairs} held out. Each claim" in card
    assert "3 left out" in card
    assert "| validation_share | 0.25 |" in card
    assert f"{result.held_out[0].accuracy.mean:.4f}" in card
    assert f"Temperature {result.fit.temperature:.4f}" in card
    assert str(folder) not in card


def test_a_kept_head_is_announced_before_the_work_begins_and_in_the_card(built, tiny_nli_dir, tmp_path):
    folder, result, _ = built
    said = []

    def stop(line):
        said.append(line)
        raise KeyboardInterrupt

    run = run_of(tiny_nli_dir, tmp_path / "m", RECIPE, compute=replace(EXACT, notify=stop))
    with pytest.raises(KeyboardInterrupt):
        build_stance(run, [StanceSource("climate_fever", folder / "first_train.jsonl")])
    assert [line.partition(" (")[0] for line in said] == ["base model: its head is kept"]

    def card(labels):
        run.output_dir.mkdir(exist_ok=True)
        write_card("stance", run, replace(result, training=replace(result.training, labels=labels)), [])
        return (run.output_dir / "README.md").read_text()

    assert "takes claim and evidence, in this order" in card(OURS)
    assert "Its labels are" not in card(OURS)
    kept = card(read_labels(("contradiction", "entailment", "neutral")))
    assert "takes evidence and claim, in this order" in kept
    assert "Its labels are the base model's: contradiction is REFUTES, entailment is SUPPORTS, neutral is" in kept


def test_a_set_to_measure_on_and_an_unusable_base_model_are_refused_before_anything_is_read(tiny_model_dir, tmp_path):
    with pytest.raises(InputError, match="its name says it is for measuring"):
        build_stance(run_of(tiny_model_dir, tmp_path / "m", RECIPE), [StanceSource("rte", tmp_path / "dev.tsv")])
    with pytest.raises(ModelError, match=r"config\.json"):
        build_stance(run_of(tmp_path, tmp_path / "m", RECIPE), [StanceSource("rte", tmp_path / "no.tsv")])
    assert not (tmp_path / "m").exists()
