"""`search --server`: a process that asks another one, and prints what a search here would print."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_runs import Child, Invoke

CLAIM = "The sea level rises because ice melts."
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def token_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("token") / "token.txt"
    path.write_text(TOKEN + "\n")
    return path


@pytest.fixture(scope="module")
def models(tiny_reranker_dir: Path, tiny_stance_dir: Path) -> tuple[object, ...]:
    return "--reranker", tiny_reranker_dir, "--stance", tiny_stance_dir, "--device", "cpu"


@pytest.fixture(scope="module")
def server(
    invoke: Invoke, child: Child, sample_index: Path, models: tuple[object, ...], token_path: Path
) -> Iterator[str]:
    """The address of a `claimhound serve`, a process of its own."""
    # Converts the models in this process, which the server would do in children that import torch.
    assert invoke("search", CLAIM, "--index", sample_index, *models).exit_code == 0
    process = child("serve", "--index", f"sample={sample_index}", "--port", 0, "--token-file", token_path, *models)
    for line in process.stderr:
        if found := re.match(rb"listening on (\S+)", line):
            break
    else:
        pytest.fail("the server does not listen")
    yield found[1].decode()
    process.terminate()
    process.communicate()


@pytest.fixture
def both(
    invoke: Invoke, child: Child, server: str, sample_index: Path, models: tuple[object, ...], token_path: Path
) -> object:
    """Search here and through the server; return both outputs, this one's without places on the disk."""

    def run(*words: object, stdin: bytes | None = None) -> tuple[str, str]:
        asked = child("search", *words, "--server", server, "--token-file", token_path)
        here = invoke("search", *words, "--index", sample_index, *models, stdin=stdin)
        there, messages = asked.communicate(stdin)
        assert (here.exit_code, asked.returncode) == (0, 0), messages
        named = here.stdout.replace(str(sample_index), "sample")
        for folder in re.findall(r'"(/[^"]*/[^"/]*)"', named):
            named = named.replace(folder, Path(folder).name)
        return named, there.decode()

    return run


def _without_timings(text: str) -> str:
    return re.sub(r'"timings_ms": \{[^}]*\}', '"timings_ms": {}', text)


def test_a_table_is_byte_for_byte_the_one_of_a_search_here(both) -> None:
    here, there = both(CLAIM, "-k", 3, "--context", 1)
    assert there == here
    assert "#" in here


def test_an_explained_table_differs_in_its_timings_alone(both) -> None:
    here, there = both(CLAIM, "--explain", "--no-fold", "--before", "2015", "--where", "source=Climate notes")
    assert there.partition("\nTime: ")[0] == here.partition("\nTime: ")[0]
    assert "\nTime: " in there


def test_json_lines_and_tsv_are_byte_for_byte_the_same(both) -> None:
    claims = b"The ice melts.\n\nThe sea level rises.\n"
    here, there = both("-", "--format", "jsonl", "--side", "supports", stdin=claims)
    assert _without_timings(there) == _without_timings(here)
    assert there.count("\n") == 2
    here, there = both("-", "--format", "tsv", "--min-score", 0.2, stdin=claims)
    assert there == here


def test_json_is_byte_for_byte_the_same(both) -> None:
    here, there = both(CLAIM, "--format", "json", "--adaptive-k")
    assert _without_timings(there) == _without_timings(here)
    assert json.loads(there)["index"]["path"] == "sample"


def test_lines_of_standard_input_are_answered_as_they_come(child: Child, server: str, token_path: Path) -> None:
    process = child("search", "-", "--format", "jsonl", "--server", server, "--token-file", token_path)
    for claim in ("The ice melts.", "Wind power is clean."):
        process.stdin.write(claim.encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["claim"] == claim
    process.communicate()
    assert process.returncode == 0


def test_a_wrong_index_is_an_error_of_one_line(child: Child, server: str, token_path: Path) -> None:
    process = child("search", CLAIM, "--server", server, "--token-file", token_path, "--index", "other")
    output, messages = process.communicate()
    assert (process.returncode, output) == (1, b"")
    assert messages.decode() == f"Error: {server}: there is no index 'other'; the indexes are: sample\n"


def test_the_server_may_be_named_by_the_environment(invoke: Invoke) -> None:
    # The tests' sockets reach no server, which is told in one line with the address.
    result = invoke("search", CLAIM, env={"CLAIMHOUND_SERVER": "http://127.0.0.1:9"})
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: http://127.0.0.1:9: ")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--rerank-k", "50"], "--rerank-k"),
        (["--first-stage-k", "9"], "--first-stage-k"),
        (["--config", "x.json"], "--config"),
        (["--corpus", "x.jsonl"], "--corpus"),
        (["--text-field", "body"], "--text-field"),
        (["--reranker", "bundled"], "--reranker"),
        (["--no-rerank"], "--no-rerank"),
        (["--encoder", "bundled"], "--encoder"),
        (["--no-stance"], "--no-stance"),
        (["--stance", "bundled"], "--stance"),
        (["--threads", "2"], "--threads"),
        (["--precision", "f32"], "--precision"),
        (["--max-length", "64"], "--max-length"),
    ],
)
def test_an_option_that_the_server_decides_is_refused_by_name(invoke: Invoke, words: list[str], named: str) -> None:
    result = invoke("search", CLAIM, "--server", "http://127.0.0.1:9", *words)
    assert result.exit_code == 2
    assert f"{named} cannot be combined with --server: the server was started with its own" in result.stderr
    result = invoke("search", CLAIM, *words, env={"CLAIMHOUND_SERVER": "http://127.0.0.1:9"})
    assert "unset CLAIMHOUND_SERVER to search here" in result.stderr


def test_a_token_without_a_server_is_a_usage_error(invoke: Invoke, token_path: Path) -> None:
    result = invoke("search", CLAIM, "--index", "ix", "--token-file", token_path)
    assert result.exit_code == 2
    assert "--token-file needs --server URL" in result.stderr


def test_asking_a_server_loads_no_model_library() -> None:
    heavy = ("torch", "numpy", "tantivy", "faiss", "openvino", "pydantic", "starlette", "transformers", "regex")
    code = (
        "import sys; from claimhound.cli import main\n"
        "try: main(['search', 'The ice melts.', '--server', 'http://127.0.0.1:9', '--before', '2015'])\n"
        "except SystemExit: pass\n"
        "from claimhound.pipeline.commands.answer_table import as_table\n"
        f"print(*sorted(set({heavy!r}) & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == []
    assert "http://127.0.0.1:9" in finished.stderr
