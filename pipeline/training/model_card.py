"""What the README.md of every trained model says: what it was made from, and how."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from claimhound.data.disk.checksums import sha256_of
from claimhound.data.text.text_form import TEXT_FORM_VERSION
from claimhound.pipeline.evaluation.reporting.tables import Column, Table, as_markdown

CARD_FILE = "README.md"


@dataclass(frozen=True)
class DataFile:
    """A file that training read: its name without the folder, its hash, and what it gave."""

    name: str
    sha256: str
    gave: str


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from; `index` and `encoder` describe the first stage whose lists were mined, if any were."""

    base_model: str
    code_version: str
    index: str = ""
    encoder: str = ""
    data_files: tuple[DataFile, ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)


def data_file(path: Path, gave: str) -> DataFile:
    """Describe a file, or a folder by the hashes of the files in it."""
    if not path.is_dir():
        return DataFile(path.name, sha256_of(path), gave)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    digest = hashlib.sha256(b"".join(bytes.fromhex(sha256_of(file)) for file in files))
    return DataFile(path.name, digest.hexdigest(), gave)


def code_version() -> str:
    """Return name and version of this program."""
    try:
        return f"claimhound {version('claimhound')}"
    except PackageNotFoundError:
        return "claimhound, not installed"


def front_matter(pipeline_tag: str, *tags: str) -> list[str]:
    """Return the lines at the head of a card that model hubs read."""
    lines = ["library_name: sentence-transformers", f"pipeline_tag: {pipeline_tag}"]
    return ["---", *lines, f"tags: [{', '.join((*tags, 'fact-checking'))}]", "---", ""]


def made_from(provenance: Provenance) -> list[str]:
    """Return the section on base model, code and data."""
    mined = [f"- negatives from: {provenance.index}, encoder {provenance.encoder}"] if provenance.index else []
    return [
        "## Made from",
        "",
        f"- base model: {provenance.base_model}",
        *mined,
        f"- code: {provenance.code_version}",
        f"- documents are read in text form {TEXT_FORM_VERSION}: title, colon and text, where they have a title",
        "",
        *table(("data", "sha256", "gave"), [(d.name, f"`{d.sha256}`", d.gave) for d in provenance.data_files]),
        "",
    ]


def settings_table(recipe: Any) -> list[str]:
    """Return a table of every field of a recipe, which is a dataclass."""
    return table(("setting", "value"), [(name, str(value)) for name, value in asdict(recipe).items()])


def measures_table(head: str, rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return a table with a row for each name and a column for each measure; no lines for no rows."""
    if not rows:
        return []
    measures = list(next(iter(rows.values())))
    return table(
        (head, *measures), [(name, *(f"{row[measure]:.4f}" for measure in measures)) for name, row in rows.items()]
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return as_markdown(Table([Column(name) for name in head], rows)).splitlines()
