"""Judgments from claims that name their evidence, in the shapes of published data sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from claimhound.data.errors import RecordError
from claimhound.data.formats.fever import page_id
from claimhound.data.formats.fields import first_name, missing_field, usable_id
from claimhound.data.formats.label_names import how_to_name, label_number, named_label
from claimhound.data.formats.raw_record import RawRecord
from claimhound.data.formats.sources import Source
from claimhound.data.labelled_sets.entries import Entry
from claimhound.data.labelled_sets.evidence_lists import LISTED_FIELD, listed_evidence, listed_ids
from claimhound.data.labelled_sets.scifact import CITED_FIELDS, cited_documents, sentence_numbers
from claimhound.data.readers.claims import CLAIM_FIELDS
from claimhound.data.records import Json
from claimhound.data.text.sentences import sentence_id

Level: TypeAlias = Literal["document", "sentence"]

_BEARING = ("SUPPORTS", "REFUTES")
_NO_VERDICT = "NOT_ENOUGH_INFO"
_CLAIM_LABELS = (*_BEARING, _NO_VERDICT, "DISPUTED")
_EVIDENCE_LABELS = (*_BEARING, _NO_VERDICT)


class Judgment(NamedTuple):
    """A grade for a pair, unchanged, with its line or record number."""

    line: int
    query_id: str
    doc_id: str
    grade: Json


class JudgedClaim(NamedTuple):
    """A claim's judgments, and its sets of evidence (document ids), each of which is sufficient."""

    query_id: str
    judgments: list[Judgment]
    sets: list[frozenset[str]]


def is_judged_claim(raw: RawRecord) -> bool:
    """Tell whether the record is a claim that names its evidence; every object under a key counts as one."""
    fields = raw.value
    if not isinstance(fields, dict):
        return False
    if raw.key is not None or LISTED_FIELD in fields or isinstance(fields.get("evidence"), dict | list):
        return True
    return any(name in fields for name in CITED_FIELDS) and "evidence" not in fields


def claim_judgments(source: Source, raw: RawRecord, level: Level, label_names: Sequence[str] = ()) -> JudgedClaim:
    """Return the claim's id and its judgments, in the order in which it names its evidence.

    The id is the object's key, or the first of `_id`, `id`, `query_id`, `claim_id` and `qid`. The shapes are:

    - `evidences`, a list of ids: all are relevant, grade 1.
    - `evidences`, a list of objects with `evidence_id` and `evidence_label`, with a `claim_label`, as in CLIMATE-FEVER:
      all are relevant if the claim is NOT_ENOUGH_INFO, otherwise those that are SUPPORTS or REFUTES. The others were
      judged too and get grade 0. Numeric labels are named by `label_names`, from 0. A claim without `claim_label` is
      NOT_ENOUGH_INFO if all of its evidence is.
    - `evidence`, an object `document id -> [{"sentences": [0, 2], "label": …}]`, as in SciFact, numbers from 0: its
      documents are relevant, with any label. Further documents in `cited_doc_ids` (or `doc_ids`) were read and found to
      have no evidence: grade 0.
    - `evidence`, a list of sets, each a list of `[annotation id, evidence id, page, line]`, as in FEVER: the sentences
      `PAGE#LINE` of all sets are relevant, and each whole set is sufficient. A set without a page, as for a claim with
      not enough info, is empty. In FEVEROUS, objects with `content`, a list of ids, are sets of these ids.

    `level="sentence"`, for SciFact's shape, gives grade 1 to every sentence of a rationale, and no other judgment. A
    sentence is `<document id>#<number>`, as in `split_document`. But the numbers count the sentences of the data set,
    so they fit a corpus with these sentences as records with such ids. `split_document` has its own rules: on the dev
    claims of SciFact, 345 of 366 such ids name the right sentence after splitting. FEVER's shape always names
    sentences.

    Raises RecordError for any other shape.
    """
    line, key, fields = raw
    if isinstance(fields, str):
        raise RecordError(source.name, line, "a claim must be an object, not a text")
    name = first_name(CLAIM_FIELDS.id, fields) if key is None else None
    if key is None and name is None:
        raise RecordError(source.name, line, missing_field(CLAIM_FIELDS.id, fields))
    query_id = usable_id(source, line, key if name is None else fields[name], name)
    claim = Entry(source, line, fields, label_names, subject=f"claim {query_id!r}")
    sets: list[frozenset[str]] = []
    graded: Iterator[tuple[str, int]]
    if LISTED_FIELD not in fields and isinstance(fields.get("evidence"), list):
        sets = [frozenset(found) for found in _sets(claim) if found]
        graded = ((doc_id, 1) for found in _sets(claim) for doc_id in found)
    elif LISTED_FIELD not in fields and (isinstance(fields.get("evidence"), dict) or key is None):
        graded = _rationales(claim, level)
    elif level == "sentence":
        raise claim.error("names documents, not sentences")
    else:
        graded = _listed(claim, query_id)
    return JudgedClaim(query_id, [Judgment(line, query_id, doc_id, grade) for doc_id, grade in graded], sets)


