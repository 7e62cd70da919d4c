"""README and the pages of docs/: what they show is run, what they name exists.

A fenced block after `<!-- run -->` is run, and its output must be the one shown. A block after `<!-- shape -->` must
have the keys of a search's JSON answer, after `<!-- shape: COMMAND -->` those of the object the command prints.
`python -m tests.test_docs [PAGE...]` writes the outputs of the commands into the pages.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from claimhound.cli import main
from tests.test_layers import SOURCES, folder_of, ours, short

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
TEXTS = (*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "data/sample/README.md")))
README_LINES = 200

BUILD = "claimhound index build data/sample/evidence.jsonl --index my-index"
SEARCH = 'claimhound search "The MMR jab gives children autism." --index my-index -k 1 --format json'

_BLOCK = re.compile(
    r"<!-- (?P<kind>run|shape)(?:: (?P<command>.*))? -->\n```(?P<language>\w+)\n(?P<code>.*?)```\n"
    r"(?:\n```text\n(?P<output>.*?)```\n)?",
    re.DOTALL,
)
_FENCE = re.compile(r"```\w*\n(.*?)```\n", re.DOTALL)
_COMMAND_LINE = re.compile(r"^(?:\$ )?(claimhound (?:.*\\\n)*.*)$", re.MULTILINE)
# Times, sizes, and the last digits of figures, which differ from one processor to the next.
_VARYING = re.compile(r"[<>]\.\d\d|\d*\.\d+|\d+ ms|[\d,]+ bytes")
_PATH = re.compile(
    r"`((?:data|docs|indexes|pipeline|tests)/[\w./-]+|cli\.py|pyproject\.toml|constraints\.txt|\.ci/run|Makefile)`"
)
_MODULE = re.compile(r"python -m (tests[\w.]+)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


class Step(NamedTuple):
    """A command and the output shown below it; an empty output is not compared."""

    command: str
    shown: str


def steps(block: str) -> Iterator[Step]:
    """Yield the commands of a console block with their outputs."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield Step(command, shown)


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as in an activated environment and a terminal of 80 columns."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "COLUMNS": "80"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def output_of(command: str, folder: Path) -> str:
    """Run a shell command that must succeed; return its standard output."""
    finished = run(["sh", "-c", command], folder)
    assert finished.returncode == 0, f"{command}\n{finished.stderr}"
    return finished.stdout


def prepare(folder: Path, page: str, sample_index: Path) -> None:
    """Make the folder a page's commands start in: the sample, a user's files, and the sample's index.

    A page that builds `my-index` itself starts without one.
    """
    (folder / "data").mkdir()
    (folder / "data" / "sample").symlink_to(ROOT / "data" / "sample")
    claims = [json.loads(line)["text"] for line in (ROOT / "data/sample/claims.jsonl").read_text().splitlines()[:3]]
    (folder / "claims.txt").write_text("".join(f"{claim}\n" for claim in claims))
    pairs = [(claims[0], claims[0], 1), (claims[0], "The ice melts.", 0), (claims[1], claims[1], 1)]
    records = (dict(zip(("claim", "evidence", "label"), pair, strict=True)) for pair in pairs)
    (folder / "pairs.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "passages.txt").write_text("Solar modules cost a tenth of what they did.\nThe ice melts.\n")
    if BUILD not in page:
        shutil.copytree(sample_index, folder / "my-index")


def build_sample_index(folder: Path) -> Path:
    """Build the index that pages share; return its folder."""
    (folder / "data").mkdir()
    (folder / "data" / "sample").symlink_to(ROOT / "data" / "sample")
    output_of(BUILD, folder)
    return folder / "my-index"


def essence(output: str) -> list[str]:
    """Return the words of an output without the figures that may vary."""
    return _VARYING.sub("#", output).split()


def keys(value: object) -> object:
    """Return the nested key names of a JSON value; of a list, those of its objects."""
    if isinstance(value, dict):
        return {name: keys(item) for name, item in value.items()}
    if isinstance(value, list):
        return [keys(item) for item in value if isinstance(item, dict)]
    return None


@pytest.fixture(scope="module")
def sample_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_sample_index(tmp_path_factory.mktemp("sample"))


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if _BLOCK.search(page.read_text())], ids=place)
def test_what_a_page_shows_comes_out_as_shown(page: Path, sample_index: Path, tmp_path: Path) -> None:
    text = page.read_text()
    prepare(tmp_path, text, sample_index)
    for block in _BLOCK.finditer(text):
        code = block["code"]
        if block["kind"] == "shape":
            found = json.loads(output_of(block["command"] or SEARCH, tmp_path))
            assert keys(found) == keys(json.loads(code)), block["command"] or SEARCH
        elif block["language"] == "python":
            finished = run([sys.executable, "-c", code], tmp_path)
            assert finished.returncode == 0, finished.stderr
            if block["output"] is not None:
                assert essence(finished.stdout) == essence(block["output"]), code
        else:
            for command, shown in steps(code):
                found = output_of(command, tmp_path)
                if shown:
                    assert essence(found) == essence(shown), command


