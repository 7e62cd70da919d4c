"""Measuring from the command line."""

from __future__ import annotations

import csv
import io
import json
import signal
import time
from pathlib import Path

import ir_measures
import pytest
from command_runs import Child, Invoke

from claimhound.data.bundled import sample_dir
from claimhound.data.labelled_sets.trec import read_run
from claimhound.pipeline.evaluation.measures import DEFAULT_MEASURES
from claimhound.pipeline.evaluation.reporting.output_folder import JOURNAL_NAME

CLAIMS, QRELS = sample_dir() / "claims.jsonl", sample_dir() / "qrels.tsv"
STAGES = ["bm25", "dense", "fused", "reranked"]


@pytest.fixture(scope="session")
def evaluated(
    invoke: Invoke, sample_index: Path, tiny_reranker_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What an evaluation of the sample wrote; do not change it."""
    folder = tmp_path_factory.mktemp("evaluated") / "out"
    result = invoke(
        "evaluate", "--index", sample_index, "--claims", CLAIMS, "--qrels", QRELS,
        "--reranker", tiny_reranker_dir, "--rerank-k", 20, "--output", folder, "--k", 200,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert f"wrote {folder / 'report.html'}" in result.stderr.splitlines()
    (folder.parent / "stdout").write_text(result.stdout)
    return folder


def test_a_table_shows_measures_with_intervals_at_each_stage(evaluated: Path) -> None:
    shown = (evaluated.parent / "stdout").read_text()
    sentences = " ".join(shown.split())
    title, _, header, *rows = shown.splitlines()
    assert title == "42 claims: mean of each measure and its 95 % interval over claims"
    assert header.split() == STAGES
    assert [row.split()[0] for row in rows[:8]] == list(DEFAULT_MEASURES)
    assert all(row.count("[") == 4 for row in rows[:8])
    assert max(map(len, shown.splitlines())) <= 80
    assert "What became of the 116 relevant documents" in sentences
    assert "expected calibration error" in sentences
    assert "in a randomisation test." in sentences


def test_the_folder_has_runs_values_losses_settings_and_a_report(evaluated: Path) -> None:
    others = ["qrels.trec", "claims.csv", "losses.csv", "evaluation.json", "report.html"]
    assert sorted(path.name for path in evaluated.iterdir()) == sorted(
        [*(f"{stage}.trec" for stage in STAGES), *others]
    )
    assert all(len(read_run(evaluated / f"{stage}.trec")) == 42 for stage in STAGES)
    record = json.loads((evaluated / "evaluation.json").read_text())
    assert record["settings"]["config"]["rerank_k"] == 20
    assert sum(record["losses"]["counts"].values()) == 116
    assert (evaluated / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_the_written_runs_give_the_same_figures(invoke: Invoke, evaluated: Path) -> None:
    runs = [word for stage in STAGES for word in ("--run", evaluated / f"{stage}.trec")]
    result = invoke("evaluate", *runs, "--qrels", QRELS, "--format", "json")
    assert result.exit_code == 0
    record = json.loads(result.stdout)
    assert record["measures"] == json.loads((evaluated / "evaluation.json").read_text())["measures"]
    assert result.stderr == ""


def test_json_has_figures_settings_and_findings(invoke: Invoke, sample_index: Path, tmp_path: Path) -> None:
    claims, qrels = tmp_path / "claims.jsonl", tmp_path / "qrels.tsv"
    claims.write_text('{"id": "1", "text": "ice"}\n{"id": "2", "text": "moon"}\n')
    qrels.write_text("query-id\tcorpus-id\tscore\n1\tspace-moon-05\t1\n1\tgone\t1\n1\tworse\t-1\n9\tspace-moon-05\t1\n")
    result = invoke(
        "evaluate", "--index", sample_index, "--claims", claims, "--qrels", qrels, "--no-rerank", "--format", "json"
    )
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["n_claims"] == 1
    assert list(found["measures"]) == ["bm25", "dense", "fused"]
    assert list(found["measures"]["bm25"]) == list(DEFAULT_MEASURES)
    assert {item["kind"]: item["items"] for item in found["findings"]} == {
        "unjudged_claims": ["2"],
        "absent_claims": ["9"],
        "negative_grades": ["1/worse"],
        "unknown_documents": ["gone"],
    }
    assert found["verdict"] is None
    assert result.stderr.splitlines() == [
        "claims without a judgment, not counted: 1 (2)",
        "judged claims that are not among the claims, not counted: 1 (9)",
        "judgments with a negative grade, counted as not relevant: 1 (1/worse)",
        "relevant documents that are not in the index, counted as not found: 1 (gone)",
    ]


def test_measures_stages_and_format_can_be_chosen(invoke: Invoke, sample_index: Path) -> None:
    result = invoke(
        "evaluate", "--index", sample_index, "--claims", CLAIMS, "--qrels", QRELS,
        "--measures", "RR, P@5", "--stages", "bm25", "--format", "csv",
    )  # fmt: skip
    assert result.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["list"], row["measure"], row["n_claims"]) for row in rows] == [
        ("bm25", "RR", "42"),
        ("bm25", "P@5", "42"),
    ]
    latex = invoke(
        "evaluate", "--index", sample_index, "--claims", CLAIMS, "--qrels", QRELS, "--stages", "bm25",
        "--format", "latex",
    )  # fmt: skip
    assert latex.stdout.startswith(r"\begin{tabular}")


def test_claims_can_include_their_judgments(invoke: Invoke, sample_index: Path, tmp_path: Path) -> None:
    claims = tmp_path / "train-claims.json"
    claims.write_text(json.dumps({"1": {"claim_text": "The MMR jab gives autism", "evidences": ["health-measles-06"]}}))
    result = invoke("evaluate", "--index", sample_index, "--claims", claims, "--stages", "bm25", "--measures", "R@5")
    assert result.exit_code == 0, result.stderr
    assert "R@5 1.000" in result.stdout


def test_a_prediction_of_the_course_task_is_measured_as_a_set(invoke: Invoke, tmp_path: Path) -> None:
    run, qrels = tmp_path / "prediction.json", tmp_path / "qrels.trec"
    run.write_text(json.dumps({"1": {"evidences": ["a", "b"]}, "2": {"evidences": ["c"]}}))
    qrels.write_text("1 0 a 1\n1 0 z 1\n2 0 c 1\n")
    result = invoke("evaluate", "--run", run, "--qrels", qrels, "--measures", "SetF")
    # P 1/2 and R 1/2, then both 1.
    assert "SetF .750" in result.stdout


def test_tied_scores_of_a_run_are_reported(invoke: Invoke, tmp_path: Path) -> None:
    run, qrels = tmp_path / "other.trec", tmp_path / "qrels.trec"
    run.write_text("1 Q0 a 1 2.0 x\n1 Q0 b 2 2.0 x\n")
    qrels.write_text("1 0 b 1\n")
    result = invoke("evaluate", "--run", run, "--qrels", qrels, "--measures", "R@1")
    assert result.stderr == "claims of other with tied scores, ordered as trec_eval does: 1 (1)\n"
    assert "R@1 1.000" in result.stdout


@pytest.mark.parametrize("hurts", [True, False])
def test_a_reranker_that_hurts_can_fail_the_command(
    invoke: Invoke, small_index: Path, tmp_path: Path, tiny_reranker_dir: Path, hurts: bool
) -> None:
    # Twelve claims with one text, whose judged document the tiny reranker happens to put below, or on top of, another.
    text = "sea ice wind"
    models = ("--reranker", tiny_reranker_dir, "--no-stance")
    found = invoke("search", text, "--index", small_index, *models, "--format", "json", "-k", 3)
    answer = json.loads(found.stdout)
    ranks = {hit["doc_id"]: (hit["stages"]["fused"]["rank"], hit["rank"]) for hit in answer["evidence"]}
    moved = {doc_id: after - before for doc_id, (before, after) in ranks.items() if after != before}
    assert moved, f"the tiny reranker leaves the order as it is: {ranks}"
    doc_id = (max if hurts else min)(moved, key=lambda name: moved[name])
    claims, qrels = tmp_path / "claims.jsonl", tmp_path / "qrels.trec"
    claims.write_text("".join(json.dumps({"id": f"c{n}", "text": text}) + "\n" for n in range(12)))
    qrels.write_text("".join(f"c{n} 0 {doc_id} 1\n" for n in range(12)))
    result = invoke(
        "evaluate", "--index", small_index, "--claims", claims, "--qrels", qrels, "--reranker", tiny_reranker_dir,
        "--fail-if-reranker-hurts",
    )  # fmt: skip
    assert result.exit_code == (3 if hurts else 0)
    assert "12 claims: mean of each measure" in result.stdout
    assert ("The reranker HURTS on these claims" in result.stderr) is hurts
    assert ("The reranker helps on these claims" in " ".join(result.stdout.split())) is not hurts


@pytest.mark.parametrize(
    ("claims", "qrels", "message"),
    [
        ("missing.jsonl", QRELS, "missing.jsonl: no such file or folder"),
        (CLAIMS, "missing.tsv", "missing.tsv: no such file or folder"),
        (CLAIMS, CLAIMS, f"{CLAIMS}:1: "),
        (sample_dir() / "evidence.jsonl", QRELS, "none of the 471 claims has a relevant judgment"),
    ],
)
def test_unusable_files_are_one_line_errors(
    invoke: Invoke, sample_index: Path, claims: object, qrels: object, message: str
) -> None:
    result = invoke("evaluate", "--index", sample_index, "--claims", claims, "--qrels", qrels, "--no-rerank")
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {message}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--claims", CLAIMS, "--qrels", QRELS], "name either an index with --index or runs with --run"),
        (["--index", "x", "--run", "y", "--qrels", QRELS], "name either an index with --index or runs with --run"),
        (["--index", "x", "--qrels", QRELS], "name the claims with --claims"),
        (["--run", "y"], "name the judgments with --qrels"),
        (
            ["--index", "x", "--claims", CLAIMS, "--stages", "bm52"],
            "'bm52' must name some of bm25, dense, fused, reranked",
        ),
        (["--run", "y", "--qrels", QRELS, "--fail-if-reranker-hurts"], "needs an index and its reranker"),
        (["--index", "x", "--claims", CLAIMS, "--no-rerank", "--reranker", "m"], "cannot be combined"),
    ],
)
def test_a_usage_error_exits_2_and_explains(invoke: Invoke, words: list[object], message: str) -> None:
    result = invoke("evaluate", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_unknown_measures_are_one_line_errors(invoke: Invoke, evaluated: Path) -> None:
    result = invoke("evaluate", "--run", evaluated / "bm25.trec", "--qrels", QRELS, "--measures", "R@5 Foo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: 'Foo' is not a measure that can be computed")


@pytest.fixture(scope="module")
def long_evaluation(
    invoke: Invoke, sample_index: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[object], Path]:
    """A command that evaluates eight copies of the sample's claims, and its undisturbed output."""
    folder = tmp_path_factory.mktemp("long")
    claims, qrels = folder / "claims.jsonl", folder / "qrels.trec"
    lines = [json.loads(line) for line in CLAIMS.read_text().splitlines()]
    records = [{"id": f"{n}-{line['_id']}", "text": line["text"]} for n in range(8) for line in lines]
    claims.write_text("".join(json.dumps(record) + "\n" for record in records))
    pairs = [line.split("\t") for line in QRELS.read_text().splitlines()[1:]]
    qrels.write_text("".join(f"{n}-{claim} 0 {doc_id} {grade}\n" for n in range(8) for claim, doc_id, grade in pairs))
    words = [
        "evaluate", "--index", sample_index, "--claims", claims, "--qrels", qrels, "--no-rerank", "--k", 20,
        "--measures", "R@5 nDCG@10",
    ]  # fmt: skip
    quiet = invoke(*words, "--output", folder / "quiet")
    assert quiet.exit_code == 0
    (folder / "stdout").write_text(quiet.stdout)
    return words, folder


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_evaluation_resumes_and_writes_the_same_files(
    child: Child, invoke: Invoke, long_evaluation: tuple[list[object], Path], tmp_path: Path, stop: signal.Signals
) -> None:
    words, undisturbed = long_evaluation
    journal = tmp_path / "killed" / JOURNAL_NAME
    process = child(*words, "--output", tmp_path / "killed")
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.stat().st_size > 20_000):
        assert process.poll() is None and time.monotonic() < deadline, "it ended before it could be stopped"
        time.sleep(0.005)
    process.send_signal(stop)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if stop == signal.SIGKILL else 130)
    if stop == signal.SIGINT:
        assert b"run the same command again to resume" in stderr
    assert not (tmp_path / "killed" / "evaluation.json").exists()
    resumed = invoke(*words, "--output", tmp_path / "killed")
    assert resumed.exit_code == 0
    assert resumed.stdout == (undisturbed / "stdout").read_text()
    record = json.loads((tmp_path / "killed" / "evaluation.json").read_text())
    assert 0 < record["n_searched"] < 8 * 42
    for name in ("bm25.trec", "dense.trec", "fused.trec", "claims.csv", "losses.csv", "qrels.trec"):
        assert (tmp_path / "killed" / name).read_bytes() == (undisturbed / "quiet" / name).read_bytes()


