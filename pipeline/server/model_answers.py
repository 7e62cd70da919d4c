"""The bodies of answers about pairs and vectors, for the OpenAPI description; see `answers.py`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, RootModel

from claimhound.pipeline.server.answers import EvidenceStance, Probability

OF_A_PAIR = (
    "The probability that the document is relevant, of the pair alone: the sigmoid of the reranker's logit, as in "
    "`claimhound evaluate-pairs`. The probability of a search also weighs the rank in the first stage, which a pair "
    "does not have, so the two differ."
)
_CUT = "Query and text together were too long for the model, and cut."


class RerankedDocument(BaseModel):
    """A document with its score."""

    index: int = Field(ge=0, description="Its place in the request, from 0.")
    relevance_score: Probability = Field(description=OF_A_PAIR)
    truncated: bool = Field(description=_CUT)
    document: dict[str, Any] = Field({}, description="Only with return_documents.")


class RerankAnswer(BaseModel):
    """The documents, best first."""

    model: str
    results: list[RerankedDocument]


class TeiScore(BaseModel):
    """A text with its score."""

    index: int = Field(ge=0, description="Its place in the request, from 0.")
    score: float = Field(description=f"{OF_A_PAIR} With raw_scores the logit itself.")
    truncated: bool = Field(description=_CUT)
    text: str = Field("", description="Only with return_text.")


class TeiRerankAnswer(RootModel[list[TeiScore]]):
    """The texts, best first."""


class StanceAnswer(BaseModel):
    """A stance for each pair, in order."""

    model: str
    results: list[EvidenceStance]


class Embedding(BaseModel):
    """The vector of a text."""

    object: Literal["embedding"]
    index: int = Field(ge=0)
    embedding: list[float] | str = Field(
        description="Of unit length, unless the model is one that compares by inner product. "
        "For base64 a text: 32-bit floats, little-endian."
    )
    truncated: bool = Field(description="The text was too long for the model, and cut.")


class Usage(BaseModel):
    """Tokens that the model read."""

    prompt_tokens: int = Field(ge=0)
    total_tokens: int = Field(ge=0)


class EmbeddingsAnswer(BaseModel):
    """A vector for each text, in order."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage
