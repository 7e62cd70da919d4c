"""Cross-encoders, which read claim and evidence together: relevance and stance from the logits of a pair.

A reranker has one label. A stance model has three, see `stance_labels.py`. A model with both heads has a fourth label,
RELEVANT, in any order; `blend.json` in its folder turns the logit of RELEVANT into a probability,
and `temperature.json` applies to the other three. `summary.json` tells when they make a claim's summary.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import ModelError
from claimhound.data.labelled_sets.stances import STANCES
from claimhound.pipeline.model_folders.files import read_json
from claimhound.pipeline.model_folders.finding import BUNDLED, display_name, find_model_dir
from claimhound.pipeline.model_folders.fingerprints import weights_sha256
from claimhound.pipeline.model_folders.layouts import read_cross_encoder_layout
from claimhound.pipeline.models.blending import BLEND_FILE, Blend, load_blend
from claimhound.pipeline.models.pair_readers import (
    Pair,
    PairLogits,
    PairReader,
    RememberingPairReader,
    open_pair_reader,
)
from claimhound.pipeline.models.stance_labels import OURS, RELEVANT, StanceLabels, label_names, stance_labels
from claimhound.pipeline.models.summary_rule import SummaryRule, load_summary_rule
from claimhound.pipeline.models.temperature import load_temperature, softmax
from claimhound.pipeline.serving.compute import Compute


class PairScores(NamedTuple):
    """(n,) raw logits, higher is more relevant, and (n,) flags for pairs that were too long and were cut."""

    logits: NDArray[np.float64]
    truncated: NDArray[np.bool_]


class StanceScores(NamedTuple):
    """(n, 3) probabilities in the order of STANCES, and (n,) flags for pairs that were too long and cut."""

    probabilities: NDArray[np.float64]
    truncated: NDArray[np.bool_]


class _PairModel(Protocol):
    """A model that reads pairs of claim and evidence, in this order."""

    name: str
    weights_sha256: str

    @property
    def runtime_name(self) -> str:
        """Human-readable name of the runtime."""

    @property
    def max_length(self) -> int:
        """Number of tokens read of a pair, 0 for no limit."""


class Reranker(_PairModel, Protocol):
    """Scores how relevant a piece of evidence is to a claim."""

    @property
    def blend(self) -> Blend:
        """How a logit becomes a probability."""

    @property
    def has_two_heads(self) -> bool:
        """Whether it has a stance head too, so that `decides` has an answer."""

    def score(self, pairs: Sequence[Pair]) -> PairScores:
        """Return the scores in the order of the pairs."""

    def decides(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """Return (n,) log-odds that the evidence supports or refutes the claim, in the order of the pairs.

        Raises ValueError unless it has two heads.
        """


class StanceModel(_PairModel, Protocol):
    """Tells whether a piece of evidence supports or refutes a claim."""

    @property
    def labels(self) -> StanceLabels:
        """The meaning of the model's outputs."""

    @property
    def summary(self) -> SummaryRule | None:
        """When a claim is called supported or refuted; None if that was not measured with this model."""

    def classify(self, pairs: Sequence[Pair]) -> StanceScores:
        """Return the probabilities in the order of the pairs."""


class RelevanceHead(NamedTuple):
    """The output that scores relevance, and how its logit becomes a probability."""

    blend: Blend = Blend()
    column: int = 0


class StanceHead(NamedTuple):
    """The outputs that tell the stance, the temperature of their softmax, and the rule of a claim's summary."""

    labels: StanceLabels = OURS
    temperature: float = 1.0
    summary: SummaryRule | None = None