def test_runs_are_compared_with_the_first(invoke: Invoke, evaluated: Path, sample_index: Path, tmp_path: Path) -> None:
    runs = [evaluated / "fused.trec", evaluated / "bm25.trec", evaluated / "dense.trec"]
    words = ["compare", *runs, "--qrels", QRELS, "--measures", "nDCG@10 R@5"]
    result = invoke(*words, "--claims", CLAIMS, "--index", sample_index, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "bm25 against fused" in result.stdout
    assert "dense against fused" in result.stdout
    assert "Claims that changed most in nDCG@10" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "claims.csv",
        "comparison.csv",
        "comparison.json",
    ]
    record = json.loads(invoke(*words, "--format", "json").stdout)
    assert list(record["differences"]) == ["bm25", "dense"]
    assert set(record["differences"]["bm25"]) == {"nDCG@10", "R@5"}
    assert invoke(*words, "--format", "csv").stdout.splitlines()[0].startswith("run,against,measure")
    assert invoke(*words, "--format", "latex").stdout.startswith(r"\begin{tabular}")


def test_a_comparison_needs_two_runs_and_judgments(invoke: Invoke, evaluated: Path) -> None:
    run = evaluated / "fused.trec"
    assert "name two runs or more" in invoke("compare", run, "--qrels", QRELS).stderr
    assert "name the judgments" in invoke("compare", run, run).stderr
    assert "is named twice" in invoke("compare", run, run, "--qrels", QRELS).stderr
    empty = evaluated.parent / "empty.trec"
    empty.touch()
    result = invoke("compare", run, empty, "--qrels", QRELS)
    assert (result.exit_code, result.stderr) == (1, f"Error: {empty}: contains no rankings\n")


