"""The structure of the package: layers, folders without circles, one home for each library, light imports."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

LAYERS = ("data", "indexes", "pipeline", "api", "pipeline.commands", "cli", "__main__")
"""Each may import itself and those before it."""

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
    "datasets": ("data/", "pipeline/training/"),  # the trainers take their pairs as a Dataset
    "zstandard": ("data/",),
    "ir_datasets": ("data/",),
    "tabulate": ("pipeline/evaluation/reporting/tables.py",),
    "scipy": ("pipeline/evaluation/statistics.py", "pipeline/serving/agreement.py"),
    "matplotlib": ("pipeline/evaluation/reporting/plots.py",),
    "jinja2": ("data/text/html_template.py", "pipeline/training/model_card.py"),
    "click": ("cli.py", "pipeline/commands/"),
    "starlette": ("pipeline/server/",),
    "uvicorn": ("pipeline/server/",),
    "pydantic": ("pipeline/server/",),
    "mcp": ("pipeline/server/mcp_tools.py",),
    "prometheus_client": ("pipeline/server/",),
    "rich": ("pipeline/commands/", "pipeline/evaluation/reporting/tables.py"),
}
"""The only files that may import a library, by the beginning of their paths."""

HEAVY = (
    "torch", "transformers", "datasets", "sentence_transformers", "openvino", "faiss", "tantivy", "numpy", "scipy",
    "matplotlib", "jinja2", "starlette", "uvicorn", "pydantic",
    "prometheus_client", "mcp",
)  # fmt: skip
"""Libraries that the command line and the package must not load until they are used."""


class Import(NamedTuple):
    """An import statement, anywhere in a file."""

    path: Path
    line: int
    module: str

    @property
    def place(self) -> str:
        """Path and line, for messages."""
        return f"{short(self.path)}:{self.line}"


def short(path: Path) -> str:
    """Return a path from the root of the checkout."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    """Return a file's module without `claimhound.`, empty for the package itself."""
    return short(path).removesuffix(".py").replace("/", ".").removesuffix("__init__").removesuffix(".")


SOURCES = sorted([*ROOT.glob("*.py"), *(path for top in LAYERS[:3] for path in (ROOT / top).rglob("*.py"))])
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FOLDERS = sorted({short(path.parent) for path in SOURCES if path.parent != ROOT})


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Return all imports of a file, relative ones with their dots."""

    def found() -> Iterator[Import]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (Import(path, node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield Import(path, node.lineno, "." * node.level + (node.module or ""))

    return tuple(found())


def ours(path: Path) -> Iterator[tuple[Import, str]]:
    """Yield each import of the package's own modules, and the module without `claimhound.`."""
    for found in imports(path):
        if found.module.startswith("claimhound."):
            yield found, found.module.removeprefix("claimhound.")


def layer_of(module: str) -> str:
    """Return the innermost layer of a module."""
    return max((layer for layer in LAYERS if f"{module}.".startswith(f"{layer}.")), key=len)


def folder_of(module: str) -> str:
    """Return the innermost folder of a module, empty for the root."""
    path = ROOT / module.replace(".", "/")
    return short(path if path.is_dir() else path.parent).removesuffix(".")


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=short)
def test_our_modules_are_imported_by_their_full_name(path: Path) -> None:
    for found in imports(path):
        top = found.module.partition(".")[0]
        assert top, f"{found.place}: write claimhound.… instead of a relative import"
        assert top not in LAYERS, f"{found.place}: write claimhound.{found.module}"
        assert top != "tests" or path in TESTS, f"{found.place}: the package imports {found.module}"


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.name != "__init__.py" or path.parent != ROOT], ids=short
)
def test_imports_point_down_the_layers(path: Path) -> None:
    layer = layer_of(module_of(path))
    for found, module in ours(path):
        below = layer_of(module)
        assert LAYERS.index(below) <= LAYERS.index(layer), f"{found.place}: {layer} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_nothing_imports_the_root_package(path: Path) -> None:
    assert [found.place for found in imports(path) if found.module == "claimhound"] == []


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_each_library_is_imported_only_in_its_home(path: Path) -> None:
    for found in imports(path):
        library = found.module.partition(".")[0]
        homes = HOMES.get(library, ("",))
        assert short(path).startswith(homes), f"{found.place}: {library} is imported only in {' and '.join(homes)}"


@pytest.mark.parametrize("library", HOMES)
def test_each_home_is_lived_in(library: str) -> None:
    users = [short(path) for path in SOURCES for found in imports(path) if found.module.partition(".")[0] == library]
    assert [home for home in HOMES[library] if not any(user.startswith(home) for user in users)] == []


def test_folders_do_not_import_each_other_in_a_circle() -> None:
    arrows: dict[str, set[str]] = {folder: set() for folder in FOLDERS}
    for path in SOURCES:
        if path.parent != ROOT and path.name != "__init__.py":
            folder = short(path.parent)
            arrows[folder] |= {folder_of(module) for _, module in ours(path)} - {folder, ""}
    order = list(TopologicalSorter(arrows).static_order())  # raises CycleError, which names the circle
    assert sorted(order) == FOLDERS


@pytest.mark.parametrize("module", ["claimhound", "claimhound.cli"])
def test_a_heavy_library_is_loaded_only_when_it_is_used(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout.split() == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_offers_exactly_what_its_init_imports_or_defines(folder: str) -> None:
    tree = ast.parse((ROOT / folder / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{folder}/__init__.py has no docstring"
    lazy = [node for block in tree.body if isinstance(block, ast.If) for node in block.body]
    names = [
        alias.asname or alias.name
        for node in [*tree.body, *lazy]
        if isinstance(node, ast.ImportFrom) and node.module not in ("importlib", "typing")
        for alias in node.names
    ]
    names += [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    package = importlib.import_module(f"claimhound.{folder.replace('/', '.')}")
    offered = list(getattr(package, "__all__", []))
    assert sorted(offered) == sorted(set(names) - {"annotations", "__getattr__"})
    assert all(hasattr(package, name) for name in offered)
