"""From a teacher's logits to a trained cross-encoder on the command line, and the mistakes a user can make."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_runs import Invoke

from claimhound.data.bundled import sample_dir
from claimhound.data.labelled_sets.stances import STANCES
from claimhound.data.labelled_sets.taught_pairs import read_taught_pairs

QUICK = ("--precision", "fp32", "--max-length", 32, "--training-length", 32, "--device", "cpu", "--threads", 1)
F32 = ("--precision", "f32", "--device", "cpu", "--threads", 1)


def write_lines(path: Path, records: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture(scope="module")
def stances(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stances")
    return write_lines(
        folder / "stances.jsonl",
        [
            {"claim": f"ice melts by {number}", "text": f"the sea {stance}", "label": stance}
            for number in range(8)
            for stance in STANCES
        ],
    )


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    return write_lines(
        folder / "judged.jsonl",
        [
            {"claim": f"ice melts by {number}", "text": text, "label": label}
            for number in range(8)
            for text, label in (("the ice", 1), ("a bank", 0))
        ],
    )


@pytest.fixture(scope="module")
def teacher(
    invoke: Invoke, stances: Path, judged: Path, tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A tiny cross-encoder with two heads, trained by the command."""
    output = tmp_path_factory.mktemp("teacher") / "teacher"
    trained = invoke(
        "train", "cross-encoder", "--stance", f"pairs:{stances}", "--relevance", f"pairs:{judged}",
        "--exclude-claims", f"pairs:{stances}@1", "--base-model", tiny_model_dir, "--output", output,
        "--validation-share", 0.2, *QUICK,
    )  # fmt: skip
    assert trained.exit_code == 0, trained.stderr
    # Seven of eight claims are not excluded, and one of those is held out.
    first, relevance, stance = trained.stdout.splitlines()
    assert first.startswith(f"{output}: trained on 30 pairs in ")
    assert relevance.startswith(f"{judged.parent.name}/judged: average precision ")
    assert relevance.endswith(" (0.500 are relevant)")
    assert stance.startswith(f"{stances.parent.name}/stances: accuracy ")
    return output


