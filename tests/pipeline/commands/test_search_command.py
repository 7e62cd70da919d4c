"""`search`: claims as argument or on standard input, and every output format."""

from __future__ import annotations

import json
import shlex
import threading
from pathlib import Path

import pytest
from command_runs import Child, Invoke

from claimhound.data.bundled import sample_dir
from claimhound.pipeline.search.answer_tsv import TSV_COLUMNS

CLAIM = "The sea level rises because ice melts."


@pytest.fixture
def search(invoke: Invoke, sample_index: Path) -> Invoke:
    """Search the sample index with the first stage alone."""

    def run(claim: str, *words: object, **options: object) -> object:
        return invoke("search", "--index", sample_index, "--no-rerank", "--no-stance", *words, "--", claim, **options)

    return run


def test_the_json_answer_has_exactly_the_documented_keys(
    invoke: Invoke, sample_index: Path, tiny_model_dir: Path, tiny_reranker_dir: Path
) -> None:
    result = invoke(
        "search", CLAIM, "--index", sample_index, "--reranker", tiny_reranker_dir, "-k", 2, "--format", "json",
        "--no-stance",
    )  # fmt: skip
    assert result.exit_code == 0
    answer = json.loads(result.stdout, parse_constant=pytest.fail)
    assert list(answer) == [
        "schema", "claim", "evidence", "summary", "nothing_relevant", "notes", "index", "models", "timings_ms",
    ]  # fmt: skip
    assert answer["claim"] == CLAIM
    assert answer["index"] == {"path": str(sample_index), "generation": 1, "n_docs": 471}
    assert answer["models"] == {"encoder": str(tiny_model_dir), "reranker": str(tiny_reranker_dir), "stance": None}
    assert set(answer["timings_ms"]) == {"encode", "bm25", "dense", "fuse", "fetch", "rerank"}
    assert [hit["rank"] for hit in answer["evidence"]] == [1, 2]
    for hit in answer["evidence"]:
        assert list(hit) == [
            "rank", "doc_id", "text", "title", "source", "url", "date", "fields", "score", "truncated", "stages",
            "stance", "n_copies", "copies",
        ]  # fmt: skip
        assert hit["url"] is None
        assert hit["fields"] == {}
        assert isinstance(hit["truncated"], bool)
        assert 0 <= hit["score"] <= 1
        assert list(hit["stages"]) == ["bm25", "dense", "fused", "rerank"]
        assert hit["stages"]["rerank"] == {"rank": hit["rank"], "score": hit["score"]}
        for stage in hit["stages"].values():
            assert stage is None or list(stage) == ["rank", "score"]


def test_without_reranker_and_encoder_their_stages_are_null(search: Invoke) -> None:
    answer = json.loads(search(CLAIM, "--no-encoder", "--format", "json").stdout)
    assert answer["models"] == {"encoder": None, "reranker": None, "stance": None}
    stages = answer["evidence"][0]["stages"]
    assert stages["dense"] is None
    assert stages["rerank"] is None
    assert stages["bm25"] == {"rank": 1, "score": answer["evidence"][0]["score"]}


def test_a_table_fits_the_terminal_and_has_no_colours_in_a_pipe(search: Invoke) -> None:
    shown = search(CLAIM, "--no-encoder", "-k", 3, env={"COLUMNS": "40"})
    assert shown.exit_code == 0
    assert shown.stderr == ""
    lines = shown.stdout.splitlines()
    assert lines[0] == "Claim: The sea level rises because ice"
    assert max(map(len, lines)) <= 40
    assert "\x1b" not in shown.stdout
    assert [line for line in lines if line != line.rstrip()] == []


def test_json_lines_have_one_claim_per_line(search: Invoke) -> None:
    result = search("-", "--format", "jsonl", "-k", 1, stdin="ice\nsea\n")
    assert [json.loads(line)["claim"] for line in result.stdout.splitlines()] == ["ice", "sea"]


def test_json_for_several_claims_is_one_array(search: Invoke) -> None:
    result = search("-", "--format", "json", "-k", 1, stdin="ice\nsea\nmoon")
    assert [answer["claim"] for answer in json.loads(result.stdout)] == ["ice", "sea", "moon"]


def test_tsv_has_a_header_and_one_line_per_piece_of_evidence(search: Invoke) -> None:
    lines = search("-", "--format", "tsv", "-k", 2, stdin="sea level\nice\tsheet\n").stdout.splitlines()
    assert lines[0].split("\t") == list(TSV_COLUMNS)
    assert [line.split("\t")[:2] for line in lines[1:]] == [
        ["sea level", "1"], ["sea level", "2"], ["ice sheet", "1"], ["ice sheet", "2"],
    ]  # fmt: skip


