"""The data and models that come with the package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

Role: TypeAlias = Literal["encoder", "reranker", "stance"]
"""What a model does in a search."""

_HERE = Path(__file__).parent
_CROSS_ENCODER = "claimhound-cross-encoder@1"


class BundledModel(NamedTuple):
    """The default model for a role.

    `name` ends in a version, raised whenever the model is replaced, so an index or a report shows which one it used.
    `noun` is what messages call a model in this role, and `off_flag` the option that searches without one.
    """

    name: str
    folder: Path
    noun: str
    off_flag: str

    @property
    def unversioned_name(self) -> str:
        """The name without its version."""
        return self.name.partition("@")[0]


BUNDLED_MODELS: Mapping[Role, BundledModel] = {
    "encoder": BundledModel("claimhound-encoder@1", _HERE / "models" / "encoder", "encoder", "--no-encoder"),
    "reranker": BundledModel(_CROSS_ENCODER, _HERE / "models" / "cross_encoder", "reranker", "--no-rerank"),
    "stance": BundledModel(_CROSS_ENCODER, _HERE / "models" / "cross_encoder", "stance model", "--no-stance"),
}
"""One cross-encoder does two things, in one pass."""

REPLACED_MODELS: Mapping[str, str] = dict.fromkeys(("claimhound-reranker", "claimhound-stance"), _CROSS_ENCODER)
"""Unversioned names of models that were bundled once, and the model in their place."""


def sample_dir() -> Path:
    """Return the folder of the sample: `evidence.jsonl`, `claims.jsonl` and `qrels.tsv`."""
    return _HERE / "sample"
