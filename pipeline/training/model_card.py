"""Model cards: the README.md of a trained model, with its data, settings and measurements."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.disk.checksums import sha256_of
from claimhound.data.text.text_form import TEXT_FORM_VERSION
from claimhound.pipeline.training.recipe import Recipe
from claimhound.pipeline.training.training_run import TrainingRun

CARD_FILE = "README.md"


@dataclass(frozen=True)
class DataFile:
    """A file read in training: its name without the folder, its checksum, and what it contributed."""

    name: str
    sha256: str
    gave: str


def data_file(path: Path, gave: str) -> DataFile:
    """Describe a file, or a folder by the checksums of its files."""
    if not path.is_dir():
        return DataFile(path.name, sha256_of(path), gave)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    digest = hashlib.sha256(b"".join(bytes.fromhex(sha256_of(file)) for file in files))
    return DataFile(path.name, digest.hexdigest(), gave)


def write_card(
    kind: Literal["encoder", "reranker", "stance", "two heads"],
    run: TrainingRun[Recipe],
    built: object,
    files: Iterable[DataFile],
    negatives_from: str = "",
) -> None:
    """Write the card of a trained model into its folder, atomically.

    `built` is the result of `build_encoder`, `build_reranker`, `build_stance` or `build_two_heads`. `negatives_from`
    describes the index and encoder that negatives were mined from, if any.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["count"] = lambda number: f"{number:,.0f}"
    environment.filters["figure"] = lambda number: f"{number:.4f}"
    template = (resources.files("claimhound.pipeline.training") / "card.md.jinja").read_text(encoding="utf-8")
    card = environment.from_string(template).render(
        kind=kind,
        base_model=run.base.name,
        negatives_from=negatives_from,
        code_version=_code_version(),
        text_form=TEXT_FORM_VERSION,
        files=list(files),
        recipe=run.recipe,
        settings=asdict(run.recipe),
        built=built,
        training=built.training,  # type: ignore[attr-defined]
    )
    with write_atomically(run.output_dir / CARD_FILE) as file:
        file.write(card)


def _code_version() -> str:
    try:
        return f"claimhound {version('claimhound')}"
    except PackageNotFoundError:
        return "claimhound, not installed"
