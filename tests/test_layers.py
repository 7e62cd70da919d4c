"""The shape of the whole: who imports whom, where each library lives, what a package offers."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("data", "indexes", "pipeline", "pipeline.commands", "cli")  # each may import itself and those before it
HOMES = {
    "tantivy": ("indexes/",),
    "faiss": ("indexes/",),
    "rank_bm25": ("indexes/",),
    "openvino": ("pipeline/",),
    "nncf": ("pipeline/",),
    "torch": ("pipeline/",),
    "sentence_transformers": ("pipeline/",),
    "transformers": ("pipeline/",),
    "pyarrow": ("data/",),
    "datasets": ("data/", "pipeline/training/"),  # trainers take their pairs in this form
    "zstandard": ("data/",),
    "ir_datasets": ("data/",),
    "tabulate": ("pipeline/evaluation/tables.py",),
    "scipy": ("pipeline/evaluation/statistics.py", "pipeline/serving/agreement.py"),
    "matplotlib": ("pipeline/evaluation/plots.py",),
    "jinja2": ("pipeline/evaluation/report.py", "pipeline/annotation/page.py", "pipeline/training/model_card.py"),
    "click": ("cli.py", "pipeline/commands/"),
    "rich": ("pipeline/search/rendering.py", "pipeline/commands/", "pipeline/evaluation/tables.py"),
}
HEAVY = ("torch", "transformers", "datasets", "sentence_transformers", "scipy", "matplotlib", "jinja2")


def sources() -> list[Path]:
    return sorted(
        [ROOT / "cli.py", *(path for top in ("data", "indexes", "pipeline") for path in (ROOT / top).rglob("*.py"))]
    )


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and full name of all that a file imports, wherever in it; our own modules without `claimhound.`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.removeprefix("claimhound.")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            assert node.module is not None
            yield node.lineno, node.module.removeprefix("claimhound.")


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def layer_of(module: str) -> str | None:
    """Return the innermost layer that a module lies in, None for a module that is not ours."""
    return max((layer for layer in LAYERS if f"{module}.".startswith(f"{layer}.")), key=len, default=None)


@pytest.mark.parametrize("path", sources(), ids=place)
def test_imports_point_down_the_layers(path: Path) -> None:
    layer = layer_of(place(path).removesuffix(".py").replace("/", "."))
    assert layer is not None
    for line, name in imported(path):
        below = layer_of(name)
        if below is not None:
            assert LAYERS.index(below) <= LAYERS.index(layer), f"{place(path)}:{line}: {layer} imports {name}"


@pytest.mark.parametrize("path", sources(), ids=place)
def test_each_library_is_imported_only_where_it_lives(path: Path) -> None:
    for line, name in imported(path):
        homes = HOMES.get(name.split(".")[0])
        if homes is not None:
            assert place(path).startswith(homes), f"{place(path)}:{line}: {name} lives in {' and '.join(homes)}"


ROOMS = sorted({place(path.parent) for path in sources() if path.parent != ROOT})


def room_of(module: str) -> str | None:
    """Return the innermost folder that a module of ours lies in, None for other modules."""
    folder = module.replace(".", "/")
    while folder not in ROOMS:
        if "/" not in folder:
            return None
        folder = folder.rpartition("/")[0]
    return folder


def test_no_folders_import_each_other_in_a_circle() -> None:
    arrows: dict[str, set[str]] = {room: set() for room in ROOMS}
    for path in sources():
        if path.parent != ROOT and path.name != "__init__.py":
            room = place(path.parent)
            arrows[room] |= {found for _, name in imported(path) if (found := room_of(name))} - {room}
    order = list(TopologicalSorter(arrows).static_order())  # raises CycleError, which names the circle
    assert sorted(order) == ROOMS


@pytest.mark.parametrize("library", HOMES)
def test_each_library_is_used_where_it_lives(library: str) -> None:
    used = {place(path) for path in sources() for _, name in imported(path) if name.split(".")[0] == library}
    assert used, f"{library} is used nowhere"


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    code = f"import sys, claimhound.cli; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout.split() == []


@pytest.mark.parametrize("layer", LAYERS[:-1])
def test_what_a_package_offers_is_all_that_it_imports_and_can_be_imported(layer: str) -> None:
    package = importlib.import_module(f"claimhound.{layer}")
    tree = ast.parse((ROOT / layer.replace(".", "/") / "__init__.py").read_text(encoding="utf-8"))
    brought = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    } - {"annotations"}
    offered = getattr(package, "__all__", [])
    assert set(offered) == brought | {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    assert len(offered) == len(set(offered))
    assert all(hasattr(package, name) for name in offered)