def test_notes_of_a_tsv_answer_go_to_standard_error(search: Invoke) -> None:
    result = search("qqqzzz", "--no-encoder", "--format", "tsv")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["\t".join(TSV_COLUMNS)]
    assert result.stderr == "qqqzzz: No evidence found: no document holds a word of the claim.\n"


def test_context_and_explanation_are_shown_on_request(search: Invoke) -> None:
    shown = search("Luna 9 landed on the Moon", "--no-encoder", "-k", 1, "--context", 1, "--explain").stdout
    assert "[before: " in shown
    assert "[after: " in shown
    assert "shares: Luna, 9, landed, Moon\n" in shown
    assert "bm25 #1 (" in shown
    assert "rerank off" in shown
    assert "Time: " in shown
    answer = json.loads(search("Luna 9", "--no-encoder", "--context", 1, "--format", "json").stdout)
    assert list(answer["evidence"][0]["context"]) == ["before", "after"]


def test_conditions_narrow_the_search(search: Invoke) -> None:
    answer = json.loads(
        search("moon", "--before", "1900", "--where", "source=Space notes", "-k", 3, "--format", "json").stdout
    )
    assert answer["evidence"]
    for hit in answer["evidence"]:
        assert hit["source"] == "Space notes"
        assert hit["date"] < "1900"


def test_a_few_passages_are_searched_without_an_index(invoke: Invoke, tiny_model_dir: Path, tmp_path: Path) -> None:
    passages = tmp_path / "passages.txt"
    passages.write_text("The ice melts.\nWind power is clean.\nThe sea level rises.\n")
    result = invoke(
        "search", "wind is clean", "--corpus", passages, "--encoder", tiny_model_dir, "--no-rerank",
        "--no-stance", "--format", "json",
    )  # fmt: skip
    answer = json.loads(result.stdout)
    assert answer["evidence"][0]["text"] == "Wind power is clean."
    assert answer["index"] == {"path": None, "generation": None, "n_docs": 3}


@pytest.mark.parametrize(
    "claim",
    [
        "[bold]ice[/bold] [/x] :smile:",
        "\x1b[31mice\x1b[0m \x07",
        "-5 degrees and ice",
        "ice\tand\nsea",
        "ice " * 3_000,
        "😀 ice 気候 الجليد",
    ],
    ids=["markup", "escapes", "dash", "white space", "very long", "scripts"],
)
def test_odd_claims_are_answered_safely_in_every_format(search: Invoke, claim: str) -> None:
    for output_format in ("table", "json", "jsonl", "tsv"):
        result = search(claim, "--format", output_format, "-k", 1)
        assert result.exit_code == 0, result.stderr
        assert "\x1b" not in result.stdout
        assert "\x07" not in result.stdout


@pytest.mark.parametrize("claim", ["", "  \t "], ids=["nothing", "blanks"])
def test_an_empty_claim_is_an_error(search: Invoke, claim: str) -> None:
    result = search(claim)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "Error: the claim is empty; type a sentence to find evidence for\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give either --index DIR or --corpus FILE, or --server URL"),
        (["--index", "a", "--corpus", "b"], "give either --index DIR or --corpus FILE, or --server URL"),
        (["--corpus", "b", "--before", "2020"], "--before, --where and --context need an index"),
        (["--corpus", "b", "--context", "1"], "--before, --where and --context need an index"),
        (
            ["two", "--index", "a"],
            'put the claim in quotes: claimhound search "a claim of several words" --index DIR',
        ),
        (["--index", "a", "--no-encoder", "--encoder", "m"], "--no-encoder cannot be combined with --encoder"),
        (["--index", "a", "--no-rerank", "--reranker", "m"], "--no-rerank cannot be combined with --reranker"),
        (
            ["--index", "a", "--before", "soon"],
            "Invalid value for --before: 'soon' is not a date (YYYY, YYYY-MM or YYYY-MM-DD)",
        ),
        (["--index", "a", "--where", "colour"], "Invalid value for --where: 'colour' is not FIELD=VALUE"),
        (["--index", "a", "-k", "0"], "Invalid value for '-k': 0 is not in the range x>=1."),
    ],
)
def test_a_usage_error_exits_2_and_explains(invoke: Invoke, words: list[str], message: str) -> None:
    result = invoke("search", "claim", *words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == f"Error: {message}"


def test_claim_and_corpus_cannot_both_be_standard_input(invoke: Invoke) -> None:
    result = invoke("search", "-", "--corpus", "-", stdin="x\n")
    assert result.exit_code == 2
    assert "cannot both be read from standard input" in result.stderr


def test_an_unusable_index_is_a_one_line_error(
    invoke: Invoke, tmp_path: Path, small_index: Path, other_tiny_model_dir: Path
) -> None:
    missing, empty = tmp_path / "missing", tmp_path / "empty"
    empty.mkdir()
    (small_index / "generation-000001" / "manifest.json").write_text("{}")
    for words in (
        ["--index", missing],
        ["--index", empty],
        ["--index", sample_dir()],
        ["--index", small_index],
    ):
        result = invoke("search", "ice", "--no-rerank", "--no-stance", *words)
        assert result.exit_code == 1
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"Error: {words[1]}")


