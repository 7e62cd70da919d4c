"""The bodies of requests: their fields, ranges and defaults, from which the OpenAPI description is made as well."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from claimhound.indexes.conditions import NO_CONDITIONS, Conditions
from claimhound.pipeline.server.problems import RequestProblem
from claimhound.pipeline.server.service import Limits

_LIMITS = Limits()
_MOST_CONDITIONS = 50
# A body can be at fault in a million places.
_MOST_FAULTS = 10
_SHOWN_OF_NAME = 100


def require_claim(text: str) -> str:
    """Return a claim. Raises ValueError if it is blank."""
    if not text.strip():
        raise ValueError("is empty; give a sentence to find evidence for")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("contains half a character (a lone surrogate)") from error
    return text


class Message(BaseModel):
    """A body: unknown fields are refused, since a misspelt one would be ignored in silence."""

    model_config = ConfigDict(extra="forbid", strict=True)


ConditionText = Annotated[str, Field(max_length=1_000)]
Conditioned = Annotated[list[ConditionText], Field(min_length=1, max_length=_MOST_CONDITIONS)]
Claim = Annotated[str, Field(min_length=1, max_length=_LIMITS.claim_characters)]


class SearchRequest(Message):
    """A claim, or several, to find evidence for."""

    claim: Claim | None = Field(None, description="The claim; the answer is one JSON object.")
    claims: list[Claim] | None = Field(
        None,
        min_length=1,
        max_length=_LIMITS.claims,
        description="Several claims; the answers are JSON lines in this order, each sent when it is ready.",
    )
    index: str | None = Field(None, description="Name of the index; the first of GET /v1/indexes if left out.")
    k: int = Field(5, ge=1, le=_LIMITS.k, description="Number of pieces of evidence.")
    adaptive_k: bool = Field(False, description="Fewer than k where probabilities fall far below the best.")
    min_score: float | None = Field(None, ge=0, le=1, description="Leave out evidence with a lower probability.")
    before: str | None = Field(None, description="Only documents from before this day (YYYY, YYYY-MM or YYYY-MM-DD).")
    where: dict[ConditionText, ConditionText | Conditioned] = Field(
        default_factory=dict,
        max_length=_MOST_CONDITIONS,
        description="Only documents with these values, as field and value; a list means that a field has all of them.",
    )
    context: int = Field(0, ge=0, le=_LIMITS.context, description="Sentences before and after each piece.")
    fold: bool = Field(True, description="Fold near-copies into one piece of evidence.")
    sides: list[Literal["SUPPORTS", "REFUTES"]] = Field(
        default_factory=list, max_length=2, description="Only evidence that points this way; up to k of each."
    )

    @field_validator("claim")
    @classmethod
    def _claim(cls, claim: str | None) -> str | None:
        return None if claim is None else require_claim(claim)

    @field_validator("claims")
    @classmethod
    def _claims(cls, claims: list[str] | None) -> list[str] | None:
        for number, claim in enumerate(claims or [], start=1):
            try:
                require_claim(claim)
            except ValueError as error:
                raise ValueError(f"claim {number} {error}") from error
        return claims

    @field_validator("before")
    @classmethod
    def _before(cls, before: str | None) -> str | None:
        Conditions(before)
        return before

    @model_validator(mode="after")
    def _fits_together(self) -> SearchRequest:
        if (self.claim is None) == (self.claims is None):
            raise ValueError("give either claim or claims")
        if self.sides and self.adaptive_k:
            raise ValueError("sides cannot be combined with adaptive_k")
        return self

    @property
    def settings(self) -> dict[str, Hashable]:
        """All that decides an answer beside the claim and the index."""
        plain = self.model_dump(exclude={"claim", "claims", "index", "where", "sides"})
        return plain | {"where": self._where, "sides": tuple(self.sides)}

    @property
    def conditions(self) -> Conditions:
        """The conditions on documents."""
        if self.before is None and not self._where:
            return NO_CONDITIONS
        return Conditions(self.before, self._where)

    @property
    def _where(self) -> tuple[tuple[str, str], ...]:
        """Pairs of field and value."""
        return tuple(
            (name, one) for name, value in self.where.items() for one in ([value] if isinstance(value, str) else value)
        )


class DocumentQuery(Message):
    """The query string of a document's address."""

    index: str | None = Field(None, description="Name of the index; the first of GET /v1/indexes if left out.")
    context: int = Field(0, ge=0, le=_LIMITS.context, description="Number of documents before it and after it.")


Body = TypeVar("Body", bound=Message)


def parsed(kind: type[Body], record: Any) -> Body:
    """Return a record as a body of this kind.

    Raises RequestProblem 422 that names each field at fault and why; a value is not repeated, since it may be a claim.
    """
    return _validated(lambda: kind.model_validate(record))


def parsed_query(kind: type[Body], query: Mapping[str, str]) -> Body:
    """Return a query string as a message of this kind, its texts as numbers where these are wanted; see `parsed`."""
    return _validated(lambda: kind.model_validate_strings(dict(query), strict=False))


def _validated(validate: Callable[[], Body]) -> Body:
    try:
        return validate()
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        more = [f"and {len(faults) - _MOST_FAULTS:,} more"] if len(faults) > _MOST_FAULTS else []
        shown = [*map(_fault, faults[:_MOST_FAULTS]), *more]
        raise RequestProblem(422, "invalid", "; ".join(shown)) from error


def _fault(found: Any) -> str:
    where = ".".join(map(str, found["loc"]))[:_SHOWN_OF_NAME]
    message = found["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
