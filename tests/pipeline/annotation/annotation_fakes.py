"""An index of twelve sentences, models that compute from the letters of a text, and claims to annotate."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from claimhound.data.records import Document
from claimhound.indexes.manifest import EncoderIdentity
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.models.blending import Blend
from claimhound.pipeline.models.cross_encoders import PairScores
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline

WORDS = "sea level ice sheet melts rises warm ocean carbon wind solar power".split()  # noqa: SIM905


def _draw(text: str, n: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(zlib.crc32(text.encode())).standard_normal(n)


class LetterEncoder:
    """Gives each text a vector drawn from its letters."""

    runtime_name = "by letters on cpu"
    identity = EncoderIdentity("letters", "a" * 64, "mean", 64, 4)

    def __init__(self) -> None:
        self.n_texts = 0

    def encode(self, texts: Sequence[str], *, as_query: bool = False) -> Any:
        self.n_texts += len(texts)
        rows = np.array([np.abs(_draw(text, 4)) for text in texts], dtype=np.float32).reshape(len(texts), 4)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def unknown_share(self, text: str) -> float:
        return 0.0


class LetterReranker:
    """Gives each pair a logit drawn from its letters, and records the claims."""

    name = "letters"
    weights_sha256 = "b" * 64
    runtime_name = "by letters on cpu"
    max_length = 64
    blend = Blend()

    def __init__(self) -> None:
        self.claims: list[str] = []

    def score(self, pairs: Sequence[tuple[str, str]]) -> PairScores:
        self.claims += dict.fromkeys(claim for claim, _ in pairs)
        logits = np.array([float(_draw("\n".join(pair), 1)[0]) for pair in pairs], dtype=np.float64)
        return PairScores(logits, np.zeros(len(pairs), dtype=np.bool_))


def build_index(folder: Path, documents: Sequence[Document] = ()) -> Path:
    """Build an index of the documents, by default of the twelve sentences, and return its folder."""
    random = np.random.default_rng(7)
    documents = documents or [
        Document(f"d{n:02d}", " ".join(random.choice(WORDS, 6)), title=f"title {n}") for n in range(12)
    ]
    encoder = LetterEncoder()
    with IndexWriter.create(folder, encoder.identity) as writer:
        writer.add(documents, encoder.encode([document.text for document in documents]))
        writer.commit()
    return folder


def pipeline_of(index_dir: Path) -> EvidencePipeline:
    """Open the index with new models."""
    config = PipelineConfig(first_stage_k=8, rerank_k=8, min_cosine=-1.0)
    return EvidencePipeline(IndexSnapshot.open(index_dir), LetterEncoder(), LetterReranker(), config)


def write_claims(path: Path, n: int) -> Path:
    """Write n records, every tenth of them bad and every seventh a repeated text; return the path."""
    random = np.random.default_rng(3)
    texts = [" ".join(random.choice(WORDS, 5)) for _ in range(n)]
    lines = []
    for number in range(n):
        text = texts[number // 2] if number % 7 == 6 else f"{texts[number]} {number}"
        record = {"id": f"c{number}", "text": text, "n": number, "party": None if number % 3 else "none"}
        lines.append("{broken" if number % 10 == 4 else json.dumps(record))
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def n_bad(n: int) -> int:
    """Return the number of bad records among the n of `write_claims`."""
    return len([number for number in range(n) if number % 10 == 4])