@pytest.fixture
def blanks(tmp_path: Path) -> Path:
    """A corpus and judged claims with blanks in all ids, and an id that looks escaped."""
    corpus = {"Sea ice:3": "The sea ice melts.", "a%{20}b": "The moon is far.", "a%20b": "A dam was built."}
    lines = [json.dumps({"id": doc_id, "text": text}) for doc_id, text in corpus.items()]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    claims = [("c 1", "Does sea ice melt?", "Sea ice:3"), ("c%2", "How far is the moon?", "a%{20}b")]
    lines = [json.dumps({"id": query_id, "claim": text, "evidences": [doc_id]}) for query_id, text, doc_id in claims]
    (tmp_path / "claims.jsonl").write_text("\n".join(lines))
    return tmp_path


def test_ids_with_blanks_work_in_every_file_format(invoke: Invoke, blanks: Path, tiny_model_dir: Path) -> None:
    index, claims, folder = blanks / "index", blanks / "claims.jsonl", blanks / "out"
    built = invoke("index", "build", blanks / "corpus.jsonl", "--index", index, "--encoder", tiny_model_dir)
    assert built.exit_code == 0, built.stderr
    words = ("--stages", "bm25", "--format", "json")
    result = invoke("evaluate", "--index", index, "--claims", claims, "--output", folder, *words)
    assert result.exit_code == 0, result.stderr
    means = json.loads(result.stdout)["measures"]["bm25"]
    assert means["R@1"]["mean"] == 1
    for judged in (["--qrels", folder / "qrels.trec"], ["--claims", claims], ["--qrels", claims]):
        again = invoke("evaluate", "--run", folder / "bm25.trec", *judged, "--format", "json")
        assert json.loads(again.stdout)["measures"]["bm25"] == means
        assert again.stderr == ""
    assert {hit.doc_id for ranking in read_run(folder / "bm25.trec").values() for hit in ranking} <= {
        "Sea ice:3", "a%{20}b", "a%20b"
    }  # fmt: skip
    theirs = ir_measures.calc_aggregate(
        [ir_measures.nDCG @ 10],
        ir_measures.read_trec_qrels(str(folder / "qrels.trec")),
        ir_measures.read_trec_run(str(folder / "bm25.trec")),
    )
    assert list(theirs.values()) == [pytest.approx(means["nDCG@10"]["mean"])]


