"""The body of a request for vectors, in OpenAI's form."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator

from claimhound.pipeline.server.messages import Message
from claimhound.pipeline.server.pair_messages import ModelName
from claimhound.pipeline.server.service import Limits

_LIMITS = Limits()


def _require_text(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank, and has no vector")
    return text


Text = Annotated[str, Field(max_length=_LIMITS.passage_characters), AfterValidator(_require_text)]


Texts = Annotated[
    Annotated[Text, Tag("text")] | Annotated[list[Text], Field(min_length=1, max_length=_LIMITS.passages), Tag("list")],
    Discriminator(lambda given: "list" if isinstance(given, list) else "text"),
]


class EmbeddingsRequest(Message):
    """Texts to turn into vectors."""

    input: Texts = Field(description="A text, or several.")
    model: ModelName = None
    input_type: Literal["query", "document"] = Field(
        "document",
        description="Whether the texts are claims or documents, which some models read with a prompt of their own. "
        "document is the default, since who makes an index calls for documents by the thousand and knows nothing of "
        "this field; a claim encoded as a document is a little worse, a corpus encoded as claims has to be made again.",
    )
    encoding_format: Literal["float", "base64"] = Field(
        "float", description="Vectors as numbers, or as the base64 of little-endian 32-bit floats."
    )
    dimensions: int | None = Field(None, ge=1, description="Refused unless it is the number that the vectors have.")
    user: str | None = Field(None, max_length=1_000, description="Not used and not logged.")

    @field_validator("input", mode="before")
    @classmethod
    def _no_tokens(cls, given: object) -> object:
        first = given[0] if isinstance(given, list) and given else given
        if isinstance(first, int | list):
            raise ValueError("token ids are of another model; send texts")
        return given

    @property
    def texts(self) -> list[str]:
        """The texts, one or several."""
        return [self.input] if isinstance(self.input, str) else self.input
