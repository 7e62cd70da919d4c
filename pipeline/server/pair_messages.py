"""The bodies of requests about pairs of texts: rerank in Cohere's, Jina's and TEI's form, and stance."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag

from claimhound.pipeline.server.messages import Claim, Message, require_claim
from claimhound.pipeline.server.service import Limits

_LIMITS = Limits()

Passage = Annotated[str, Field(max_length=_LIMITS.passage_characters)]
"""A text that a model reads; a blank one is read as it is."""
Query = Annotated[Claim, AfterValidator(require_claim)]
ModelName = Annotated[str | None, Field(description="Name of the server's model; may be left out, or be default.")]


class PassageRecord(Message):
    """A document as an object. Further fields are not read, and given back where documents are."""

    model_config = ConfigDict(extra="allow", strict=True)

    text: Passage
    title: Passage | None = Field(None, description="Read before the text, as in a search.")


# Told apart by a function, so that a refusal names what is wrong with the one that was given.
TextOrRecord = Annotated[
    Annotated[Passage, Tag("text")] | Annotated[PassageRecord, Tag("object")],
    Discriminator(lambda given: "text" if isinstance(given, str) else "object"),
]


class RerankRequest(Message):
    """A query and documents to order by it, in the form of Cohere and Jina."""

    model: ModelName = None
    query: Query = Field(description="The claim or question.")
    documents: list[TextOrRecord] = Field(
        min_length=1, max_length=_LIMITS.passages, description="Texts, or objects with a text and perhaps a title."
    )
    top_n: int | None = Field(None, ge=1, description="Only so many results, the best; all if left out.")
    return_documents: bool = Field(False, description="Give each document back with its result.")


class TeiRerankRequest(Message):
    """A query and texts to order by it, in the form of Hugging Face's Text Embeddings Inference."""

    query: Query = Field(description="The claim or question.")
    texts: list[Passage] = Field(min_length=1, max_length=_LIMITS.passages)
    raw_scores: bool = Field(False, description="The model's logits instead of probabilities.")
    return_text: bool = Field(False, description="Give each text back with its score.")
    truncate: bool = Field(
        True, description="Cut what is too long, and say so; with false, such a request is refused with status 413."
    )
    truncation_direction: Literal["Right"] = Field("Right", description="Texts are cut at their end.")


class StancePair(Message):
    """A claim and a piece of evidence."""

    claim: Query
    evidence: Passage
    title: Passage | None = Field(None, description="The evidence's title, read before it, as in a search.")


class StanceRequest(Message):
    """Pairs to classify: does the evidence support the claim, refute it, or neither?"""

    model: ModelName = None
    pairs: list[StancePair] = Field(min_length=1, max_length=_LIMITS.passages)
