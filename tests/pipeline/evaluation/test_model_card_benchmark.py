"""The published card's protocol on a tiny BERT: splits, figures, and resuming after an interruption."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from click.testing import CliRunner

from claimhound.data.labelled_sets.mined_claims import MinedClaim, MinedPassage, write_mined_claims
from claimhound.data.labelled_sets.pair_sources import PairSource
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from tests.benchmarks import model_card

pytestmark = pytest.mark.usefixtures("one_thread")

N_CLAIMS = 30
EVIDENCE = ("the ocean rises", "ice melts")
NEGATIVES = ("a moon landing in 1969", "vaccines cause no autism", "oil prices", "a war of the empire", "mars")


def passages(texts):
    return tuple(MinedPassage(text, text) for text in texts)


def claim_text(number):
    return f"sea level rises {number} metres"


@pytest.fixture(scope="module")
def mined(tmp_path_factory):
    path = tmp_path_factory.mktemp("mined") / "mined.jsonl"
    claims = [
        MinedClaim(f"c{number}", claim_text(number), passages(EVIDENCE), passages(NEGATIVES))
        for number in range(N_CLAIMS)
    ]
    write_mined_claims(claims, path)
    return path


@pytest.fixture(scope="module")
def other_pairs(tmp_path_factory):
    """Pairs of another field, and of every mined claim in other letters."""
    path = tmp_path_factory.mktemp("others") / "pairs.jsonl"
    claims = [*(f"{claim_text(number).upper()}!" for number in range(N_CLAIMS)), "gas prices rise", "the sun is warm"]
    lines = [{"claim": claim, "text": text, "label": label} for claim in claims for text, label in (("a", 1), ("b", 0))]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_published_split_has_the_sizes_of_the_card():
    pairs = [TrainingPair(f"c{n // 6}", f"claim {n // 6}", f"text {n}", float(n % 2)) for n in range(8_244)]
    split = model_card.pairs_shuffled(pairs, 42)
    assert (len(split.learned), len(split.held_out)) == (7_419, 825)
    assert sorted([*split.learned, *split.held_out]) == sorted(pairs)
    assert split.n_claims_on_both_sides() == len({pair.query_id for pair in split.held_out})  # six pairs a claim
    assert model_card.pairs_shuffled(pairs, 43).held_out != split.held_out


def test_no_claim_is_on_both_sides_if_whole_claims_are_held_out():
    # Claims n and n + 50 have the same words in other letters.
    texts = {f"c{n}": f"Claim {n}" if n < 50 else f"claim {n - 50}!" for n in range(100)}
    pairs = [TrainingPair(query_id, text, "t", label) for query_id, text in texts.items() for label in (1.0, 0.0)]
    split = model_card.claims_held_out(pairs, 42)
    assert sorted([*split.learned, *split.held_out]) == sorted(pairs)
    assert split.n_claims_on_both_sides() == 0
    learned, held_out = (
        Counter(pair.query.lower().strip("!") for pair in side) for side in (split.learned, split.held_out)
    )
    assert set(held_out.values()) == {4}  # twice with two pairs
    assert (len(learned), len(held_out)) == (45, 5)
    assert not set(learned) & set(held_out)


@pytest.fixture(scope="module")
def finished(mined, other_pairs, tiny_model_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    excluded = folder / "excluded.jsonl"
    excluded.write_text(json.dumps({"_id": "x", "text": "Gas prices rise."}) + "\n")
    arguments = [str(mined), "--output", str(folder / "out"), "--base-model", str(tiny_model_dir)]
    arguments += ["--pretrain", f"pairs:{other_pairs}", "--exclude-claims", str(excluded)]
    found = CliRunner().invoke(model_card.main, arguments, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return arguments, folder / "out", found


def figures(output_dir):
    return json.loads((output_dir / "figures.json").read_text())


def test_both_splits_are_balanced_and_measured(finished):
    record = figures(finished[1])
    splits = record["splits"]
    assert list(splits) == ["as-published", "whole-claims"]
    # 30 claims with two positives and two of their five negatives: 120 pairs.
    assert record["data"][0]["gave"] == "120 balanced pairs"
    assert {name: split["n_learned_pairs"] for name, split in splits.items()} == dict.fromkeys(splits, 108)
    assert {name: split["at_best_threshold"]["n_pairs"] for name, split in splits.items()} == dict.fromkeys(splits, 12)
    assert splits["as-published"]["n_claims_on_both_sides"] > 0
    assert splits["whole-claims"]["n_claims_on_both_sides"] == 0
    assert splits["whole-claims"]["at_best_threshold"]["n_claims"] == 3
    assert (record["recipe"]["learning_rate"], record["recipe"]["batch_size"]) == (5e-5, 16)
    assert (record["pretraining_recipe"]["learning_rate"], record["pretraining_recipe"]["batch_size"]) == (1e-4, 32)


def test_a_fixed_threshold_gives_no_better_figures_than_the_best_one(finished):
    for split in figures(finished[1])["splits"].values():
        best, fixed = split["at_best_threshold"]["figures"], split["at_fixed_threshold"]
        assert fixed["average_precision"] == best["average_precision"]
        assert all(fixed[name]["threshold"] == 0.5 for name in ("f1", "accuracy"))
        assert all(fixed[name]["value"] <= best[name]["value"] for name in ("f1", "accuracy"))
        share = split["at_best_threshold"]["share_relevant"]
        assert {name: split["always_relevant"][name]["value"] for name in model_card._FIGURES} == pytest.approx(
            {"average_precision": share, "f1": 2 * share / (1 + share), "accuracy": share}
        )


def test_pretraining_leaves_out_measured_and_excluded_claims(finished):
    record = figures(finished[1])
    pairs = [TrainingPair(f"c{n}", claim_text(n), t, 0.0) for n in range(N_CLAIMS) for t in (*EVIDENCE, *NEGATIVES[:2])]
    held_out = {
        pair.query
        for split in (model_card.pairs_shuffled(pairs, 42), model_card.claims_held_out(pairs, 42))
        for pair in split.held_out
    }
    assert 3 < len(held_out) < N_CLAIMS
    # Two pairs a claim; those of "gas prices rise" are excluded by name.
    assert record["n_excluded_pretraining_pairs"] == 2 * len(held_out) + 2
    assert record["n_pretraining_pairs"] == 2 * (N_CLAIMS - len(held_out)) + 2


def test_the_table_has_both_splits_and_the_published_figures(finished):
    lines = [line.strip() for line in finished[2].stdout.splitlines()]
    rows = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in lines if line.startswith("│")}
    assert {"published card", "always relevant", "as-published", "whole-claims"} <= set(rows)
    published = [cell.strip() for cell in rows["published card"]]
    assert published == ["7,419", "825", "–", "–", ".581", ".675", ".604", "–", "–"]
    assert [cell.strip() for cell in rows["whole-claims"]][:4] == ["108", "12", "3", "0"]
    assert "flatters F1 and accuracy" in finished[2].stdout


def test_finished_models_are_not_trained_again(finished):
    arguments, output, _ = finished
    before = figures(output)
    written = {path: path.stat().st_mtime_ns for path in output.rglob("*.safetensors")}
    assert len(written) == 3  # pretrained once for both
    again = CliRunner().invoke(model_card.main, arguments, catch_exceptions=False)
    assert again.stderr.count("trained before") == 3
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*.safetensors")} == written
    assert figures(output) == before


def test_a_folder_with_other_settings_is_a_one_line_error(finished):
    arguments, _, _ = finished
    found = CliRunner().invoke(model_card.main, [*arguments, "--freeze-embeddings"])
    assert found.exit_code == 1
    assert "pretrained: has a model of other pairs, settings or base; give another --output" in found.output


def test_an_interrupted_run_resumes(finished, mined, other_pairs, tiny_model_dir, tmp_path):
    def run(on_progress):
        model_card.run_protocol(
            mined,
            tmp_path,
            base_model=str(tiny_model_dir),
            recipe=replace(model_card.RECIPE, checkpoint_steps=2),
            pretraining=[PairSource.parse(f"pairs:{other_pairs}")],
            excluded_claims=["gas prices rise"],
            run=model_card.TrainingRun(on_progress=on_progress),
        )

    def interrupt(name, step, _n_steps, _note=""):
        if (name, step) == ("whole-claims", 4):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupt)
    steps = []
    run(lambda *done: steps.append(done[:3]))
    assert steps == [("whole-claims", step, 7) for step in (3, 4, 5, 6, 7)]  # 108 pairs in batches of 16
    gone_on, uncut = figures(tmp_path)["splits"], figures(finished[1])["splits"]
    for name in uncut:
        for split in (gone_on[name], uncut[name]):
            del split["at_best_threshold"]["model"]  # a folder
        assert gone_on[name] == uncut[name]  # weights and figures
