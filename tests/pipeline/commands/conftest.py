"""Two ways to run the command line, and indexes built with the tiny encoder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from command_runs import Child, Invoke

from claimhound.cli import main
from claimhound.data.bundled import sample_dir


def _hear_interrupts() -> None:
    """Restore SIGINT, which children of a shell's background job ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="session")
def invoke() -> Invoke:
    """Run a command in this process; an unexpected exception fails the test."""

    def run(*words: object, stdin: str | bytes | None = None, env: dict[str, str | None] | None = None) -> Result:
        return CliRunner().invoke(main, [str(word) for word in words], input=stdin, env=env, catch_exceptions=False)

    return run


@pytest.fixture(scope="session")
def child() -> Child:
    """Start a command as a child process, with pipes as its streams by default."""

    def start(*words: object, **options: object) -> subprocess.Popen[bytes]:
        # With PYTHONUNBUFFERED set, no test would see a buffer that cannot be written at exit.
        buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": buffered}
        streams |= options
        return subprocess.Popen(
            [sys.executable, "-m", "claimhound", *map(str, words)], preexec_fn=_hear_interrupts, **streams
        )

    return start


@pytest.fixture(scope="session")
def sample_index(invoke: Invoke, tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the bundled sample; do not change it."""
    index_dir = tmp_path_factory.mktemp("cli") / "sample-index"
    built = invoke("index", "build", sample_dir() / "evidence.jsonl", "--index", index_dir, "--encoder", tiny_model_dir)
    assert built.exit_code == 0, built.stderr
    return index_dir


@pytest.fixture
def small_index(invoke: Invoke, tiny_model_dir: Path, tmp_path: Path) -> Path:
    """An index of three sentences that a test may change."""
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(
        '{"id": "a", "text": "The ice melts."}\n'
        '{"id": "b", "text": "The sea level rises.", "title": "Sea", "source": "Notes", "date": "2020-01-02", "n": 7}\n'
        '{"id": "c", "text": "Wind power is clean."}\n'
    )
    index_dir = tmp_path / "small-index"
    assert invoke("index", "build", corpus, "--index", index_dir, "--encoder", tiny_model_dir).exit_code == 0
    return index_dir
