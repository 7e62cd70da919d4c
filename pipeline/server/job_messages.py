"""What a client asks of a job: as fields of a form beside a file, or as JSON with the claims in it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from claimhound.data.read_options import DateOrder
from claimhound.indexes.conditions import Conditions
from claimhound.pipeline.annotation.output import OutputFormat
from claimhound.pipeline.server.jobs.limits import JobLimits
from claimhound.pipeline.server.jobs.record import JobOrder
from claimhound.pipeline.server.messages import Claim, Message
from claimhound.pipeline.server.problems import RequestProblem

_LIMITS = JobLimits()
_LONGEST_NAME = 200
_FLAGS = {"true": True, "false": False}


class JobSettings(Message):
    """How the claims of a job are to be annotated; the words are those of a search."""

    index: str | None = Field(None, description="Name of the index; the first of GET /v1/indexes if left out.")
    k: int = Field(5, ge=1, le=_LIMITS.k, description="Number of pieces of evidence for each claim.")
    adaptive_k: bool = Field(False, description="Fewer than k where probabilities fall far below the best.")
    min_score: float | None = Field(None, ge=0, le=1, description="Leave out evidence with a lower probability.")
    fold: bool = Field(True, description="Fold near-copies into one piece of evidence.")
    before: str | None = Field(None, description="Only documents from before this day (YYYY, YYYY-MM or YYYY-MM-DD).")
    where: dict[str, str] = Field(
        default_factory=dict, description="Only documents with these values, as field and value; in a form, as JSON."
    )
    before_field: str | None = Field(
        None, min_length=1, max_length=_LONGEST_NAME, description="Field with each claim's date; evidence is older."
    )
    date_order: DateOrder | None = Field(None, description="Order of a claim's date such as 03/04/2021.")
    id_field: str | None = Field(None, min_length=1, max_length=_LONGEST_NAME, description="Field with a claim's id.")
    text_field: str | None = Field(
        None, min_length=1, max_length=_LONGEST_NAME, description="Field with a claim's text."
    )
    format: OutputFormat = Field("jsonl", description="Format of the output; a page is made beside JSON lines.")

    @field_validator("before")
    @classmethod
    def _before(cls, before: str | None) -> str | None:
        Conditions(before)
        return before

    def order(self, index_name: str) -> JobOrder:
        """Return the order of a job."""
        return JobOrder(
            index_name, self.k, self.adaptive_k, self.min_score, self.fold, self.before, tuple(self.where.items()),
            self.before_field, self.date_order, self.id_field, self.text_field, self.format,
        )  # fmt: skip


class OutputQuery(Message):
    """Which output of a job: the format that it was started with, or the page beside JSON lines."""

    format: OutputFormat | None = Field(None, description="The job's own if left out.")


class JobForm(JobSettings):
    """A form with a file of claims; every other field may be left out."""

    file: bytes = Field(description="The claims, in any format that `claimhound annotate` reads but Parquet.")


class JobRequest(JobSettings):
    """Claims to annotate, without a file."""

    claims: list[Claim] = Field(min_length=1, max_length=_LIMITS.records, description="The claims.")

    def as_file(self) -> bytes:
        """Return the claims as JSON lines, numbered from 1."""
        records = ({"id": str(number), "text": claim} for number, claim in enumerate(self.claims, start=1))
        return "".join(f"{json.dumps(record)}\n" for record in records).encode()


def form_record(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a form as the record that they would be in JSON.

    Raises RequestProblem 422 for one that has another type. An empty field is one that was left out.
    """
    return {name: _value(name, text.strip()) for name, text in fields.items() if text.strip()}


def _value(name: str, text: str) -> Any:
    try:
        match name:
            case "k":
                return _whole(text)
            case "min_score":
                return _number(text)
            case "adaptive_k" | "fold":
                return _FLAGS[text.lower()]
            case "where":
                return json.loads(text)
    except (ValueError, KeyError, RecursionError) as error:
        kind = {"k": "a whole number", "min_score": "a number", "where": "a JSON object"}.get(name, "true or false")
        raise RequestProblem(422, "invalid", f"{name}: must be {kind}") from error
    return text


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
