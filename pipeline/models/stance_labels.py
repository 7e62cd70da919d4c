"""What a stance model's labels say: which output is which of STANCES, and in which order it reads a pair."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from claimhound.data.labelled_sets.stances import STANCES, Stance
from claimhound.data.records import Json

# As `_key` spells them. A word stands in one table only: the table decides the order of the pair.
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
    """What a model calls its three outputs, and where each of STANCES stands among them.

    Models of natural language inference read a premise, here the evidence, before the hypothesis: `evidence_first`.
    Others read the claim first.
    """

    names: tuple[str, ...]
    columns: tuple[int, ...]
    evidence_first: bool

    @property
    def are_ours(self) -> bool:
        """Whether these are STANCES to the letter, in whatever order."""
        return set(self.names) == set(STANCES)

    @property
    def text(self) -> str:
        """What the outputs stand for and the pair's order, for people."""
        return f"{self.outputs_text}; reads {self.pair_text}"

    @property
    def outputs_text(self) -> str:
        """Each output with what it stands for, for people."""
        stances = dict(zip(self.columns, STANCES, strict=True))
        return ", ".join(f"{name} is {stances[column]}" for column, name in enumerate(self.names))

    @property
    def pair_text(self) -> str:
        """The order of the pair, for people."""
        return "the evidence, then the claim" if self.evidence_first else "the claim, then the evidence"

    @property
    def record(self) -> dict[str, Json]:
        """What tells two readings of the same weights apart, for a record; empty for STANCES in their order."""
        if self == OURS:
            return {}
        return {"labels": list(self.names), "pair": list(self.pair("claim", "evidence"))}

    def pair(self, claim: str, text: str) -> tuple[str, str]:
        """Return claim and evidence in the order in which the model reads them."""
        return (text, claim) if self.evidence_first else (claim, text)


OURS = StanceLabels(STANCES, (0, 1, 2), evidence_first=False)


def read_labels(names: Sequence[str]) -> StanceLabels:
    """Return what a model's labels say, which are named in the order of its outputs, in any case and spelling.

    Those of natural language inference (entailment, contradiction, neutral) are of a model that reads the evidence
    first, those of fact-checking (SUPPORTS, REFUTES, NOT ENOUGH INFO) of one that reads the claim first, as FEVER's
    baselines and our own do. Raises ValueError, which goes on after the name of a model, for any other labels; also for
    three that mix both, whose order is anybody's guess.
    """
    keys = [_key(name) for name in names]
    for table, evidence_first in ((_OF_INFERENCE, True), (_OF_FACT_CHECKING, False)):
        found = [table.get(key) for key in keys]
        if len(found) == len(STANCES) and set(found) == set(STANCES):
            return StanceLabels(tuple(names), tuple(found.index(stance) for stance in STANCES), evidence_first)
    shown = ", ".join(names)
    if len(keys) == 2 and _ENTAILMENT & set(keys) and _NO_ENTAILMENT & set(keys):
        raise ValueError(
            f"tells only entailment from the rest ({shown}), so not what refutes a claim from what says nothing of it; "
            "a stance model has three labels"
        )
    if len(keys) == len(STANCES) and all(map(_NAMELESS.fullmatch, keys)):
        raise ValueError(f"its labels are {shown}, which says nothing; name them in the order of its outputs: {_HOW}")
    cure = f", or name them in the order of its outputs: {_HOW}" if len(keys) == len(STANCES) else ""
    raise ValueError(
        f"its labels are {shown}; a stance model has {', '.join(STANCES)} or entailment, contradiction, neutral, "
        f"in any order (train one with: claimhound train stance{cure})"
    )


def parse_labels(text: str) -> tuple[str, ...]:
    """Return the names out of `--stance-labels`: three with commas. Raises ValueError for any that say nothing."""
    names = tuple(name.strip() for name in text.split(","))
    try:
        read_labels(names)
    except ValueError as error:
        raise ValueError(
            f"{text!r} does not name three outputs in their order, such as contradiction,entailment,neutral or "
            "SUPPORTS,REFUTES,NOT_ENOUGH_INFO"
        ) from error
    return names


def label_names(config: Mapping[str, object]) -> tuple[str, ...]:
    """Return the labels that a model's config.json names, in the order of its outputs.

    Where it gives but a number of labels they are called LABEL_0 and on, and where it says nothing there are two, as
    transformers has it. Raises ValueError where they are not numbered from 0 on.
    """
    named = config.get("id2label")
    if not isinstance(named, Mapping):
        number = config.get("num_labels")
        return tuple(f"LABEL_{output}" for output in range(number if isinstance(number, int) else 2))
    outputs = {int(key): str(label) for key, label in named.items() if str(key).isdecimal()}
    if sorted(outputs) != list(range(len(named))):
        raise ValueError(f"its labels are not numbered from 0 on: {', '.join(map(str, named))}")
    return tuple(outputs[output] for output in range(len(named)))


def stance_labels(config: Mapping[str, object], given: Sequence[str] | None = None) -> StanceLabels:
    """Return what the outputs of a model with this config.json stand for; `given` names come before its own.

    Raises ValueError, which goes on after the name of a model.
    """
    names = label_names(config)
    if given is None:
        return read_labels(names)
    if len(names) != len(given):
        raise ValueError(f"has {len(names)} outputs ({', '.join(names)}), not the {len(given)} of --stance-labels")
    return read_labels(given)


def _key(name: str) -> str:
    """Return a label without case, spaces, underscores and hyphens."""
    return re.sub(r"[\s_-]+", "", name.casefold())
