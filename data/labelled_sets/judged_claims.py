"""Judgments out of claims that name their evidence, in the shapes that data sets are published in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from claimhound.data.errors import RecordError
from claimhound.data.formats.fever import page_id
from claimhound.data.formats.fields import first_name, missing_field, usable_id
from claimhound.data.formats.label_names import how_to_name, label_number, named_label
from claimhound.data.formats.raw_record import RawRecord, json_kind
from claimhound.data.formats.sources import Source
from claimhound.data.labelled_sets.evidence_lists import LISTED_FIELD, listed_evidence, listed_ids
from claimhound.data.readers.claims import CLAIM_FIELDS
from claimhound.data.records import Json
from claimhound.data.text.sentences import sentence_id

Level: TypeAlias = Literal["document", "sentence"]

_CITED_FIELDS = ("cited_doc_ids", "doc_ids")
_BEARING = ("SUPPORTS", "REFUTES")
_NO_VERDICT = "NOT_ENOUGH_INFO"
_CLAIM_LABELS = (*_BEARING, _NO_VERDICT, "DISPUTED")
_EVIDENCE_LABELS = (*_BEARING, _NO_VERDICT)


class Judgment(NamedTuple):
    """A grade for a pair, and the line or record that gives it; the grade is as it stands there."""

    line: int
    query_id: str
    doc_id: str
    grade: Json


class JudgedClaim(NamedTuple):
    """A claim's judgments, and where any one of several sets of evidence suffices, these sets of document ids."""

    query_id: str
    judgments: list[Judgment]
    sets: list[frozenset[str]]


def is_judged_claim(raw: RawRecord) -> bool:
    """Return whether the record is a claim that names its evidence; all objects under a key are taken for one."""
    fields = raw.value
    if not isinstance(fields, dict):
        return False
    if raw.key is not None or LISTED_FIELD in fields or isinstance(fields.get("evidence"), dict | list):
        return True
    return any(name in fields for name in _CITED_FIELDS) and "evidence" not in fields


def claim_judgments(source: Source, raw: RawRecord, level: Level, label_names: Sequence[str] = ()) -> JudgedClaim:
    """Return the claim's id and its judgments, in the order that it names its evidence.

    The id is the object's key, or the first of `_id`, `id`, `query_id`, `claim_id` and `qid`. The shapes are these:

    - `evidences` is a list of ids: all are relevant, grade 1.
    - `evidences` is a list of objects with `evidence_id` and `evidence_label`, beside a `claim_label`, as CLIMATE-FEVER
      has it: relevant are all of them for a claim that is NOT_ENOUGH_INFO, otherwise those that are SUPPORTS or
      REFUTES. The others were judged too, and get grade 0. Labels that are numbers have their names in `label_names`,
      from 0. A claim without `claim_label` is NOT_ENOUGH_INFO if all of its evidence is.
    - `evidence` is an object `document id -> [{"sentences": [0, 2], "label": …}]`, as SciFact has it, numbers from 0:
      relevant are its documents, whatever the labels. What `cited_doc_ids` (or `doc_ids`) lists beside them was read
      and found to hold no evidence: grade 0.
    - `evidence` is a list of sets, each a list of `[annotation id, evidence id, page, line]`, as FEVER has it: relevant
      are the sentences `PAGE#LINE` of all sets, and any one whole set suffices. A set without a page, that of a claim
      with not enough info, holds none. FEVEROUS's objects with `content`, a list of ids, are sets of these ids.

    `level="sentence"`, for SciFact's shape, gives grade 1 to every sentence that a rationale names, and no other
    judgment. A sentence is `<document id>#<number>`, as `split_document` names sentences. But the numbers count the
    sentences of the data set: they fit a corpus that has these one a record under such ids. `split_document` cuts by
    rules of its own; on the dev claims of SciFact, 345 of 366 such ids then name the sentence that is meant. FEVER's
    shape names sentences anyway.

    Raises RecordError for anything else.
    """
    line, key, fields = raw
    if isinstance(fields, str):
        raise RecordError(source.name, line, "a claim is an object, not a text alone")
    name = first_name(CLAIM_FIELDS.id, fields) if key is None else None
    if key is None and name is None:
        raise RecordError(source.name, line, missing_field(CLAIM_FIELDS.id, fields))
    query_id = usable_id(source, line, key if name is None else fields[name], name)
    claim = _Claim(source, line, query_id, fields, tuple(label_names))
    sets: list[frozenset[str]] = []
    graded: Iterator[tuple[str, int]]
    if LISTED_FIELD not in fields and isinstance(fields.get("evidence"), list):
        sets = [frozenset(found) for found in claim.sets() if found]
        graded = ((doc_id, 1) for found in claim.sets() for doc_id in found)
    elif LISTED_FIELD not in fields and (isinstance(fields.get("evidence"), dict) or key is None):
        graded = claim.rationale_sentences() if level == "sentence" else claim.abstracts()
    elif level == "sentence":
        raise claim.error("names documents, not sentences")
    else:
        graded = claim.listed()
    return JudgedClaim(query_id, [Judgment(line, query_id, doc_id, grade) for doc_id, grade in graded], sets)


