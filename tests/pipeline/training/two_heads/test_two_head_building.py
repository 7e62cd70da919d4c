"""From sources to a model with two heads: no claim on both sides, both tasks measured, a card with everything."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tiny_training import EXACT, run_of

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.pair_sources import PairSource
from claimhound.data.labelled_sets.splits import held_out_with_groups
from claimhound.data.labelled_sets.stance_sources import StanceSource
from claimhound.data.labelled_sets.stances import STANCES
from claimhound.data.labelled_sets.taught_pairs import TaughtPair, write_taught_pairs
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.models.blending import BLEND_FILE
from claimhound.pipeline.models.cross_encoders import load_pair_models
from claimhound.pipeline.models.temperature import load_temperature
from claimhound.pipeline.training.model_card import write_card
from claimhound.pipeline.training.two_heads.building import build_two_heads
from claimhound.pipeline.training.two_heads.data import TwoHeadSources
from claimhound.pipeline.training.two_heads.recipe import TwoHeadRecipe

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = TwoHeadRecipe(
    batch_size=16, precision="fp32", max_length=32, training_length=16, validation_share=0.3, teacher_share=0.6
)
CLAIMS = [f"Sea level rises {number} metres." for number in range(12)]
TEXTS = dict(zip(STANCES, ("the ocean rises", "vaccines cause no autism", "a moon landing"), strict=True))


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def sources_in(folder, **changes):
    """Write a file of each kind; two claims share each group of the stances."""
    judged = [
        {"query": claim, "text": text, "label": label} for claim in CLAIMS for text, label in (("ice", 1), ("bank", 0))
    ]
    stances = [
        {"claim": claim, "evidence": text, "label": stance, "group": f"g{number // 2}"}
        for number, claim in enumerate(CLAIMS)
        for stance, text in TEXTS.items()
    ]
    taught = [
        TaughtPair(
            claim, "oil price", relevance=float(number % 2), stance=STANCES[number % 3], teacher=(1.0, 2.0, 0.0, 0.5)
        )
        for number, claim in enumerate(CLAIMS)
    ]
    write_taught_pairs(taught, folder / "taught.jsonl")
    return TwoHeadSources(
        **{
            "relevance": [PairSource("pairs", write_lines(folder / "judged.jsonl", judged))],
            "stance": [StanceSource("pairs", write_lines(folder / "stances.jsonl", stances))],
            "taught": [folder / "taught.jsonl"],
        }
        | changes
    )


@pytest.fixture(scope="module")
def built(tiny_model_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    said = []
    (folder / "model").mkdir()
    (folder / "model" / BLEND_FILE).write_text("the blend of an earlier model")
    run = run_of(tiny_model_dir, folder / "model", RECIPE, compute=replace(EXACT, notify=said.append))
    sources = sources_in(folder, excluded_claims=["sea LEVEL rises, 11 metres", "another claim"])
    return folder, build_two_heads(run, sources), said


def held_out_claims_of(recipe):
    members = [(claim, f"g{number // 2}") for number, claim in enumerate(CLAIMS[:11])]
    return held_out_with_groups(members, recipe.validation_share, recipe.seed)


def test_excluded_claims_are_left_out_and_each_group_is_on_one_side_in_every_source(built):
    _, result, said = built
    held_out = held_out_claims_of(RECIPE)
    assert 0 < len(held_out) < 11
    assert all(
        (normalize_text(CLAIMS[number]) in held_out) == (normalize_text(CLAIMS[number + 1]) in held_out)
        for number in range(0, 10, 2)
    )
    n_learned = 11 - len(held_out)
    assert result.n_excluded == 2 + 3 + 1
    report = result.training
    assert (report.n_pairs, report.n_with_teacher) == (6 * n_learned, n_learned)
    assert (report.n_with_relevance, report.n_with_stance) == (3 * n_learned, 4 * n_learned)
    assert f"training on {6 * n_learned:,} pairs" in said
    assert [found.n_pairs for found in result.held_out] == [3 * len(held_out), len(held_out)]


def test_both_tasks_are_measured_on_held_out_claims_of_every_labelled_set(built):
    folder, result, _ = built
    n_held_out = len(held_out_claims_of(RECIPE))
    assert [found.name for found in result.held_out] == [f"{folder.name}/stances", f"{folder.name}/taught"]
    first = result.relevance[0]
    assert (first.name, first.n_pairs, first.share_relevant) == (f"{folder.name}/judged", 2 * n_held_out, 0.5)
    # The tiny model tells "ice" from "bank" or the other way round: one or the other always comes first.
    assert 0 < first.average_precision <= 1


def test_the_folder_serves_both_tasks_with_its_temperature_and_no_blend(built):
    folder, result, _ = built
    both, same = load_pair_models(str(folder / "model"), str(folder / "model"), EXACT)
    assert both is same
    assert both.stance.temperature == load_temperature(folder / "model") == result.fit.temperature
    assert result.fit.loss_after <= result.fit.loss_before
    assert not (folder / "model" / BLEND_FILE).exists()


def test_the_card_names_data_settings_and_figures(built):
    folder, result, _ = built
    card = (folder / "model" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: sentence-transformers\npipeline_tag: text-classification\n")
    assert "\n\n\n" not in card
    for name in ("judged.jsonl", "stances.jsonl", "taught.jsonl"):
        assert card.count(f"| {name} |") == 1
    report = result.training
    assert (
        f"{report.n_pairs} pairs in training: {report.n_with_relevance} with a relevance, {report.n_with_stance} with "
        f"a stance, {report.n_with_teacher} with a teacher's logits. Each claim is on one side of the split only; 6 "
        "pairs of claims to measure on were left out."
    ) in card
    assert "| teacher_share | 0.6 |" in card
    assert "| training_length | 16 |" in card
    for found in result.relevance:
        assert (
            f"| {found.name} | {found.n_pairs} | {found.share_relevant:.4f} | {found.average_precision:.4f} |" in card
        )
    assert f"{result.held_out[0].accuracy.mean:.4f}" in card
    assert f"Temperature {result.fit.temperature:.4f}" in card
    assert str(folder) not in card


def test_without_labels_to_measure_on_the_temperature_is_one_and_the_card_says_so(tiny_model_dir, tmp_path):
    logits = [(2.0, 3.0, 0.0, 0.0), (-2.0, 0.0, 3.0, 0.0), (-2.0, 0.0, 0.0, 3.0)]
    pairs = [
        TaughtPair(claim, text, teacher=each) for claim in CLAIMS for text, each in zip("abc", logits, strict=True)
    ]
    write_taught_pairs(pairs, tmp_path / "taught.jsonl")
    run = run_of(tiny_model_dir, tmp_path / "m", RECIPE)
    result = build_two_heads(run, TwoHeadSources(taught=[tmp_path / "taught.jsonl"]))
    assert (result.relevance, result.held_out, result.fit) == ((), (), None)
    assert load_temperature(tmp_path / "m") == 1.0
    card = (tmp_path / "m" / "README.md").read_text()
    assert "No held-out claim has a label." in card
    assert "\n\n\n" not in card


def test_a_replaced_head_is_announced_before_anything_is_read(tiny_reranker_dir, tmp_path):
    said = []

    def stop(line):
        said.append(line)
        raise KeyboardInterrupt

    run = run_of(tiny_reranker_dir, tmp_path / "m", RECIPE, compute=replace(EXACT, notify=stop))
    with pytest.raises(KeyboardInterrupt):
        build_two_heads(run, TwoHeadSources(taught=[tmp_path / "missing.jsonl"]))
    assert said == ["base model: its head (LABEL_0) is replaced by a new one with both heads"]


def test_useless_data_and_an_unusable_base_model_are_refused_before_training(tiny_model_dir, tmp_path):
    run = run_of(tiny_model_dir, tmp_path / "m", RECIPE)
    one_kind = write_lines(
        tmp_path / "one.jsonl", ({"claim": claim, "text": "T", "label": "REFUTES"} for claim in CLAIMS)
    )
    cases = (
        ({"stance": [StanceSource("rte", tmp_path / "dev.tsv")]}, r"dev\.tsv: its name says it is for measuring"),
        ({"stance": [StanceSource("pairs", one_kind)]}, r"one\.jsonl: all 12 pairs are REFUTES"),
        ({"relevance": [], "taught": []}, "nothing to learn relevance from: 0 pairs"),
        ({"stance": [], "taught": []}, "nothing to learn stance from: 0 SUPPORTS, 0 REFUTES, 0 NOT_ENOUGH_INFO"),
        ({"excluded_claims": CLAIMS}, r"judged\.jsonl: has no pair to learn: all of its claims are excluded"),
    )
    for changes, message in cases:
        with pytest.raises(InputError, match=message):
            build_two_heads(run, sources_in(tmp_path, **changes))
    with pytest.raises(ModelError, match=r"config\.json"):
        build_two_heads(run_of(tmp_path, tmp_path / "m", RECIPE), TwoHeadSources())
    assert not (tmp_path / "m").exists()


def test_the_card_has_no_gap_where_only_one_task_was_measured(built, tmp_path):
    folder, result, _ = built
    run = run_of(folder, tmp_path, RECIPE)
    for changes in ({"relevance": ()}, {"fit": None, "held_out": ()}, {"relevance": (), "fit": None, "held_out": ()}):
        write_card("two heads", run, replace(result, **changes), [])
        card = (tmp_path / "README.md").read_text()
        assert "\n\n\n" not in card
        assert ("average precision of the logit" in card) == ("relevance" not in changes)
        assert ("Temperature" in card) == ("fit" not in changes)
        assert ("No held-out claim has a label." in card) == (len(changes) == 3)
