"""Fact-checking evidence retriever: a claim goes in, the sentences of your corpus that bear on it come out, ranked.

Names are loaded on first use, so `import claimhound` is cheap; docs/api.md has an example of each.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claimhound.api import add_documents, annotate, build_index, delete_documents, evaluate
    from claimhound.data.errors import (
        ClaimhoundError,
        IndexLockedError,
        IndexMissingError,
        IndexUnusableError,
        IndexWriteError,
        InputError,
        ModelError,
        RecordError,
    )
    from claimhound.data.read_options import ReadOptions
    from claimhound.indexes.conditions import Conditions
    from claimhound.pipeline.search.config import PipelineConfig
    from claimhound.pipeline.search.evidence import EvidencePipeline
    from claimhound.pipeline.search.opening import open_pipeline
    from claimhound.pipeline.search.results import ClaimEvidence, Evidence
    from claimhound.pipeline.serving.compute import Compute

    __version__: str

__all__ = [
    "ClaimEvidence",
    "ClaimhoundError",
    "Compute",
    "Conditions",
    "Evidence",
    "EvidencePipeline",
    "IndexLockedError",
    "IndexMissingError",
    "IndexUnusableError",
    "IndexWriteError",
    "InputError",
    "ModelError",
    "PipelineConfig",
    "ReadOptions",
    "RecordError",
    "__version__",
    "add_documents",
    "annotate",
    "build_index",
    "delete_documents",
    "evaluate",
    "open_pipeline",
]

_HOMES = {
    "api": ("add_documents", "annotate", "build_index", "delete_documents", "evaluate"),
    "data.errors": tuple(name for name in __all__ if name.endswith("Error")),
    "data.read_options": ("ReadOptions",),
    "indexes.conditions": ("Conditions",),
    "pipeline.search.config": ("PipelineConfig",),
    "pipeline.search.evidence": ("EvidencePipeline",),
    "pipeline.search.opening": ("open_pipeline",),
    "pipeline.search.results": ("ClaimEvidence", "Evidence"),
    "pipeline.serving.compute": ("Compute",),
}


def __getattr__(name: str) -> object:
    """Load a public name from the module where it lives."""
    if name == "__version__":
        from claimhound.pipeline.commands.invocation import version

        return version()
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"claimhound.{home}"), name)
    raise AttributeError(f"module 'claimhound' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return __all__
