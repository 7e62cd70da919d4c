"""Labels of a stance model: the stance that each output stands for, and the order in which it reads a pair."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from claimhound.data.labelled_sets.stances import STANCES, Stance
from claimhound.data.records import Json

RELEVANT = "RELEVANT"
"""The label of the output that scores relevance, in a model that also has outputs for the stances."""

# Spelled as by `_key`. Each word is in one table only, because the table decides the order of the pair.
_OF_INFERENCE: Mapping[str, Stance] = {
    **dict.fromkeys(("entailment", "entail", "entails", "entailed"), "SUPPORTS"),
    **dict.fromkeys(("contradiction", "contradict", "contradicts", "contradicted", "contradictory"), "REFUTES"),
    **dict.fromkeys(("neutral",), "NOT_ENOUGH_INFO"),
}
_OF_FACT_CHECKING: Mapping[str, Stance] = {
    **dict.fromkeys(("supports", "support", "supported", "supporting"), "SUPPORTS"),
    **dict.fromkeys(("refutes", "refute", "refuted", "refuting"), "REFUTES"),
    **dict.fromkeys(
        (
            "nei", "notenough", "notenoughinfo", "notenoughinformation", "notenoughevidence",
            "insufficientinfo", "insufficientinformation", "insufficientevidence",
        ),
        "NOT_ENOUGH_INFO",
    ),
}  # fmt: skip
_NO_ENTAILMENT = {"notentailment", "nonentailment", "notentailed"}
_ENTAILMENT = {key for key, stance in _OF_INFERENCE.items() if stance == "SUPPORTS"}
_NAMELESS = re.compile(r"label\d+")
_HOW = "--stance-labels contradiction,entailment,neutral"


class StanceLabels(NamedTuple):
    """A model's names for its outputs, and the column of each of STANCES among them.

    Besides the three stances there may be RELEVANT. Models for natural language inference read a premise, here the
    evidence, before the hypothesis: `evidence_first`. Others read the claim first.
    """

    names: tuple[str, ...]
    columns: tuple[int, ...]
    evidence_first: bool

    @property
    def are_ours(self) -> bool:
        """Whether these are exactly STANCES, in any order, with or without RELEVANT."""
        return set(self.names) - {RELEVANT} == set(STANCES)

    @property
    def relevance(self) -> int | None:
        """The column of RELEVANT, None if there is none."""
        return self.names.index(RELEVANT) if RELEVANT in self.names else None

    @property
    def text(self) -> str:
        """Human-readable meaning of the outputs, and the order of the pair."""
        return f"{self.outputs_text}; reads {self.pair_text}"

    @property
    def outputs_text(self) -> str:
        """Human-readable meaning of each output."""
        meanings: dict[int | None, str] = dict(zip(self.columns, STANCES, strict=True))
        meanings[self.relevance] = "the relevance"
        return ", ".join(f"{name} is {meanings[column]}" for column, name in enumerate(self.names))

    @property
    def pair_text(self) -> str:
        """Human-readable order of the pair."""
        return "the evidence, then the claim" if self.evidence_first else "the claim, then the evidence"

    @property
    def record(self) -> dict[str, Json]:
        """JSON that distinguishes two readings of the same weights; empty for STANCES in their own order."""
        if self == OURS:
            return {}
        return {"labels": list(self.names), "pair": list(self.pair("claim", "evidence"))}

    def pair(self, claim: str, text: str) -> tuple[str, str]:
        """Return claim and evidence in the order that the model reads."""
        return (text, claim) if self.evidence_first else (claim, text)


OURS = StanceLabels(STANCES, (0, 1, 2), evidence_first=False)


def read_labels(names: Sequence[str]) -> StanceLabels:
    """Return the meaning of labels given in the order of a model's outputs, in any case and usual spelling.

    Labels of natural language inference (entailment, contradiction, neutral) mean a model that reads the evidence
    first; labels of fact-checking (SUPPORTS, REFUTES, NOT ENOUGH INFO) mean one that reads the claim first, as FEVER's
    baselines and our own do. Raises ValueError for any other labels, and for a mix of both kinds, whose order cannot be
    known; its message continues a line that begins with the model's name.
    """
    keys = [_key(name) for name in names]
    for table, evidence_first in ((_OF_INFERENCE, True), (_OF_FACT_CHECKING, False)):
        found = [table.get(key) for key in keys]
        if len(found) == len(STANCES) and set(found) == set(STANCES):
            return StanceLabels(tuple(names), tuple(found.index(stance) for stance in STANCES), evidence_first)
    shown = ", ".join(names)
    if len(keys) == 2 and _ENTAILMENT & set(keys) and _NO_ENTAILMENT & set(keys):
        raise ValueError(
            f"distinguishes only entailment from the rest ({shown}), not refutation from neutral evidence; "
            "a stance model has three labels"
        )
    if len(keys) == len(STANCES) and all(map(_NAMELESS.fullmatch, keys)):
        raise ValueError(f"its labels are {shown}, which say nothing; name them in the order of its outputs: {_HOW}")
    cure = f", or name them in the order of its outputs: {_HOW}" if len(keys) == len(STANCES) else ""
    raise ValueError(
        f"its labels are {shown}; a stance model has {', '.join(STANCES)} or entailment, contradiction, neutral, "
        f"in any order (train one with: claimhound train stance{cure})"
    )


def _read_outputs(names: Sequence[str]) -> StanceLabels:
    """Return the meaning of labels as `read_labels` does, but also accept RELEVANT."""
    read = read_labels([name for name in names if name != RELEVANT])
    return read._replace(names=tuple(names), columns=tuple(names.index(read.names[column]) for column in read.columns))


def parse_labels(text: str) -> tuple[str, ...]:
    """Return the comma-separated names of `--stance-labels`; raises ValueError for names that `read_labels` refuses."""
    names = tuple(name.strip() for name in text.split(","))
    try:
        _read_outputs(names)
    except ValueError as error:
        raise ValueError(
            f"{text!r} does not name three outputs in order, such as contradiction,entailment,neutral or "
            "SUPPORTS,REFUTES,NOT_ENOUGH_INFO"
        ) from error
    return names


def label_names(config: Mapping[str, object]) -> tuple[str, ...]:
    """Return the labels named in a model's config.json, in the order of its outputs.

    If it gives only their number, they are LABEL_0, LABEL_1 and so on; without a number there are two, as in
    transformers. Raises ValueError if they are not numbered from 0.
    """
    named = config.get("id2label")
    if not isinstance(named, Mapping):
        number = config.get("num_labels")
        return tuple(f"LABEL_{output}" for output in range(number if isinstance(number, int) else 2))
    outputs = {int(key): str(label) for key, label in named.items() if str(key).isdecimal()}
    if sorted(outputs) != list(range(len(named))):
        raise ValueError(f"its labels are not numbered from 0: {', '.join(map(str, named))}")
    return tuple(outputs[output] for output in range(len(named)))


def stance_labels(config: Mapping[str, object], given: Sequence[str] | None = None) -> StanceLabels:
    """Return the meaning of the outputs of a model with this config.json; `given` names replace its own.

    Raises ValueError like `read_labels`.
    """
    names = label_names(config)
    if given is None:
        return _read_outputs(names)
    if len(names) != len(given):
        raise ValueError(f"has {len(names)} outputs ({', '.join(names)}), not the {len(given)} of --stance-labels")
    return _read_outputs(given)


def _key(name: str) -> str:
    """Return a label without case, spaces, underscores and hyphens."""
    return re.sub(r"[\s_-]+", "", name.casefold())