def _listed(claim: Entry, query_id: str) -> Iterator[tuple[str, int]]:
    evidences = listed_evidence(claim.source, claim.line, query_id, claim.fields)
    if any(isinstance(entry, dict) for entry in evidences):
        yield from _labelled(claim)
        return
    for doc_id in listed_ids(claim.source, claim.line, query_id, evidences):
        yield doc_id, 1


def _labelled(claim: Entry) -> Iterator[tuple[str, int]]:
    graded: list[tuple[str, bool]] = []
    for evidence in claim.objects(LISTED_FIELD):
        if "evidence_id" not in evidence.fields:
            raise claim.error("lists an evidence without 'evidence_id'")
        label = _label(evidence, "evidence_label", _EVIDENCE_LABELS)
        doc_id = usable_id(claim.source, claim.line, evidence.fields["evidence_id"], "evidence_id")
        graded.append((doc_id, label in _BEARING))
    if "claim_label" in claim.fields:
        all_count = _label(claim, "claim_label", _CLAIM_LABELS) == _NO_VERDICT
    else:
        all_count = not any(bears for _, bears in graded)
    for doc_id, bears in graded:
        yield doc_id, int(all_count or bears)


def _label(entry: Entry, name: str, known: tuple[str, ...]) -> str:
    label = named_label(entry.fields.get(name), entry.label_names)
    if isinstance(label, str) and (spelled := "_".join(label.upper().split())) in known:
        return spelled
    if label_number(label) is not None:
        raise entry.error(f"has the {name} {label!r}, {how_to_name(_CLAIM_LABELS, entry.label_names)}")
    found = f"no {name!r}" if label is None else f"the {name} {label!r}"
    raise entry.error(f"has {found}; expected one of {', '.join(known)}")


def _sets(claim: Entry) -> Iterator[list[str]]:
    """Yield each set of evidence as ids, each once; a set that names nothing is empty."""
    for item in claim.list("evidence"):
        if isinstance(item, dict) and isinstance(item.get("content"), list):
            content = claim._replace(fields=item).list("content")
            ids = [usable_id(claim.source, claim.line, doc_id, "content") for doc_id in content]
        elif isinstance(item, list) and all(isinstance(sentence, list) and len(sentence) == 4 for sentence in item):
            sentences = (sentence for sentence in item if isinstance(sentence, list))
            ids = [found for sentence in sentences if (found := _sentence(claim, sentence)) is not None]
        else:
            raise claim.error(
                "has a list as evidence with items that are not sets; each set is a list of [annotation id, "
                "evidence id, page, line], as in FEVER"
            )
        yield list(dict.fromkeys(ids))


def _sentence(claim: Entry, entry: list[Json]) -> str | None:
    """Return the id of the sentence that `[annotation id, evidence id, page, line]` names, None without a page."""
    *_, page, number = entry
    if page is None or (isinstance(page, str) and not page.strip()):
        return None
    if type(number) is not int or number < 0:
        raise claim.error(f"names line {number!r} of page {page!r}; lines are numbers from 0")
    return sentence_id(page_id(usable_id(claim.source, claim.line, page, "evidence")), number)


def _rationales(claim: Entry, level: Level) -> Iterator[tuple[str, int]]:
    evidence = claim.fields.get("evidence")
    for doc_id, rationales in cited_documents(claim):
        numbers = sentence_numbers(rationales, doc_id)
        if not numbers and isinstance(evidence, dict) and doc_id in evidence:
            raise claim.error(f"names {doc_id!r} as evidence without a sentence of it")
        if level == "document":
            yield doc_id, int(bool(numbers))
        else:
            for number in numbers:
                yield sentence_id(doc_id, number), 1