def test_another_encoder_of_the_same_size_is_refused_with_both_names(
    invoke: Invoke, sample_index: Path, tiny_model_dir: Path, other_tiny_model_dir: Path
) -> None:
    result = invoke(
        "search", "ice", "--no-rerank", "--no-stance", "--index", sample_index, "--encoder", other_tiny_model_dir
    )
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert str(tiny_model_dir) in line
    assert str(other_tiny_model_dir) in line


def test_a_missing_model_is_a_one_line_error(invoke: Invoke, sample_index: Path) -> None:
    result = invoke("search", "ice", "--index", sample_index, "--reranker", "./nowhere")
    assert result.exit_code == 1
    assert result.stderr == "Error: ./nowhere: no such model folder\n"


class TestClaimsOnStandardInput:
    def test_blank_lines_are_skipped_and_the_last_line_needs_no_newline(self, search: Invoke) -> None:
        result = search("-", "--format", "jsonl", stdin=b"\xef\xbb\xbfice\r\n\n  \nsea")
        assert result.exit_code == 0
        assert [json.loads(line)["claim"] for line in result.stdout.splitlines()] == ["ice", "sea"]
        assert result.stderr == "stdin:2: blank, skipped\nstdin:3: blank, skipped\n"

    def test_a_line_that_is_not_utf8_does_not_stop_the_others(self, search: Invoke) -> None:
        result = search("-", "--format", "jsonl", stdin=b"ice\ncaf\xe9\nsea\n")
        assert result.exit_code == 1
        assert [json.loads(line)["claim"] for line in result.stdout.splitlines()] == ["ice", "sea"]
        assert result.stderr == (
            "stdin:2: not UTF-8 (byte 0xe9), skipped\nError: standard input: 1 of 3 claims not answered\n"
        )

    @pytest.mark.parametrize("output_format", ["table", "json", "jsonl", "tsv"])
    def test_empty_input_is_an_error_and_the_json_stays_valid(self, search: Invoke, output_format: str) -> None:
        result = search("-", "--format", output_format, stdin="")
        assert result.exit_code == 1
        assert result.stderr == "Error: standard input holds no claims; give it one claim per line\n"
        if output_format == "json":
            assert json.loads(result.stdout) == []

    def test_each_claim_is_answered_before_the_next_is_read(self, child: Child, sample_index: Path) -> None:
        with child(
            "search", "-", "--index", sample_index, "--no-rerank", "--no-stance", "--no-encoder", "--format", "jsonl"
        ) as process:
            # A command that reads all claims first would wait forever.
            watchdog = threading.Timer(60, process.kill)
            watchdog.start()
            for claim in ("ice", "sea"):
                process.stdin.write(f"{claim}\n".encode())
                process.stdin.flush()
                assert json.loads(process.stdout.readline())["claim"] == claim
            process.stdin.close()
            assert process.wait(timeout=60) == 0
            watchdog.cancel()


@pytest.mark.parametrize(
    "claim",
    ["-5 degrees is cold", "- The ice melts.", "-- The ice melts.", "-k is a letter", "--before the ice melts", "-40",
     "-help me"],
)  # fmt: skip
def test_a_claim_that_begins_with_a_dash_is_recognised_if_it_cannot_be_an_option(
    invoke: Invoke, sample_index: Path, claim: str
) -> None:
    options = ["--index", sample_index, "--no-encoder", "--no-rerank", "--no-stance", "--format", "json"]
    for words in ([claim, *options], [*options, claim], [*options, "--", claim]):
        assert json.loads(invoke("search", *words).stdout)["claim"] == claim
    lines = invoke("search", "-", *options, stdin=f"{claim}\n").stdout
    assert [answer["claim"] for answer in json.loads(lines)] == [claim]