@pytest.mark.parametrize("in_the_way", ["file", "report.html", "parent"])
def test_an_unwritable_output_folder_is_reported_before_the_search(
    invoke: Invoke, sample_index: Path, tmp_path: Path, in_the_way: str
) -> None:
    folder = tmp_path / "out"
    if in_the_way == "report.html":
        (folder / "report.html").mkdir(parents=True)
    elif in_the_way == "file":
        folder.touch()
    else:
        folder.touch()
        folder = folder / "deeper"
    result = invoke("evaluate", "--index", sample_index, "--claims", CLAIMS, "--qrels", QRELS, "--output", folder)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {folder}")
    assert not (folder / JOURNAL_NAME).exists()


def test_figures_are_printed_even_if_the_folder_cannot_be_written(
    invoke: Invoke, sample_index: Path, tmp_path: Path
) -> None:
    (tmp_path / "losses.csv").symlink_to(tmp_path / "gone" / "losses.csv")
    words = ("evaluate", "--index", sample_index, "--claims", CLAIMS, "--qrels", QRELS, "--stages", "bm25")
    result = invoke(*words, "--output", tmp_path)
    assert result.exit_code == 1
    assert "42 claims: mean of each measure" in result.stdout
    assert result.stderr.splitlines()[-1].startswith(f"Error: {tmp_path / 'losses.csv'}: cannot be written: ")
    runs = (tmp_path / "bm25.trec", tmp_path / "bm25.trec.copy")
    runs[1].write_bytes(runs[0].read_bytes())
    (tmp_path / "claims.csv").unlink(missing_ok=True)
    (tmp_path / "claims.csv").symlink_to(tmp_path / "gone" / "claims.csv")
    compared = invoke("compare", *runs, "--qrels", QRELS, "--output", tmp_path)
    assert compared.exit_code == 1
    assert " against " in compared.stdout
    assert compared.stderr.splitlines()[-1].startswith(f"Error: {tmp_path / 'claims.csv'}: cannot be written: ")