def commands_below(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield each command that does something, with the words that call it."""
    if isinstance(command, click.Group):
        for word, child in command.commands.items():
            yield from commands_below(child, f"{name} {word}")
    else:
        yield name, command


COMMANDS = dict(commands_below(main, "claimhound"))


def options_of(command: click.Command) -> set[str]:
    return {word for option in command.params for word in (*option.opts, *option.secondary_opts) if word[0] == "-"}


def test_every_command_and_option_is_named_in_the_readme_or_on_the_page_of_the_command_line() -> None:
    text = README.read_text() + (ROOT / "docs" / "cli.md").read_text()
    named = set(re.findall(r"(?<![\w-])--?[\w-]+", text))
    assert [name for name in COMMANDS if name not in text] == []
    assert sorted({option for command in COMMANDS.values() for option in options_of(command)} - named) == []


@pytest.mark.parametrize("page", TEXTS, ids=place)
def test_every_command_line_that_a_page_shows_has_a_command_and_options_that_exist(page: Path) -> None:
    for block in _FENCE.findall(page.read_text()):
        for line in _COMMAND_LINE.findall(block):
            words = shlex.split(line.replace("\\\n", " "), comments=True)
            name = max((name for name in COMMANDS if f"{' '.join(words)} ".startswith(f"{name} ")), key=len, default="")
            assert name, f"no such command: {line}"
            given = {word.partition("=")[0] for word in words if re.fullmatch(r"--?[a-z].*", word)}
            assert given <= options_of(COMMANDS[name]), line


def slug(heading: str) -> str:
    """Return a heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    prose = _FENCE.sub("", path.read_text())
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", prose, flags=re.MULTILINE)}


@pytest.mark.parametrize("page", TEXTS, ids=place)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in _LINK.findall(page.read_text()):
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", TEXTS, ids=place)
def test_every_path_and_module_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    missing = [name for name in _PATH.findall(text) if not (ROOT / name).exists() and not (page.parent / name).exists()]
    assert missing == []
    assert [name for name in _MODULE.findall(text) if importlib.util.find_spec(name) is None] == []


def test_contributing_names_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    packages = (path.parent for top in ("data", "indexes", "pipeline") for path in (ROOT / top).rglob("__init__.py"))
    rooms = sorted(map(place, packages))
    assert [room for room in rooms if f"`{room}/`" not in text and not room.startswith("data/models/")] == []


def test_every_arrow_in_the_design_is_an_import() -> None:
    uses: defaultdict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        user = short(path.parent) if path.parent != ROOT else path.stem
        uses[user.removeprefix("pipeline/")] |= {
            (folder_of(module) or module).removeprefix("pipeline/") for _, module in ours(path)
        }
    lines = [line for line in (ROOT / "docs" / "design.md").read_text().splitlines() if "──>" in line]
    assert lines
    for line in lines:
        stations = [part.strip().split(", ") for part in line.split("──>")]
        for users, used in pairwise(stations):
            for user in users:
                assert set(used) <= uses[user], line


def test_the_readme_is_short_and_lists_every_page() -> None:
    text = README.read_text()
    assert len(text.splitlines()) <= README_LINES
    assert [place(page) for page in PAGES[1:] if f"]({place(page)}" not in text] == []


def rewrite(pages: Sequence[Path], say: Callable[[str], object]) -> None:
    """Write into the pages what their commands print now, where an output is shown and differs in more than figures."""
    with tempfile.TemporaryDirectory() as scratch:
        sample_index = build_sample_index(Path(scratch))
        for page in pages:
            text = page.read_text()
            say(place(page))
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                prepare(folder, text, sample_index)
                page.write_text(_BLOCK.sub(lambda block, folder=folder: _fresh(block, folder), text))


def _fresh(block: re.Match[str], folder: Path) -> str:
    """Return the block with today's outputs."""
    if block["kind"] == "shape":
        return block[0]
    if block["language"] == "python":
        finished = run([sys.executable, "-c", block["code"]], folder)
        assert finished.returncode == 0, finished.stderr
        shown = block["output"]
        return block[0] if not shown else block[0].replace(shown, _newer(shown, finished.stdout))
    fresh = ""
    for command, shown in steps(block["code"]):
        found = output_of(command, folder)
        fresh += f"$ {command}\n" + (_newer(shown, found) if shown else "")
    return block[0].replace(block["code"], fresh)


def _newer(shown: str, found: str) -> str:
    """Return the output found, or the one shown where it differs only in figures that vary."""
    return shown if essence(shown) == essence(found) else found.rstrip("\n") + "\n"


if __name__ == "__main__":
    rewrite([Path(word).resolve() for word in sys.argv[1:]] or PAGES, print)