def test_option_values_may_begin_with_a_dash(invoke: Invoke, sample_index: Path) -> None:
    options = ["--index", sample_index, "--no-encoder", "--no-rerank", "--no-stance", "--format", "json"]
    answer = json.loads(invoke("search", CLAIM, "--where", "-a b=c", *options).stdout)
    assert (answer["claim"], answer["evidence"]) == (CLAIM, [])
    for word in ("-k 2", "-k2", "-k=2"):
        result = invoke("search", CLAIM, *options, word)
        assert "No such option" not in result.stderr
        assert result.exit_code != 0 or len(json.loads(result.stdout)["evidence"]) == 2


def test_the_error_for_an_ambiguous_word_shows_how_to_pass_it_as_a_claim(invoke: Invoke, sample_index: Path) -> None:
    options = ["--index", sample_index, "--no-encoder", "--no-rerank", "--no-stance"]
    refused = invoke("search", "-ice", *options)
    assert refused.exit_code == 2
    command = " ".join(refused.stderr.split()).partition("If it is the claim: ")[2]
    _, name, *words = shlex.split(command)
    assert (name, words[-2:]) == ("search", ["--", "-ice"])
    assert "Claim: -ice" in invoke(name, *words).stdout
    # Next to a claim, it is a mistyped option.
    typo = invoke("search", CLAIM, "--no-rerankr", *options)
    assert "If it is the claim" not in typo.stderr
    assert "--no-rerank" in typo.stderr
    behind = invoke("search", "--", "-ice", *options)
    assert "put options before the -- and the claim after it" in " ".join(behind.stderr.split())


def test_a_claim_that_is_a_file_name_is_searched_with_a_warning(search: Invoke, tmp_path: Path) -> None:
    claims = tmp_path / "claims.txt"
    claims.write_text("ice\n")
    result = search(str(claims), "--no-encoder")
    assert result.exit_code == 0
    assert result.stderr.startswith(f"{claims} is a file; searching for its name. ")
    assert search("x" * 5_000, "--no-encoder").stderr == ""


def test_near_copies_are_folded_unless_turned_off(invoke: Invoke, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    text = "The old dam had lost 12 percent of its water"
    corpus.write_text(f"{text}.\n{text} (AP)\n{text}, agencies reported.\nThe old dam had lost 1 percent of it.\n")
    arguments = ("search", "the old dam lost 12 percent", "--corpus", corpus, "--no-encoder", "--no-rerank")
    folded = invoke(*arguments, "--no-stance").stdout
    assert "and 2 copies: corpus:2, corpus:3" in folded
    assert "lost 1 percent" in folded
    answer = json.loads(invoke(*arguments, "--no-stance", "--no-fold", "--format", "json").stdout)
    assert [hit["n_copies"] for hit in answer["evidence"]] == [0, 0, 0, 0]


def test_reading_options_apply_to_the_corpus_and_notices_are_printed(
    invoke: Invoke, tiny_model_dir: Path, tmp_path: Path
) -> None:
    corpus = tmp_path / "passages"
    corpus.write_bytes("1|Der Fluss trat über\n2|Wind is clean\n".encode("cp1252"))
    options = ("--no-encoder", "--no-rerank", "--no-stance", "--format", "jsonl")
    named = ("--input-format", "csv", "--encoding", "cp1252", "--columns", "id,text")
    result = invoke("search", "Fluss", "--corpus", corpus, *named, *options)
    assert result.exit_code == 0
    assert '"text": "Der Fluss trat über"' in result.stdout
    assert result.stderr == f"{corpus}: cells are separated by '|'\n"
    assert invoke("search", "x", "--index", tmp_path, *named).stderr.endswith(
        "Error: options for reading a file need --corpus\n"
    )


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--encoding", "latin-0", "'latin-0' is not an encoding; examples are utf-8, cp1252 and utf-16"),
        ("--delimiter", "::", "'::' is not a delimiter; give one character, such as ; or |, or the word tab"),
    ],
)
def test_an_invalid_reading_option_is_a_usage_error(
    invoke: Invoke, tmp_path: Path, option: str, value: str, message: str
) -> None:
    result = invoke("search", "x", "--corpus", tmp_path / "a.csv", option, value)
    assert result.exit_code == 2
    assert message in result.stderr