@pytest.fixture
def fever(tmp_path: Path) -> Path:
    """A page of FEVER's dump and claims whose evidence is one of its lines, or two of them together."""
    lines = "0\tThe dam is in Malta .\n1\t\n2\tIt was built in 1998 .\n3\tThe moon is far ."
    page = {"id": "Dam", "text": "The dam is in Malta . It was built in 1998 . The moon is far .", "lines": lines}
    (tmp_path / "wiki.jsonl").write_text('{"id": "", "text": "", "lines": ""}\n' + json.dumps(page))
    claims = [
        ("Is the dam in Malta?", [[[1, 1, "Dam", 0]], [[1, 2, "Dam", 0], [1, 2, "Dam", 3]]]),
        ("Is the moon far?", [[[2, 3, "Dam", 3], [2, 3, "Elsewhere", 9]]]),
        ("Nothing is known.", [[[4, None, None, None]]]),
    ]
    records = [{"id": n, "claim": text, "evidence": evidence} for n, (text, evidence) in enumerate(claims)]
    (tmp_path / "claims.jsonl").write_text("\n".join(map(json.dumps, records)))
    return tmp_path


def test_one_whole_set_of_evidence_counts_for_sets_at_k(invoke: Invoke, fever: Path, tiny_model_dir: Path) -> None:
    index, claims, out = fever / "index", fever / "claims.jsonl", fever / "out"
    built = invoke("index", "build", fever / "wiki.jsonl", "--index", index, "--encoder", tiny_model_dir)
    assert built.stdout == f"{index}: generation 1, 3 documents (3 read)\n"
    assert "pages without a sentence, left out: 1 (the first in line 1)" in built.stderr
    words = ("evaluate", "--index", index, "--claims", claims, "--stages", "bm25")
    shown = invoke(*words, "--output", out)
    assert shown.exit_code == 0, shown.stderr
    # The first claim's first set is found whole; of the second's one sentence is in no page.
    assert ["sets@5", ".500"] in [line.split()[:2] for line in shown.stdout.splitlines()]
    assert "sets@k is the share of claims with one whole set of evidence" in " ".join(shown.stdout.split())
    record = json.loads((out / "evaluation.json").read_text())
    assert {name: item["mean"] for name, item in record["measures"]["bm25"].items() if "sets" in name} == {
        "sets@5": 0.5, "sets@100": 0.5,
    }  # fmt: skip
    report = (out / "report.html").read_text()
    assert "sets@100" in report
    assert "sets@k is the share of claims" in report
    assert f"ir_measures qrels.trec bm25.trec {' '.join(DEFAULT_MEASURES)}<" in report
    assert claims_without(shown.stderr) == ["2"]
    words = ("evaluate", "--run", out / "bm25.trec", "--qrels", claims, "--measures", "sets@1 R@5")
    again = invoke(*words, "--format", "csv")
    assert [row["measure"] for row in csv.DictReader(io.StringIO(again.stdout))] == ["sets@1", "R@5"]