def test_a_teacher_reads_what_the_index_retrieves_and_labelled_pairs_and_a_student_learns_them(
    invoke: Invoke,
    teacher: Path,
    stances: Path,
    judged: Path,
    sample_index: Path,
    tiny_model_dir: Path,
    tmp_path: Path,
) -> None:
    words = (
        "teach", "--teacher", teacher, "--index", sample_index, "--claims", sample_dir() / "claims.jsonl",
        "--qrels", sample_dir() / "qrels.tsv", "--n-claims", 3, "--n-first", 1, "--n-drawn", 2, "--relevance",
        f"pairs:{judged}@2", *F32,
    )  # fmt: skip
    taught = invoke(*words, "--output", tmp_path / "taught.jsonl")
    assert taught.exit_code == 0, taught.stderr
    pairs = read_taught_pairs(tmp_path / "taught.jsonl")
    assert taught.stdout == f"{tmp_path / 'taught.jsonl'}: {len(pairs)} pairs with the logits of {teacher}\n"
    assert [pair.relevance for pair in pairs[:4]] == [1.0, 0.0, 1.0, 0.0]
    assert len({pair.claim for pair in pairs[4:]}) == 3
    assert len(pairs) >= 4 + 3 * 3
    assert 1.0 in {pair.relevance for pair in pairs[4:]}
    again = invoke(*words, "--output", tmp_path / "again.jsonl")
    assert again.exit_code == 0, again.stderr
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "taught.jsonl").read_bytes()
    trained = invoke(
        "train", "cross-encoder", "--taught", tmp_path / "taught.jsonl", "--stance", f"pairs:{stances}",
        "--relevance", f"pairs:{judged}", "--base-model", tiny_model_dir, "--output", tmp_path / "student", *QUICK,
    )  # fmt: skip
    assert trained.exit_code == 0, trained.stderr
    card = (tmp_path / "student" / "README.md").read_text()
    assert f"{len(pairs)} pairs with a teacher's logits |" in card


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--index", "i"), "--index and --claims belong together"),
        (("--claims", "c.jsonl"), "--index and --claims belong together"),
        ((), "name --index and --claims, --relevance or --stance"),
        (("--stance", "pairs:p.jsonl", "--qrels", "q.tsv"), "--qrels needs --index and --claims"),
        (("--stance", "pairs:p.jsonl", "--n-claims", "3"), "--n-claims needs --index and --claims"),
        (("--stance", "pairs:p.jsonl", "--encoder", "e"), "--encoder needs --index and --claims"),
        (("--stance", "pairs:p.jsonl", "--n-first", "-1"), "-1 is not in the range"),
    ],
)
def test_options_of_teach_that_do_not_fit_together_are_a_usage_error(
    invoke: Invoke, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    result = invoke("teach", "--teacher", "t", "--output", tmp_path / "o.jsonl", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_mistakes_of_teach_are_one_line(
    invoke: Invoke, stances: Path, tiny_reranker_dir: Path, tiny_stance_dir: Path, tmp_path: Path
) -> None:
    for model, output, words, message in (
        ("t", tmp_path / "no" / "o.jsonl", (), f"{tmp_path / 'no' / 'o.jsonl'}: cannot be written: there is no folder"),
        (
            "t",
            tmp_path / "o.jsonl",
            ("--n-first", 0, "--n-drawn", 0),
            "n_first and n_drawn must be at least 0, and one",
        ),
        (tiny_reranker_dir, tmp_path / "o.jsonl", (), f"{tiny_reranker_dir}: has no stance head"),
        (tiny_stance_dir, tmp_path / "o.jsonl", (), f"{tiny_stance_dir}: has no relevance head"),
        ("./missing", tmp_path / "o.jsonl", (), "./missing: no such model folder"),
    ):
        result = invoke("teach", "--teacher", model, "--output", output, "--stance", f"pairs:{stances}", *words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.splitlines()[-1].startswith(f"Error: {message}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [(), ("--relevance",), ("--stance",)])
def test_a_head_without_anything_to_learn_from_is_a_usage_error(
    invoke: Invoke, stances: Path, judged: Path, tiny_model_dir: Path, tmp_path: Path, given: tuple[str, ...]
) -> None:
    files = {"--relevance": f"pairs:{judged}", "--stance": f"pairs:{stances}"}
    words = [word for flag in given for word in (flag, files[flag])]
    result = invoke("train", "cross-encoder", "--output", tmp_path / "m", "--base-model", tiny_model_dir, *words)
    assert result.exit_code == 2
    assert "name --relevance and --stance, or --taught" in result.stderr


def test_mistakes_of_train_cross_encoder_are_one_line(
    invoke: Invoke, stances: Path, judged: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    records = [json.loads(line) for line in stances.read_text().splitlines()]
    supports = write_lines(tmp_path / "one.jsonl", [record for record in records if record["label"] == "SUPPORTS"])
    no_refutes = write_lines(tmp_path / "two.jsonl", [record for record in records if record["label"] != "REFUTES"])
    taught = write_lines(tmp_path / "taught.jsonl", [{"claim": "c", "evidence": "t", "teacher": [1, 2, 3]}])
    measured = write_lines(tmp_path / "dev.tsv", [])
    common = ("train", "cross-encoder", "--output", tmp_path / "m", "--base-model", tiny_model_dir)
    common += ("--relevance", f"pairs:{judged}")
    for words, message in (
        (("--stance", f"pairs:{supports}"), f"{supports}: all 8 pairs are SUPPORTS; join it with pairs of other"),
        (("--stance", f"pairs:{no_refutes}"), "nothing to learn stance from: 7 SUPPORTS, 0 REFUTES, 7 NOT_ENOUGH_INFO"),
        (("--stance", f"rte:{measured}"), f"{measured}: its name says it is for measuring"),
        (("--taught", taught), f"{taught}:1: has no list of 4 logits"),
        (("--taught", taught, "--max-length", 64), "training_length must be at most max_length (64), not 128"),
    ):
        result = invoke(*common, *words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.splitlines()[-1].startswith(f"Error: {message}")
    assert not (tmp_path / "m").exists()
