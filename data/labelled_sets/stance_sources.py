"""Published sets of claims with evidence that supports or refutes them, named `KIND:PATH[@N]`.

The kinds, and what their labels become (S is SUPPORTS, R is REFUTES, N is NOT_ENOUGH_INFO):

climate_fever       JSONL, five sentences a claim; each sentence's own `evidence_label`, S, R or N
scifact             SciFact's shape, with `corpus.jsonl` next to the file: SUPPORT is S, CONTRADICT and REFUTE are R;
                    a rationale's sentences together are the evidence; a cited abstract without a rationale is N, with
                    its two sentences that are closest to the claim, each on its own
citation_integrity  the same shape and labels, but the whole passage is the evidence, since its rationales always name
                    sentence 0. R covers every kind of inaccurate citation, not only refuted claims
healthver           CSV: Supports is S, Refutes is R, Neutral is N
covidfact           TSV: entailment is S, not_entailment is R (claims in which a machine changed a word)
fool_me_twice       JSONL: SUPPORTS and REFUTES, with all gold sentences together as the evidence
fever_symmetric     JSONL: SUPPORTS and REFUTES
sufficient_facts    JSONL: NOT ENOUGH is N; ENOUGH, with any suffix, keeps the label from before a part was removed
rte                 TSV: entailment is S, not_entailment is N, although some of these pairs contradict
pairs               JSONL: `claim` (or `query`), `evidence` (or `text`) and `label`: SUPPORTS, REFUTES, NOT_ENOUGH_INFO.
                    NOT_SUPPORTED, which may be R or N, and CONFLICTING, which is both S and R, say no single stance:
                    those pairs are left out
split_pairs         the same; `group`, else the claim, decides on which side a pair is
counterfactual      documents of any kind; pairs are made by rule from N of their sentences, see `counterfactuals`, with
                    the sentence as `group`

A numeric label gets its name from the Hugging Face features of a Parquet file, a Hub data set or a saved data set, or
from the `label_names` given to the reader, counted from 0.

Files of sufficient_facts, split_pairs and counterfactual have no part to measure on. A hash of the claim's words, or of
its group, puts one claim in five on the dev side and the others on the train side, and only the requested side is read.
All other files are read whole.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from claimhound.data.errors import InputError
from claimhound.data.formats.sources import Source
from claimhound.data.labelled_sets.counterfactuals import counterfactual_pairs
from claimhound.data.labelled_sets.entries import Entry, locate_labelled, read_entries
from claimhound.data.labelled_sets.scifact import Abstracts, cited_documents
from claimhound.data.labelled_sets.source_names import parse_source_name
from claimhound.data.labelled_sets.stances import STANCES, Stance, StancePair, StanceSet
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.documents import locate_documents, read_documents
from claimhound.data.records import Json
from claimhound.data.text.normal_text import normalize_text
from claimhound.data.text.penn_text import detokenized

Part: TypeAlias = Literal["train", "dev"]
Labels: TypeAlias = Mapping[str, Stance]

_S: Stance = "SUPPORTS"
_R: Stance = "REFUTES"
_N: Stance = "NOT_ENOUGH_INFO"
_SENTENCES_WITHOUT_STANCE = 2
_ONE_IN = 5
_CITATION = re.compile(r"\s*\[?<\|\w*cit\|>(?:[,\d\s]*\])?")
_FOR_MEASURING = re.compile(r"(?<![a-z])(dev|test|valid|validation)(?![a-z])")


@dataclass(frozen=True)
class StanceSource:
    """A labelled set: `limit` is the number of claims to draw, None for all; `label_names` name numeric labels.

    For the kind `counterfactual`, `limit` is the number of sentences to draw.

    `path` is a file, a folder written by `save_to_disk`, or `hf:NAME[@CONFIG][:SPLIT]`.
    """

    kind: str
    path: Path
    limit: int | None = None
    label_names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, label_names: Sequence[str] = ()) -> StanceSource:
        """Return the source named by `KIND:PATH[@N]`; raises InputError as `parse_source_name` does."""
        name = parse_source_name(text, _KINDS)
        return cls(name.kind, name.path, name.limit, tuple(label_names))

    def require_trainable(self) -> None:
        """Raise InputError for a file that is meant for measuring.

        Files of the kinds `pairs` and `split_pairs` keep the names of public splits, all of which may be learned, and
        what is made from a corpus measures nothing else.
        """
        if not _KINDS[self.kind].is_for_training and _FOR_MEASURING.search(self.path.name.lower()):
            raise InputError(f"{self.path}: its name says it is for measuring; train on another file")


def is_stance_source(text: str) -> bool:
    """Tell whether the text begins with one of the kinds."""
    return text.partition(":")[0] in _KINDS


def read_stance_source(named: StanceSource, part: Part, *, seed: int = 42) -> StanceSet:
    """Return the pairs of a source, in its order.

    Raises InputError for a missing file and one without pairs, and RecordError, naming the line, for a record of
    another shape or with an unknown label.
    """
    kind = _KINDS[named.kind]
    if kind.read is None:
        source = locate_documents(named.path, ReadOptions())
        found: Iterable[StancePair] = counterfactual_pairs(read_documents([source]), named.limit, seed)
    else:
        source = locate_labelled(named.path)
        found = kind.read(source, named.label_names)
    pairs = [pair for pair in found if not kind.has_one_file or _part_of(pair.group or pair.claim) == part]
    if named.limit is not None and kind.read is not None:
        claims = list(dict.fromkeys(normalize_text(pair.claim) for pair in pairs))
        drawn = set(random.Random(seed).sample(claims, min(named.limit, len(claims))))
        pairs = [pair for pair in pairs if normalize_text(pair.claim) in drawn]
    if not pairs:
        raise InputError(f"{named.path}: contains no pair of claim and evidence")
    folder = named.path.absolute().parent.name
    return StanceSet(f"{folder}/{source.stem}", pairs, kind.tells_refuted)


def _part_of(claim: str) -> Part:
    """Return the side of a claim or group, which depends on its words alone."""
    digest = hashlib.sha256(normalize_text(claim).encode()).digest()
    return "dev" if int.from_bytes(digest[:8]) % _ONE_IN == 0 else "train"


def _pair(entry: Entry, claim: str, text: str, stance: Stance, record_id: Json = None) -> StancePair:
    pair_id = entry.fields.get("id", entry.fields.get("index")) if record_id is None else record_id
    return StancePair(
        str(entry.line if pair_id is None else pair_id), " ".join(claim.split()), " ".join(text.split()), stance
    )


def _read_climate_fever(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Labels = {"SUPPORTS": _S, "REFUTES": _R, "NOT_ENOUGH_INFO": _N}
    for entry in read_entries(source, label_names):
        claim = entry.text("claim")
        for sentence in entry.objects("evidences"):
            stance = sentence.label(labels, "evidence_label")
            record_id = sentence.text("evidence_id").strip()
            yield _pair(sentence, claim, sentence.text("evidence"), stance, record_id)


_RATIONALE_LABELS: Labels = {"SUPPORT": _S, "CONTRADICT": _R, "REFUTE": _R}


def _read_claims_with_citations(source: Source, label_names: Sequence[str]) -> Iterator[Entry]:
    for entry in read_entries(source, label_names):
        if "evidence" not in entry.fields:  # claims of a test set: not labelled, so not N
            raise entry.error("has no object in field 'evidence'")
        yield entry


def _read_scifact(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    """For a cited abstract without evidence, see section 4 of Wadden et al., Fact or Fiction, EMNLP 2020."""
    abstracts = Abstracts(source)
    for entry in _read_claims_with_citations(source, label_names):
        claim = entry.text("claim")
        for doc_id, rationales in cited_documents(entry):
            for rationale in rationales:
                text = " ".join(abstracts.named([rationale], doc_id))
                yield _pair(entry, claim, text, rationale.label(_RATIONALE_LABELS, "label"))
            if not rationales:
                for sentence in abstracts.closest(entry, doc_id, claim, _SENTENCES_WITHOUT_STANCE):
                    yield _pair(entry, claim, sentence, _N)


def _read_citation_integrity(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    abstracts = Abstracts(source)
    for entry in _read_claims_with_citations(source, label_names):
        claim = _CITATION.sub("", entry.text("claim"))
        for doc_id, rationales in cited_documents(entry):
            passage = " ".join(abstracts.of(entry, doc_id)).strip()
            if passage:  # three papers have no text
                labels = {rationale.label(_RATIONALE_LABELS, "label") for rationale in rationales} or {_N}
                if len(labels) > 1:
                    raise entry.error(f"gives document {doc_id} several labels")
                yield _pair(entry, claim, passage, *labels)


def _read_healthver(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Labels = {"Supports": _S, "Refutes": _R, "Neutral": _N}
    for entry in read_entries(source, label_names):
        yield _pair(entry, entry.text("claim"), entry.text("evidence"), entry.label(labels, "label"))


def _read_covidfact(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Labels = {"entailment": _S, "not_entailment": _R}
    for entry in read_entries(source, label_names):
        # The dev file's column of labels is named after one of them.
        stance = entry.label(labels, "label", "entailment")
        yield _pair(entry, entry.text("Sentence2", "sentence2"), entry.text("sentence1"), stance)


def _read_fool_me_twice(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Labels = {"SUPPORTS": _S, "REFUTES": _R}
    for entry in read_entries(source, label_names):
        sentences = [sentence.text("text") for sentence in entry.objects("gold_evidence")]
        if not sentences:
            raise entry.error("has no gold evidence")
        yield _pair(entry, entry.text("text"), " ".join(sentences), entry.label(labels, "label"))


def _read_fever_symmetric(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Labels = {"SUPPORTS": _S, "REFUTES": _R}
    for entry in read_entries(source, label_names):
        text = detokenized(entry.line_of_text("evidence_sentence", "evidence"))
        yield _pair(entry, detokenized(entry.line_of_text("claim")), text, entry.label(labels, "label", "gold_label"))


def _read_sufficient_facts(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    before: Labels = {"SUPPORTS": _S, "SUPPORTED": _S, "REFUTES": _R}
    for entry in read_entries(source, label_names):
        after = entry.line_of_text("label_after")
        if not after.startswith(("NOT ENOUGH", "ENOUGH")):
            raise entry.error(f"has the label {after!r}; expected NOT ENOUGH or ENOUGH")
        stance = _N if after.startswith("NOT ENOUGH") else entry.label(before, "label_before")
        sentences: list[str] = []
        for item in entry.list("evidence"):
            if not isinstance(item, list) or not all(isinstance(part, str) for part in item) or not item:
                raise entry.error("its evidence is not a list of [article, sentence]")
            sentences.append(str(item[-1]))
        yield _pair(entry, detokenized(entry.line_of_text("claim")), detokenized(" ".join(sentences)), stance)


def _read_rte(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Labels = {"entailment": _S, "not_entailment": _N}
    for entry in read_entries(source, label_names):
        yield _pair(entry, entry.text("sentence2"), entry.text("sentence1"), entry.label(labels, "label"))


_WITHOUT_ONE_STANCE = ("NOT_SUPPORTED", "CONFLICTING")


def _read_pairs(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Mapping[str, Stance | None] = {stance: stance for stance in STANCES} | dict.fromkeys(_WITHOUT_ONE_STANCE)
    for entry in read_entries(source, label_names):
        claim, text = entry.text("claim", "query"), entry.text("evidence", "text")
        stance = entry.label(labels, "label")
        group = entry.identifier("group")
        if stance is not None:
            yield _pair(entry, claim, text, stance)._replace(group=group)


class _Kind(NamedTuple):
    read: Callable[[Source, Sequence[str]], Iterator[StancePair]] | None
    """None for documents, from whose sentences pairs are made."""
    has_one_file: bool = False
    tells_refuted: bool = True
    is_for_training: bool = False


_KINDS: Mapping[str, _Kind] = {
    "climate_fever": _Kind(_read_climate_fever),
    "scifact": _Kind(_read_scifact),
    "citation_integrity": _Kind(_read_citation_integrity),
    "healthver": _Kind(_read_healthver),
    "covidfact": _Kind(_read_covidfact),
    "fool_me_twice": _Kind(_read_fool_me_twice),
    "fever_symmetric": _Kind(_read_fever_symmetric),
    "sufficient_facts": _Kind(_read_sufficient_facts, has_one_file=True),
    "rte": _Kind(_read_rte, tells_refuted=False),
    "pairs": _Kind(_read_pairs, is_for_training=True),
    "split_pairs": _Kind(_read_pairs, has_one_file=True, is_for_training=True),
    "counterfactual": _Kind(None, has_one_file=True, is_for_training=True),
}
KINDS: Sequence[str] = tuple(_KINDS)