def claims_without(stderr: str) -> list[str]:
    """Return the ids of the claims that are said to have no judgment."""
    line = next(line for line in stderr.splitlines() if line.startswith("claims without a judgment"))
    return line.partition("(")[2].rstrip(")").split(", ")


def test_sets_at_k_needs_sets_of_evidence(invoke: Invoke, evaluated: Path) -> None:
    result = invoke("evaluate", "--run", evaluated / "bm25.trec", "--qrels", QRELS, "--measures", "sets@5")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: sets@5: these judgments have no sets of evidence")


def test_numeric_labels_need_label_names(invoke: Invoke, evaluated: Path, tmp_path: Path) -> None:
    evidences = [{"evidence_id": "space-moon-05", "evidence_label": 1}]
    claim = {"claim_id": "c1", "claim": "The moon is far.", "claim_label": 1, "evidences": evidences}
    claims, run = tmp_path / "claims.jsonl", tmp_path / "a.trec"
    claims.write_text(json.dumps(claim))
    run.write_text("c1 Q0 space-moon-05 1 2.0 x\n")
    refused = invoke("evaluate", "--run", run, "--claims", claims)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "--label-names SUPPORTS,REFUTES,NOT_ENOUGH_INFO,DISPUTED" in refused.stderr
    named = ("--label-names", "SUPPORTS, REFUTES, NOT_ENOUGH_INFO")
    assert invoke("evaluate", "--run", run, "--claims", claims, *named).exit_code == 0
    assert invoke("compare", run, evaluated / "bm25.trec", "--claims", claims, *named).exit_code == 1


def test_claims_without_a_header_are_read_with_columns(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "queries.tsv").write_text("1\tIce melts.\n")
    (tmp_path / "a.trec").write_text("1 Q0 d 1 2.0 x\n")
    (tmp_path / "qrels.tsv").write_text("1\td\t1\n")
    words = ("--run", tmp_path / "a.trec", "--claims", tmp_path / "queries.tsv", "--qrels", tmp_path / "qrels.tsv")
    assert invoke("evaluate", *words).exit_code == 1
    result = invoke("evaluate", *words, "--columns", "id,claim")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("1 claim: mean of each measure")


def test_standard_input_is_not_read_twice(invoke: Invoke) -> None:
    result = invoke("evaluate", "--run", "a.trec", "--claims", "-", stdin="{}")
    assert result.exit_code == 2
    assert "standard input can be read only once" in " ".join(result.stderr.split())
