"""The record of a model's conversion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from claimhound.pipeline.serving.agreement import Agreement, LogitAgreement, VectorAgreement
from claimhound.pipeline.serving.precision import Candidate


@dataclass(frozen=True)
class Measured:
    """What was measured in a conversion.

    `served` is the chosen precision, or None if no converted form agrees with the library; then `reason` says why.
    `processor` is its name. `files` are the written files and their SHA-256.
    """

    served: str | None
    reason: str
    processor: str
    candidates: tuple[Candidate, ...]
    files: Mapping[str, str]

    def to_json(self) -> str:
        """Return the record as JSON."""
        candidates = [
            {**one._asdict(), "agreement": one.agreement and one.agreement._asdict(), "agrees": one.agrees}
            for one in self.candidates
        ]
        return json.dumps(
            {
                "served": self.served,
                "reason": self.reason,
                "processor": self.processor,
                "candidates": candidates,
                "files": dict(self.files),
            },
            indent=1,
        )

    @classmethod
    def read(cls, path: Path) -> Measured:
        """Read a record; raises ValueError if it is not one, OSError if it cannot be read."""
        try:
            values = json.loads(path.read_bytes())
            candidates = tuple(
                Candidate(one["precision"], one["rate"], _agreement(one["agreement"]), one["failure"])
                for one in values["candidates"]
            )
            files = {str(name): str(digest) for name, digest in values["files"].items()}
            return cls(values["served"], values["reason"], values["processor"], candidates, files)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path}: not a conversion record ({error})") from error


def _agreement(values: dict[str, float] | None) -> Agreement | None:
    if values is None:
        return None
    return VectorAgreement(**values) if "mean_cosine" in values else LogitAgreement(**values)
