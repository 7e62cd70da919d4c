"""Labels of claims: what the evidence says of each as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from claimhound.data.errors import InputError
from claimhound.data.formats.label_names import how_to_name, label_number, named_label
from claimhound.data.labelled_sets.stances import VERDICTS, Side, Verdict
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims
from claimhound.data.records import Json, Query

_FIELDS = ("label", "claim_label")
_EVIDENCE = "evidence"
_SIDES: dict[str, Side] = {"SUPPORT": "SUPPORTS", "CONTRADICT": "REFUTES", "REFUTE": "REFUTES"}


class LabelledClaim(NamedTuple):
    """A claim and its label."""

    claim: Query
    label: Verdict


def read_labelled_claims(
    source: str,
    reading: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    *,
    notices: Notices | None = None,
) -> list[LabelledClaim]:
    """Return the claims of a source, in order, with their labels.

    The label is the field `label`, or `claim_label`: one of VERDICTS in any case, with spaces or underscores; numbers
    are named by `reading.label_names`, from 0. A claim without these fields, but with `evidence` in SciFact's shape, is
    SUPPORTS if each rationale is SUPPORT, REFUTES if each is CONTRADICT or REFUTE, DISPUTED with both and
    NOT_ENOUGH_INFO with none. Raises InputError for any other claim, and what `read_claims` raises.
    """
    claims = read_claims(source, reading, notices=notices)
    return [LabelledClaim(claim, _label(source, claim, reading.label_names)) for claim in claims]


def _label(source: str, claim: Query, names: Sequence[str]) -> Verdict:
    where = f"{source}: claim {claim.query_id!r}"
    field = next((name for name in _FIELDS if name in claim.fields), None)
    if field is not None:
        value = named_label(claim.fields[field], names)
        if isinstance(value, str):
            spelled = "_".join(value.upper().split())
            found = next((verdict for verdict in VERDICTS if verdict == spelled), None)
            if found is not None:
                return found
        if label_number(value) is not None:
            raise InputError(f"{where} has the {field} {value!r}, {how_to_name(VERDICTS, names)}")
        raise InputError(f"{where} has the {field} {value!r}; expected one of {', '.join(VERDICTS)}")
    evidence = claim.fields.get(_EVIDENCE)
    if not isinstance(evidence, dict):
        raise InputError(f"{where} has no field {' or '.join(map(repr, _FIELDS))}, and no evidence as in SciFact")
    sides = set(_sides(where, evidence))
    if len(sides) > 1:
        return "DISPUTED"
    return sides.pop() if sides else "NOT_ENOUGH_INFO"


def _sides(where: str, evidence: dict[str, Json]) -> Iterator[Side]:
    for doc_id, rationales in evidence.items():
        for rationale in rationales if isinstance(rationales, list) else [rationales]:
            label = rationale.get("label") if isinstance(rationale, dict) else None
            if not isinstance(label, str) or label not in _SIDES:
                raise InputError(
                    f"{where} has the label {label!r} for document {doc_id!r}; expected one of {', '.join(_SIDES)}"
                )
            yield _SIDES[label]
