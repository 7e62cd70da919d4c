"""A job's record: what was asked, and how far it is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Literal, TypeAlias

from claimhound.data.errors import InputError
from claimhound.data.read_options import DateOrder
from claimhound.data.records import Json
from claimhound.pipeline.annotation.output import OutputFormat

State: TypeAlias = Literal["waiting", "running", "finished", "failed", "cancelled"]

_VERSION = 1
_DAY_S = 86_400


@dataclass(frozen=True)
class JobOrder:
    """What a client asks for: its settings are those of `annotate`. `index` is the index's name."""

    index: str
    k: int = 5
    adaptive: bool = False
    min_score: float | None = None
    folding: bool = True
    before: str | None = None
    where: tuple[tuple[str, str], ...] = ()
    before_field: str | None = None
    date_order: DateOrder | None = None
    id_field: str | None = None
    text_field: str | None = None
    output_format: OutputFormat = "jsonl"


@dataclass(frozen=True)
class JobRecord:
    """A job. Jobs are done in the order of their `number`.

    `name` is shown for the upload, `upload` is its name on disk. `kept` names the kept generation of the index. `basis`
    identifies the models and settings of the last run, `starts` counts the runs in a row that ended with the server's
    death and got no further than `done`.
    """

    id: str
    number: int
    name: str
    upload: str
    order: JobOrder
    generation: int
    kept: str
    created: float
    state: State = "waiting"
    done: int = 0
    total: int | None = None
    n_rejected: int = 0
    message: str | None = None
    ended: float | None = None
    basis: str | None = None
    starts: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.state not in ("waiting", "running")

    @property
    def output_name(self) -> str:
        """Name of the output on disk."""
        return f"out.{self.order.output_format}"

    @property
    def page_name(self) -> str | None:
        """Name of the page that is made beside JSON lines."""
        return "page.html" if self.order.output_format == "jsonl" else None

    def expires(self, days: int) -> float | None:
        """Return the time at which the job is removed, None for one that is not over."""
        return None if self.ended is None else self.ended + days * _DAY_S

    def download_name(self, suffix: str) -> str:
        """Return the name of an output for the client's disk."""
        return f"{PurePath(self.name).name.partition('.')[0] or 'claims'}.annotated.{suffix}"

    def shown(self, days: int) -> dict[str, Json]:
        """Return what clients are told."""
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "n_rejected": self.n_rejected,
            "message": self.message,
            "created": _moment(self.created),
            "expires": _moment(self.expires(days)),
            "index": self.order.index,
            "generation": self.generation,
            "format": self.order.output_format,
        }

    def to_json(self) -> str:
        """Return the record as it is stored."""
        return json.dumps({"version": _VERSION, "job": asdict(self)}, ensure_ascii=True, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, name: str) -> JobRecord:
        """Return a stored record; `name` is its file's. Raises InputError for anything else."""
        try:
            outer = json.loads(text)
            if outer["version"] != _VERSION:
                raise InputError(f"{name}: written by another version of claimhound; remove its folder")
            job: dict[str, Any] = outer["job"]
            order = JobOrder(**job["order"] | {"where": tuple(map(tuple, job["order"]["where"]))})
            return cls(**job | {"order": order})
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{name}: is not the record of a job ({error}); remove its folder") from error


def _moment(time: float | None) -> str | None:
    return None if time is None else datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")
