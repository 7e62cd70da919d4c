"""Deterministic fakes for models: vectors and scores written by hand, and a record of the calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from claimhound.indexes.manifest import EncoderIdentity
from claimhound.pipeline.model_folders.tokenization import TextLength
from claimhound.pipeline.models.blending import Blend
from claimhound.pipeline.models.cross_encoders import PairScores, StanceScores
from claimhound.pipeline.models.stance_labels import OURS
from claimhound.pipeline.models.summary_rule import SummaryRule

IDENTITY = EncoderIdentity("fake-encoder", "f" * 64, "mean", 64, 2)


class FakeEncoder:
    """Gives each text the vector defined for it, and all others one along the x axis.

    They have unit length, unless the identity's similarity is `dot`.
    """

    runtime_name = "by hand"

    def __init__(
        self,
        vectors: Mapping[str, Sequence[float]] | None = None,
        identity: EncoderIdentity = IDENTITY,
        unreadable: Sequence[str] = (),
    ) -> None:
        self.identity = identity
        self.calls: list[list[str]] = []
        self.query_calls: list[list[str]] = []
        self._vectors = dict(vectors or {})
        self._unreadable = set(unreadable)

    def encode(self, texts, *, as_query=False):
        (self.query_calls if as_query else self.calls).append(list(texts))
        default = [1.0] + [0.0] * (self.identity.dim - 1)
        rows = [self._vectors.get(text, default) for text in texts]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self.identity.dim)
        if self.identity.similarity == "dot":
            return vectors
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def lengths(self, texts, *, as_query=False):
        n_words = [len(text.split()) for text in texts]
        return [TextLength(min(n, self.identity.max_length), n > self.identity.max_length) for n in n_words]

    def unknown_share(self, text):
        return 1.0 if text in self._unreadable else 0.0


class FakeReranker:
    """Gives each evidence text the logit, and the log-odds to decide, defined for it, otherwise 0, for any claim."""

    name = "fake-reranker"
    weights_sha256 = "e" * 64
    runtime_name = "by hand"
    max_length = 64

    def __init__(
        self,
        logits: Mapping[str, float] | None = None,
        truncated: Sequence[str] = (),
        decides: Mapping[str, float] | None = None,
    ) -> None:
        self.blend = Blend()
        self.has_two_heads = decides is not None
        self.calls: list[list[tuple[str, str]]] = []
        self.decides_calls: list[list[tuple[str, str]]] = []
        self._logits = dict(logits or {})
        self._decides = dict(decides or {})
        self._truncated = set(truncated)

    def score(self, pairs):
        self.calls.append(list(pairs))
        logits = np.array([self._logits.get(text, 0.0) for _, text in pairs], dtype=np.float64)
        return PairScores(logits, np.array([text in self._truncated for _, text in pairs], dtype=np.bool_))

    def decides(self, pairs):
        self.decides_calls.append(list(pairs))
        return np.array([self._decides.get(text, 0.0) for _, text in pairs], dtype=np.float64)


class FakeStance:
    """Gives each evidence text the probabilities defined for it, otherwise NOT_ENOUGH_INFO."""

    name = "fake-stance"
    weights_sha256 = "d" * 64
    labels = OURS
    runtime_name = "by hand"
    max_length = 64

    def __init__(
        self,
        probabilities: Mapping[str, Sequence[float]] | None = None,
        truncated: Sequence[str] = (),
        summary: SummaryRule | None = None,
    ) -> None:
        self.summary = summary
        self.calls: list[list[tuple[str, str]]] = []
        self._probabilities = dict(probabilities or {})
        self._truncated = set(truncated)

    def classify(self, pairs):
        self.calls.append(list(pairs))
        rows = [self._probabilities.get(text, (0.0, 0.0, 1.0)) for _, text in pairs]
        cut = np.array([text in self._truncated for _, text in pairs], dtype=np.bool_)
        return StanceScores(np.array(rows, dtype=np.float64).reshape(len(pairs), 3), cut)


class NanRuntime:
    """A runtime of a broken model: each of its `n_labels` logits is NaN."""

    name = "broken"
    prefers_longest_first = False

    def __init__(self, n_labels):
        self.n_labels = n_labels

    def run(self, batches, receive):
        for batch in batches:
            receive(batch, np.full((len(batch.rows), self.n_labels), np.nan, dtype=np.float32))