class CrossEncoderModel:
    """A cross-encoder with a relevance head (then it is a `Reranker`), a stance head (a `StanceModel`), or both.

    A pair's scores do not depend on the other pairs in a call, and a repeated pair is computed once. Pairs are given as
    claim and evidence, and swapped for a model that reads the evidence first. All methods raise ModelError if the model
    gives NaN, and ValueError for a head that it does not have.
    """

    def __init__(
        self,
        name: str,
        weights_sha256: str,
        reader: PairReader,
        *,
        relevance: RelevanceHead | None = None,
        stance: StanceHead | None = None,
    ) -> None:
        self.name = name
        self.weights_sha256 = weights_sha256
        self._reader = RememberingPairReader(reader) if relevance is not None and stance is not None else reader
        self._relevance = relevance
        self._stance = stance

    @property
    def runtime_name(self) -> str:
        """Human-readable name of the runtime."""
        return self._reader.runtime_name

    @property
    def max_length(self) -> int:
        """Number of tokens read of a pair, 0 for no limit."""
        return self._reader.max_length

    @property
    def has_two_heads(self) -> bool:
        """Whether it has a relevance head and a stance head."""
        return self._relevance is not None and self._stance is not None

    @property
    def relevance(self) -> RelevanceHead:
        """The relevance head."""
        if self._relevance is None:
            raise ValueError(f"{self.name}: has no relevance head")
        return self._relevance

    @property
    def stance(self) -> StanceHead:
        """The stance head."""
        if self._stance is None:
            raise ValueError(f"{self.name}: has no stance head")
        return self._stance

    @property
    def blend(self) -> Blend:
        """See `Reranker`."""
        return self.relevance.blend

    @property
    def labels(self) -> StanceLabels:
        """See `StanceModel`."""
        return self.stance.labels

    @property
    def summary(self) -> SummaryRule | None:
        """See `StanceModel`."""
        return self.stance.summary

    def score(self, pairs: Sequence[Pair]) -> PairScores:
        """See `Reranker`."""
        column = self.relevance.column
        logits, truncated = self._pair_logits(pairs)
        return PairScores(logits[:, column], truncated)

    def classify(self, pairs: Sequence[Pair]) -> StanceScores:
        """See `StanceModel`."""
        logits, truncated = self.stance_logits(pairs)
        return StanceScores(softmax(logits, self.stance.temperature), truncated)

    def decides(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """See `Reranker`; log(P(SUPPORTS) + P(REFUTES)) - log(P(NOT_ENOUGH_INFO)), without the temperature."""
        return log_odds_of_a_stance(self.stance_logits(pairs).logits)

    def stance_logits(self, pairs: Sequence[Pair]) -> PairLogits:
        """Return (n, 3) logits in the order of STANCES, for fitting a temperature, and which pairs were cut."""
        columns = list(self.labels.columns)
        logits, truncated = self._pair_logits(pairs)
        return PairLogits(logits[:, columns], truncated)

    def _pair_logits(self, pairs: Sequence[Pair]) -> PairLogits:
        if self._stance is not None:
            pairs = [self._stance.labels.pair(*pair) for pair in pairs]
        distinct = {pair: row for row, pair in enumerate(dict.fromkeys(pairs))}
        logits, truncated = self._reader.logits(list(distinct))
        if not np.isfinite(logits).all():
            raise ModelError(f"{self.name}: gives NaN for some pairs; its weights or its precision are broken")
        rows = np.array([distinct[pair] for pair in pairs], dtype=np.int64)
        return PairLogits(logits[rows], truncated[rows])


def log_odds_of_a_stance(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n,) log-odds of SUPPORTS or REFUTES against NOT_ENOUGH_INFO, of (n, 3) logits in the order of STANCES."""
    place = STANCES.index("NOT_ENOUGH_INFO")
    odds: NDArray[np.float64] = np.logaddexp.reduce(np.delete(logits, place, axis=1), axis=1) - logits[:, place]
    return odds


def load_reranker(
    model: str = BUNDLED,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    *,
    max_length: int | None = None,
) -> CrossEncoderModel:
    """Load a cross-encoder with a relevance head: `bundled`, a folder, or a name on the Hub.

    `max_length` limits the tokens read of a pair. A model that our own runtimes cannot read exactly as
    sentence-transformers does runs through that library, with a message to `compute.notify`. Raises ModelError if it
    cannot be found or loaded, has several labels without RELEVANT, or needs untrusted code.
    """
    folder = find_model_dir("reranker", model)
    layout = read_cross_encoder_layout(folder, trust_remote_code=compute.trust_remote_code)
    if layout.n_labels is not None:
        _reranker_labels(folder, layout.n_labels)  # fail early: loading may take a minute
    reader = open_pair_reader(folder, compute, kind="reranker", max_length=max_length)
    labels = _reranker_labels(folder, reader.n_labels)
    return _with_heads(display_name("reranker", model), folder, reader, labels)


def load_stance(
    model: str = BUNDLED,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    *,
    labels: Sequence[str] | None = None,
    max_length: int | None = None,
) -> CrossEncoderModel:
    """Load a cross-encoder with a stance head, as `load_reranker` does: one with labels that `read_labels` knows.

    `labels` names its outputs in order, overriding its config.json. If they are not STANCES, their meaning is
    reported to `compute.notify`. Raises ModelError if the model cannot be found or has other labels.
    """
    folder = find_model_dir("stance", model)
    read = read_stance_labels(folder, labels)
    name = display_name("stance", model)
    reader = open_pair_reader(folder, compute, kind="stance model", max_length=max_length)
    if reader.n_labels != len(read.names):
        raise ModelError(f"{folder}: names {len(read.names)} labels, but gives {reader.n_labels} logits")
    if not read.are_ours:
        compute.notify(f"stance model {name}: {read.text}")
    return _with_heads(name, folder, reader, read)


def load_pair_models(
    reranker: str | None,
    stance: str | None,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    *,
    labels: Sequence[str] | None = None,
    max_length: int | None = None,
) -> tuple[CrossEncoderModel | None, CrossEncoderModel | None]:
    """Load a reranker and a stance model as `load_reranker` and `load_stance` do; None for None.

    A folder named as both is loaded once and returned twice, and then computes each pair of a search once.
    """
    if reranker is not None and stance is not None:
        folder = find_model_dir("stance", stance)
        if find_model_dir("reranker", reranker).resolve() == folder.resolve():
            read = read_stance_labels(folder, labels)
            if read.relevance is None:
                raise _no_relevance(folder, len(read.names))
            both = load_stance(stance, compute, labels=labels, max_length=max_length)
            return both, both
    return (
        None if reranker is None else load_reranker(reranker, compute, max_length=max_length),
        None if stance is None else load_stance(stance, compute, labels=labels, max_length=max_length),
    )


def read_stance_labels(folder: Path, given: Sequence[str] | None = None) -> StanceLabels:
    """Return the meaning of a model's outputs, from its config.json or from the `given` names.

    Raises ModelError if they do not name STANCES, or if the model has no classification head: transformers would fill
    one with random weights.
    """
    config = read_json(folder / "config.json")
    architectures = config.get("architectures")
    named = [str(name) for name in architectures] if isinstance(architectures, list) else []
    if named and not any(name.endswith("ForSequenceClassification") for name in named):
        raise ModelError(f"{folder}: has no classification head ({', '.join(named)}), so it is not a stance model")
    try:
        return stance_labels(config, given)
    except ValueError as error:
        raise ModelError(f"{folder}: {error}") from error


def _reranker_labels(folder: Path, n_labels: int) -> StanceLabels | None:
    """Return the labels of a reranker that has a stance head too, None for one with a single label.

    Raises ModelError for several labels without RELEVANT.
    """
    if n_labels == 1:
        return None
    try:
        names = label_names(read_json(folder / "config.json"))
    except ValueError as error:
        raise ModelError(f"{folder}: {error}") from error
    if RELEVANT not in names:
        raise _no_relevance(folder, n_labels)
    return read_stance_labels(folder)


def _no_relevance(folder: Path, n_labels: int) -> ModelError:
    return ModelError(
        f"{folder}: has {n_labels} labels; a reranker has one, or {RELEVANT} and the stances "
        "(train one with: claimhound train reranker)"
    )


def _with_heads(name: str, folder: Path, reader: PairReader, labels: StanceLabels | None) -> CrossEncoderModel:
    """Return the model with the heads that its labels name; without labels its one output is the relevance."""
    column = 0 if labels is None else labels.relevance
    blend = Blend() if column is None else load_blend(folder)
    if blend.uses("decides") and labels is None:
        raise ModelError(
            f"{folder / BLEND_FILE}: uses the feature decides, which takes a stance head, but the model has one label; "
            "it was fitted to another model: delete it, and fit one with: claimhound calibrate"
        )
    return CrossEncoderModel(
        name,
        weights_sha256(folder),
        reader,
        relevance=None if column is None else RelevanceHead(blend, column),
        stance=None if labels is None else StanceHead(labels, load_temperature(folder), load_summary_rule(folder)),
    )
