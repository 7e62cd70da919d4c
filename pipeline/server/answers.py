"""The bodies of answers, for the OpenAPI description and for whoever reads it; docs/results.md explains the keys.

Answers are not made from these models: an answer is the text that `claimhound search` prints. Tests compare both.
A key that has a default is left out of some answers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

Probability = Annotated[float, Field(ge=0, le=1)]
Stance = Literal["SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO"]


class StagePlace(BaseModel):
    """Rank, from 1, and score at a stage; higher is better."""

    rank: int = Field(ge=1)
    score: float | None


class Stages(BaseModel):
    """The stages of a search; null where a stage did not run or did not find the document."""

    bm25: StagePlace | None
    dense: StagePlace | None
    fused: StagePlace | None
    rerank: StagePlace | None


class StanceProbabilities(BaseModel):
    """The probability of each stance; they sum to 1."""

    SUPPORTS: Probability | None
    REFUTES: Probability | None
    NOT_ENOUGH_INFO: Probability | None


class EvidenceStance(BaseModel):
    """Which way a piece of evidence points."""

    label: Stance
    probabilities: StanceProbabilities
    truncated: bool = Field(description="Claim and evidence together were too long for the stance model, and cut.")


class Copy(BaseModel):
    """A near-copy that a piece of evidence stands for."""

    doc_id: str
    title: str | None
    source: str | None
    url: str | None
    date: str | None
    text: str = Field("", description="Only where it differs from the text shown.")


class Neighbour(BaseModel):
    """A sentence before or after a piece of evidence."""

    doc_id: str
    text: str


class Neighbours(BaseModel):
    """The sentences around a piece of evidence, in their order."""

    before: list[Neighbour]
    after: list[Neighbour]


Span = Annotated[list[int], Field(min_length=2, max_length=2)]


class DocumentText(BaseModel):
    """A document of the corpus."""

    doc_id: str
    text: str
    title: str | None
    source: str | None
    url: str | None
    date: str | None
    fields: dict[str, Any] = Field(description="The document's other fields.")
    parent_id: str = Field("", description="Only for a piece of a longer text: the id of that text.")
    span: Span = Field([0, 0], description="Only for a piece of a longer text: its characters there.")


class Evidence(DocumentText):
    """A piece of evidence."""

    rank: int = Field(ge=1)
    score: float | None = Field(
        description="The last stage's score, higher is better: the probability that the evidence is relevant if a "
        "reranker ran."
    )
    truncated: bool = Field(description="Claim and evidence together were too long for the reranker, and cut.")
    stages: Stages
    stance: EvidenceStance | None = Field(description="Null without a stance model.")
    n_copies: int = Field(ge=0, description="Number of near-copies found with this piece.")
    copies: list[Copy] = Field(description="The first 100 of them.")
    context: Neighbours = Field(Neighbours(before=[], after=[]), description="Only if context was asked for.")


class ClaimSummary(BaseModel):
    """The claim as a whole, and the ids of the evidence that points for and against it."""

    label: Literal["SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO", "DISPUTED"]
    supports: list[str]
    refutes: list[str]


class AnsweringIndex(BaseModel):
    """The index that answered, by the name that clients know it by."""

    path: str = Field(description="The index's name.")
    generation: int = Field(ge=1)
    n_docs: int = Field(ge=0)


class Models(BaseModel):
    """Names of the models; null where the server has none."""

    encoder: str | None
    reranker: str | None
    stance: str | None


class ClaimAnswer(BaseModel):
    """The evidence for a claim: the object of `claimhound search --format json`."""

    version: Literal[1] = Field(alias="schema", description="Rises when a key changes its meaning or is removed.")
    claim: str
    evidence: list[Evidence]
    summary: ClaimSummary | None = Field(description="Null without a stance model.")
    nothing_relevant: bool | None = Field(
        description="Whether even the nearest document is as far away as for claims on which there is nothing."
    )
    notes: list[str] = Field(description="Whole sentences on why there is nothing, or what a reader should know.")
    index: AnsweringIndex
    models: Models
    timings_ms: dict[str, float | None] = Field(description="Wall time of each stage; among others, an equal share.")


class DocumentNeighbours(BaseModel):
    """The documents around a document, in their order."""

    before: list[DocumentText]
    after: list[DocumentText]


class FoundDocument(DocumentText):
    """A document with its neighbours."""

    context: DocumentNeighbours


class DescribedIndex(BaseModel):
    """An index and the models that search it."""

    name: str
    generation: int = Field(ge=1)
    n_docs: int = Field(ge=0)
    n_dated: int = Field(ge=0, description="Number of documents with a date.")
    models: Models
    runtimes: Models = Field(description="How each model is run, with its precision.")


class RequestLimits(BaseModel):
    """What one request may ask for."""

    body_bytes: int = Field(description="Bytes of a body, before and after decompression.")
    claim_characters: int
    claims: int
    k: int
    context: int
    passages: int
    passage_characters: int


class JobLimits(BaseModel):
    """What a job may ask for, and how long it is kept."""

    upload_bytes: int
    records: int
    field_bytes: int
    k: int
    kept: int = Field(description="Jobs that are kept at a time.")
    days: int = Field(description="Days that an ended job is kept.")
    disk_bytes: int


class Indexes(BaseModel):
    """The indexes, and the limits of a request."""

    indexes: list[DescribedIndex] = Field(min_length=1)
    limits: RequestLimits
    jobs: JobLimits | None = Field(description="Null for a server that takes no jobs.")


class Job(BaseModel):
    """A job: a file of claims to annotate."""

    id: str
    name: str = Field(description="Name of the file of claims.")
    state: Literal["waiting", "running", "finished", "failed", "cancelled"]
    done: int = Field(ge=0, description="Number of records that are done.")
    total: int | None = Field(description="Null until the file has been read.")
    n_rejected: int = Field(ge=0, description="Number of records that are not claims.")
    message: str | None = Field(description="Why the job failed, or what is to be known about it.")
    created: str
    expires: str | None = Field(description="When the job is removed; null until it has ended.")
    index: str
    generation: int = Field(
        ge=1, description="The generation of the index that every claim of the job is answered from."
    )
    format: Literal["jsonl", "csv", "parquet", "html"]


class Jobs(BaseModel):
    """The jobs of the server, the newest last."""

    jobs: list[Job]


class Live(BaseModel):
    """The server runs."""

    status: Literal["live"]


class Ready(BaseModel):
    """Whether the server takes work."""

    status: Literal["ready", "busy"]
    waiting: int = Field(ge=0, description="Number of claims and other work that waits.")
    indexes_at_an_old_generation: list[str] = Field(
        description="Indexes whose newest generation cannot be opened; the one before it goes on answering."
    )


class Fault(BaseModel):
    """Why a request is refused."""

    code: str = Field(description="A word for programs, which stays the same.")
    message: str = Field(description="A sentence that says what to change.")


class Refusal(BaseModel):
    """A refused request."""

    error: Fault
    message: str = Field(description="The same sentence.")