class _Claim(NamedTuple):
    source: Source
    line: int
    query_id: str
    fields: dict[str, Json]
    label_names: tuple[str, ...]

    def error(self, reason: str) -> RecordError:
        return RecordError(self.source.name, self.line, f"claim {self.query_id!r} {reason}")

    def listed(self) -> Iterator[tuple[str, int]]:
        evidences = listed_evidence(self.source, self.line, self.query_id, self.fields)
        if any(isinstance(entry, dict) for entry in evidences):
            yield from self._labelled(evidences)
            return
        for doc_id in listed_ids(self.source, self.line, self.query_id, evidences):
            yield doc_id, 1

    def _labelled(self, evidences: list[Json]) -> Iterator[tuple[str, int]]:
        graded: list[tuple[str, bool]] = []
        for entry in evidences:
            if not isinstance(entry, dict):
                raise self.error(f"lists {json_kind(entry)} among the objects in {LISTED_FIELD!r}")
            if "evidence_id" not in entry:
                raise self.error("lists an evidence without 'evidence_id'")
            label = self._label(entry, "evidence_label", _EVIDENCE_LABELS)
            graded.append((usable_id(self.source, self.line, entry["evidence_id"], "evidence_id"), label in _BEARING))
        if "claim_label" in self.fields:
            all_count = self._label(self.fields, "claim_label", _CLAIM_LABELS) == _NO_VERDICT
        else:
            all_count = not any(bears for _, bears in graded)
        for doc_id, bears in graded:
            yield doc_id, int(all_count or bears)

    def _label(self, fields: dict[str, Json], name: str, known: tuple[str, ...]) -> Json:
        label = named_label(fields.get(name), self.label_names)
        if isinstance(label, str) and (spelled := "_".join(label.upper().split())) in known:
            return spelled
        if label_number(label) is not None:
            raise self.error(f"has the {name} {label!r}, {how_to_name(_CLAIM_LABELS, self.label_names)}")
        there = f"no {name!r}" if label is None else f"the {name} {label!r}"
        raise self.error(f"has {there}; it is one of {', '.join(known)}")

    def sets(self) -> Iterator[list[str]]:
        """Yield each set of evidence as ids, each once; one that names nothing is empty."""
        evidence = self.fields["evidence"]
        for entry in evidence if isinstance(evidence, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("content"), list):
                ids = [usable_id(self.source, self.line, doc_id, "content") for doc_id in self._list(entry["content"])]
            elif isinstance(entry, list) and all(isinstance(item, list) and len(item) == 4 for item in entry):
                ids = [found for item in entry if (found := self._sentence(self._list(item))) is not None]
            else:
                raise self.error(
                    "has a list as evidence that holds other things than sets: each a list of [annotation id, "
                    "evidence id, page, line], as FEVER has it"
                )
            yield list(dict.fromkeys(ids))

    @staticmethod
    def _list(value: Json) -> list[Json]:
        return value if isinstance(value, list) else []

    def _sentence(self, entry: list[Json]) -> str | None:
        """Return the id of the sentence that `[annotation id, evidence id, page, line]` names, None for none."""
        *_, page, number = entry
        if page is None or (isinstance(page, str) and not page.strip()):
            return None
        if type(number) is not int or number < 0:
            raise self.error(f"names the line {number!r} of page {page!r}, and lines are numbers from 0")
        return sentence_id(page_id(usable_id(self.source, self.line, page, "evidence")), number)

    def abstracts(self) -> Iterator[tuple[str, int]]:
        found = [doc_id for doc_id, _ in self._rationales()]
        for doc_id in found:
            yield doc_id, 1
        name = first_name(_CITED_FIELDS, self.fields)
        cited = [] if name is None else self.fields[name]
        if not isinstance(cited, list):
            raise self.error(f"has {json_kind(cited)} in {name!r}, not a list of ids")
        for entry in cited:
            doc_id = usable_id(self.source, self.line, entry, name)
            if doc_id not in found:
                yield doc_id, 0

    def rationale_sentences(self) -> Iterator[tuple[str, int]]:
        for doc_id, numbers in self._rationales():
            for number in sorted(numbers):
                yield sentence_id(doc_id, number), 1

    def _rationales(self) -> Iterator[tuple[str, set[int]]]:
        """Yield each document that holds evidence, and the numbers of the sentences that do."""
        evidence = self.fields.get("evidence")
        for key, rationales in evidence.items() if isinstance(evidence, dict) else ():
            if rationales is None:  # in a table, every claim has the documents of all others as empty columns
                continue
            doc_id = usable_id(self.source, self.line, key, "evidence")
            numbers: set[int] = set()
            for rationale in rationales if isinstance(rationales, list) else []:
                sentences = rationale.get("sentences") if isinstance(rationale, dict) else None
                if not isinstance(sentences, list) or not all(type(n) is int and n >= 0 for n in sentences):
                    raise self.error(f"has a rationale in {doc_id!r} without 'sentences', a list of numbers from 0")
                numbers.update(n for n in sentences if isinstance(n, int))
            if not numbers:
                raise self.error(f"names {doc_id!r} as evidence without a sentence of it")
            yield doc_id, numbers
