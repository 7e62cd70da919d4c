"""How much a server's jobs may take, and what is refused beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Reason: TypeAlias = Literal["unknown", "not_finished", "wrong_file", "too_large", "too_many_jobs", "disk_full"]


class JobRefused(Exception):
    """A job that is not taken or not there. The message says what to change, and names no path."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class JobLimits:
    """What jobs may take; GET /v1/indexes tells clients.

    `upload_bytes` counts packed and unpacked, `records` good and bad, `field_bytes` a claim's other fields as JSON. `k`
    is lower than that of a search: a job of ten thousand claims multiplies it. `kept` jobs are there at a time,
    finished ones included, which are removed after `days`. `disk_bytes` is for all jobs together.
    """

    upload_bytes: int = 20_000_000
    records: int = 100_000
    field_bytes: int = 65_536
    k: int = 100
    kept: int = 100
    days: int = 7
    disk_bytes: int = 10_000_000_000
