"""Published sets of claims and evidence: each shape and label map, on made-up records and on the real files."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import datasets
import pytest

from claimhound.data.errors import InputError, RecordError
from claimhound.data.labelled_sets.stance_sources import KINDS, StanceSource, is_stance_source, read_stance_source
from claimhound.data.labelled_sets.stances import StancePair
from claimhound.data.text.normal_text import normalize_text

S, R, N = "SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO"


def read(kind, path, part="train", limit=None):
    return read_stance_source(StanceSource(kind, path, limit), part)


def triples(kind, path):
    return [(pair.claim, pair.text, pair.stance) for pair in read(kind, path).pairs]


def write_lines(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def rationale(*numbers, label="SUPPORT"):
    return {"sentences": list(numbers), "label": label}


@pytest.fixture
def abstracts(tmp_path):
    """The path of a claims file that the test writes, next to a corpus of three documents."""
    sentences = ["Tea is a drink.", "Green tea slows  ageing in mice.", "We fed mice.", "Mice live for two years."]
    write_lines(
        tmp_path / "corpus.jsonl",
        {"doc_id": 7, "title": "Tea", "abstract": sentences},
        {"doc_id": 8, "title": "Milk", "abstract": ["Milk is white.", "Milk does not slow ageing."]},
        {"doc_id": 9, "title": "Nothing", "abstract": []},
    )
    return tmp_path / "claims_train.jsonl"


def test_climate_fever_gives_each_sentence_its_own_label(tmp_path):
    sentences = [("a:1", S), ("a:2", N), ("b:1", R)]
    evidences = [
        {"evidence_id": name, "evidence_label": label, "evidence": f"Text {name}."} for name, label in sentences
    ]
    path = write_lines(
        tmp_path / "train.jsonl", {"claim": "Ice melts.", "claim_label": "DISPUTED", "evidences": evidences}
    )
    found = read("climate_fever", path)
    assert [(pair.pair_id, pair.stance) for pair in found.pairs] == sentences
    assert triples("climate_fever", path)[0] == ("Ice melts.", "Text a:1.", S)
    assert (found.name, found.tells_refuted) == (f"{tmp_path.name}/train", True)


def test_scifact_joins_a_rationale_and_takes_the_closest_sentences_of_a_cited_abstract_without_one(abstracts):
    write_lines(
        abstracts,
        {"id": 1, "claim": "Tea slows ageing.", "evidence": {"7": [rationale(3, 1)]}, "cited_doc_ids": [7]},
        {
            "id": 2,
            "claim": "Milk slows ageing.",
            "evidence": {"8": [rationale(1, label="CONTRADICT")]},
            "doc_ids": [8, 7],
        },
        {"id": 3, "claim": "Milk is black.", "evidence": {"8": [rationale(0, label="REFUTE")]}, "cited_doc_ids": [8]},
    )
    assert triples("scifact", abstracts) == [
        ("Tea slows ageing.", "Green tea slows ageing in mice. Mice live for two years.", S),
        ("Milk slows ageing.", "Milk does not slow ageing.", R),
        # the second sentence of document 7 shares two words with the claim; the others share none, so the first wins
        ("Milk slows ageing.", "Tea is a drink.", N),
        ("Milk slows ageing.", "Green tea slows ageing in mice.", N),
        ("Milk is black.", "Milk is white.", R),
    ]


def test_citation_integrity_takes_the_whole_passage_and_the_claim_without_its_marks(abstracts):
    write_lines(
        abstracts,
        {"claim": "Milk is white [<|multi_cit|>,7].", "evidence": {"8": [rationale(0)]}, "cited_doc_ids": [8]},
        {"claim": "Milk<|cit|> is old <|other_cit|>.", "evidence": {}, "cited_doc_ids": [8, 9]},
    )
    passage = "Milk is white. Milk does not slow ageing."
    assert triples("citation_integrity", abstracts) == [("Milk is white.", passage, S), ("Milk is old.", passage, N)]


def test_healthver_covidfact_and_rte_are_tables(tmp_path):
    (tmp_path / "h.csv").write_text(
        'id,evidence,claim,label,topic_ip\n1,"One, two.",C1,Supports,1\n2,E2,C2,Refutes,1\n3,E3,C3,Neutral,1\n'
    )
    assert triples("healthver", tmp_path / "h.csv") == [("C1", "One, two.", S), ("C2", "E2", R), ("C3", "E3", N)]
    (tmp_path / "train.tsv").write_text(
        'index\tsentence1\tSentence2\tlabel\n0\tIt "rose\tC1\tentailment\n1\tE2\tC2\tnot_entailment\n'
    )
    assert triples("covidfact", tmp_path / "train.tsv") == [("C1", 'It "rose', S), ("C2", "E2", R)]
    (tmp_path / "dev.tsv").write_text("index\tsentence1\tSentence2\tentailment\n0\tE1\tC1\tnot_entailment\n")
    assert triples("covidfact", tmp_path / "dev.tsv") == [("C1", "E1", R)]
    (tmp_path / "rte.tsv").write_text(
        "index\tsentence1\tsentence2\tlabel\n0\tE1\tC1\tentailment\n1\tE2\tC2\tnot_entailment\n"
    )
    assert triples("rte", tmp_path / "rte.tsv") == [("C1", "E1", S), ("C2", "E2", N)]
    assert not read("rte", tmp_path / "rte.tsv").tells_refuted


def test_fool_me_twice_joins_its_gold_sentences(tmp_path):
    gold = [{"text": "One.", "section_header": "x"}, {"text": "Two."}]
    path = write_lines(tmp_path / "dev.jsonl", {"id": "q", "text": "A claim.", "label": R, "gold_evidence": gold})
    assert read("fool_me_twice", path).pairs == [StancePair("q", "A claim.", "One. Two.", R)]


def test_fever_symmetric_is_detokenized(tmp_path):
    record = {
        "id": "1",
        "claim": "Ann ( a poet ) is n't old .",
        "label": S,
        "evidence_sentence": "Ann -LRB- b. 1990 -RRB- .",
    }
    path = write_lines(tmp_path / "generated.jsonl", record, record | {"label": R, "evidence_sentence": "X , y"})
    assert triples("fever_symmetric", path) == [
        ("Ann (a poet) isn't old.", "Ann (b. 1990).", S),
        ("Ann (a poet) isn't old.", "X, y", R),
    ]


def fact(number, before=S, after="NOT ENOUGH"):
    evidence = [["Page", "One ."], ["Other", f"Fact {number} ."]]
    return {"claim": f"Claim {number} .", "evidence": evidence, "label_before": before, "label_after": after}


def test_sufficient_facts_keep_their_label_only_if_the_remaining_evidence_is_enough(tmp_path):
    records = [fact(1), fact(2, R, "ENOUGH -- IRRELEVANT"), fact(3, "SUPPORTED", "ENOUGH -- REPEATED"), fact(4, R)]
    path = write_lines(tmp_path / "facts.jsonl", *records)
    both = [pair for part in ("train", "dev") for pair in read_part(path, part)]
    assert {pair.claim: pair.stance for pair in both} == {"Claim 1.": N, "Claim 2.": R, "Claim 3.": S, "Claim 4.": N}
    assert {pair.text for pair in both} >= {"One. Fact 1."}


def read_part(path, part):
    try:
        return list(read("sufficient_facts", path, part).pairs)
    except InputError:  # no claim on that side
        return []


def test_the_one_file_is_split_by_claim_and_a_claim_is_on_the_same_side_in_every_file(tmp_path):
    first = write_lines(tmp_path / "a.jsonl", *map(fact, range(200)))
    second = write_lines(tmp_path / "b.jsonl", *(fact(number, R, "ENOUGH") for number in reversed(range(200))))
    sides = [
        {part: {pair.claim for pair in read("sufficient_facts", path, part).pairs} for part in ("train", "dev")}
        for path in (first, second)
    ]
    assert sides[0] == sides[1]
    assert not sides[0]["train"] & sides[0]["dev"]
    assert 20 <= len(sides[0]["dev"]) <= 60  # roughly one in five of 200


def test_pairs_have_either_names_and_those_without_one_stance_are_left_out(tmp_path):
    path = write_lines(
        tmp_path / "pairs.jsonl",
        {"claim": "Ice  melts.", "evidence": "It\nis warm.", "label": S, "group": "g1"},
        {"query": "Seas rise.", "text": "They fall.", "label": R, "group": 7},
        {"claim": "Sun shines.", "text": "Rain.", "label": N, "id": "x"},
        {"claim": "Wind blows.", "evidence": "No.", "label": "NOT_SUPPORTED"},
        {"claim": "Wind blows.", "evidence": "Yes and no.", "label": "CONFLICTING"},
    )
    found = read("pairs", path)
    assert found.pairs == [
        StancePair("1", "Ice melts.", "It is warm.", S, "g1"),
        StancePair("2", "Seas rise.", "They fall.", R, "7"),
        StancePair("x", "Sun shines.", "Rain.", N),
    ]
    assert found.tells_refuted
    assert read("pairs", path, "dev").pairs == found.pairs


def test_pairs_of_which_none_says_one_stance_are_refused(tmp_path):
    path = write_lines(tmp_path / "pairs.jsonl", {"claim": "C", "text": "T", "label": "CONFLICTING"})
    with pytest.raises(InputError, match=r"pairs\.jsonl: contains no pair of claim and evidence"):
        read("pairs", path)


def test_a_set_may_have_labels_of_one_kind(tmp_path):
    path = write_lines(tmp_path / "pairs.jsonl", *({"claim": f"C{n}", "text": "T", "label": S} for n in range(3)))
    assert [pair.stance for pair in read("pairs", path).pairs] == [S, S, S]


def test_split_pairs_lie_on_two_sides_by_group_or_else_by_claim(tmp_path):
    grouped = [
        {"claim": f"Claim {n}-{side}", "text": "T", "label": S, "group": f"g{n}"} for n in range(60) for side in "ab"
    ]
    alone = [{"claim": f"Lone {n}", "text": text, "label": R} for n in range(60) for text in "tu"]
    path = write_lines(tmp_path / "pairs.jsonl", *grouped, *alone)
    sides = {part: read("split_pairs", path, part).pairs for part in ("train", "dev")}
    assert sorted(sides["train"] + sides["dev"]) == sorted(read("pairs", path).pairs)
    keys = {part: {pair.group or pair.claim for pair in pairs} for part, pairs in sides.items()}
    assert not keys["train"] & keys["dev"]
    assert 10 <= len(keys["dev"]) <= 40  # roughly one in five of 120
    # The side depends on the group alone, not on the file, its order or the claim.
    again = write_lines(tmp_path / "again.jsonl", *(record | {"claim": "Another."} for record in reversed(grouped)))
    assert {pair.group for pair in read("split_pairs", again, "dev").pairs} == keys["dev"] & {
        record["group"] for record in grouped
    }


def test_a_limit_draws_whole_claims_and_always_the_same_ones(tmp_path):
    lines = [f"{number}\tE{side}\tC{number}\tentailment\n" for number in range(20) for side in "ab"]
    path = tmp_path / "rte.tsv"
    path.write_text("index\tsentence1\tsentence2\tlabel\n" + "".join(lines))
    found = read("rte", path, limit=5).pairs
    assert Counter(Counter(pair.claim for pair in found).values()) == {2: 5}
    assert found == read("rte", path, limit=5).pairs


def test_a_source_is_named_by_kind_and_path(tmp_path):
    path = tmp_path / "train.tsv"
    path.touch()
    assert StanceSource.parse(f"rte:{path}@30", ["a", "b"]) == StanceSource("rte", path, 30, ("a", "b"))
    assert is_stance_source(f"rte:{path}")
    assert not is_stance_source(f"{path}")
    with pytest.raises(InputError, match="these kinds take no labels"):
        StanceSource.parse(f"rte:{path}+entailment")


@pytest.mark.parametrize(
    "name", ["dev.tsv", "claims_dev.jsonl", "split-dev-154.jsonl.xz", "test.csv", "Validation.tsv"]
)
def test_files_for_measuring_are_not_trained_on(name):
    with pytest.raises(InputError, match="is for measuring"):
        StanceSource("rte", Path("sets") / name).require_trainable()


ALWAYS_TRAINABLE = ("pairs", "split_pairs", "counterfactual")


@pytest.mark.parametrize("kind", ALWAYS_TRAINABLE)
@pytest.mark.parametrize("name", ["dev.jsonl", "stance_test.jsonl.xz", "validation.jsonl"])
def test_pairs_and_documents_may_be_trained_on_whatever_the_name_of_the_file(kind, name):
    StanceSource(kind, Path("sets") / name).require_trainable()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ALWAYS_TRAINABLE])
def test_no_other_kind_may(kind):
    with pytest.raises(InputError, match=r"dev\.jsonl: its name says it is for measuring; train on another file"):
        StanceSource(kind, Path("dev.jsonl")).require_trainable()


@pytest.mark.parametrize("name", ["train.tsv", "claims_train.jsonl", "generated.jsonl", "devices.tsv", "latest.tsv"])
def test_other_files_are_trained_on(name):
    StanceSource("rte", Path("dev") / name).require_trainable()


@pytest.mark.parametrize(
    ("kind", "record", "message"),
    [
        (
            "fever_symmetric",
            {"claim": "C", "evidence": "E", "label": "MAYBE"},
            "has the label 'MAYBE'; expected one of",
        ),
        ("fever_symmetric", {"claim": " ", "evidence": "E", "label": S}, "has no text in field 'claim'"),
        ("fever_symmetric", {"claim": "C", "label": S}, "has no text in field 'evidence_sentence' or 'evidence'"),
        ("climate_fever", {"claim": "C", "evidences": "no"}, "has a text, not a list, in field 'evidences'"),
        ("climate_fever", {"claim": "C", "evidences": ["no"]}, "has a text among the objects in field 'evidences'"),
        ("fool_me_twice", {"text": "C", "gold_evidence": [], "label": S}, "has no gold evidence"),
        ("sufficient_facts", fact(1, "MAYBE", "ENOUGH"), "has the label 'MAYBE'"),
        ("sufficient_facts", fact(1, S, "PERHAPS"), "has the label 'PERHAPS'"),
        ("scifact", {"claim": "C", "evidence": {"7": [rationale(9)]}}, "names sentences that document 7 does not have"),
        (
            "scifact",
            {"claim": "C", "evidence": {"5": [rationale(0)]}},
            "cites document 5, which is not in corpus.jsonl",
        ),
        ("scifact", {"claim": "C"}, "has no object in field 'evidence'"),
        ("pairs", {"claim": "C", "text": "T", "label": "TRUE"}, "has the label 'TRUE'; expected one of SUPPORTS, REF"),
        ("pairs", {"claim": "C", "label": S}, "has no text in field 'evidence' or 'text'"),
        ("pairs", {"text": "T", "label": S}, "has no text in field 'claim' or 'query'"),
        ("split_pairs", {"claim": "C", "text": "T", "label": S, "group": [1]}, "has a list, not a text or a whole"),
    ],
)
def test_a_bad_record_is_reported_with_file_and_line(abstracts, kind, record, message):
    good = {"claim": "Milk is white.", "evidence": {"8": [rationale(0)]}}
    path = write_lines(abstracts, *([good] if kind == "scifact" else []), record)
    with pytest.raises(RecordError) as caught:
        read(kind, path)
    assert str(caught.value).startswith(f"{path}:{2 if kind == 'scifact' else 1}: ")
    assert message in str(caught.value)


def test_a_folder_a_missing_file_and_an_empty_file_are_refused(tmp_path):
    (tmp_path / "rte.tsv").write_text("index\tsentence1\tsentence2\tlabel\n")
    for path, message in (
        (tmp_path, "is a folder"),
        (tmp_path / "no.tsv", "no such"),
        (tmp_path / "rte.tsv", "no pair"),
    ):
        with pytest.raises(InputError, match=message):
            read("rte", path)


# kind, file, part, pairs, claims, and the pairs that support, refute and do neither
REAL = [
    ("climate_fever", "climate_fever/split-train-1228.jsonl.xz", "train", 6140, 1196, (1554, 638, 3948)),
    ("climate_fever", "climate_fever/split-dev-154.jsonl.xz", "dev", 770, 154, (203, 83, 484)),
    ("scifact", "scifact/claims_train.jsonl", "train", 1667, 807, (616, 341, 710)),
    ("scifact", "scifact/claims_dev.jsonl", "dev", 600, 300, (216, 122, 262)),
    ("scifact", "healthver/claims_train.jsonl.xz", "train", 8464, 1386, (2841, 1719, 3904)),
    ("scifact", "healthver/claims_dev.jsonl", "dev", 1540, 230, (405, 271, 864)),
    ("healthver", "healthver/healthver_dev.csv.xz", "dev", 1917, 230, (533, 391, 993)),
    ("citation_integrity", "citation_integrity/claims_train.jsonl.xz", "train", 2138, 2136, (1366, 629, 143)),
    ("citation_integrity", "citation_integrity/claims_dev.jsonl", "dev", 316, 316, (191, 101, 24)),
    ("covidfact", "covidfact/train.tsv.xz", "train", 3263, 3235, (1036, 2227, 0)),
    ("covidfact", "covidfact/dev.tsv.xz", "dev", 419, 419, (130, 289, 0)),
    ("fool_me_twice", "fool_me_twice/dev.jsonl.xz", "dev", 1169, 1169, (596, 573, 0)),
    ("fever_symmetric", "fever_symmetric/fever_symmetric_generated.jsonl", "train", 717, 475, (379, 338, 0)),
    ("fever_symmetric", "fever_symmetric/fever_symmetric_dev.jsonl.xz", "dev", 708, 354, (354, 354, 0)),
    ("sufficient_facts", "sufficient_facts/fever_sufficient_facts.jsonl.xz", "train", 947, 945, (142, 139, 666)),
    ("sufficient_facts", "sufficient_facts/fever_sufficient_facts.jsonl.xz", "dev", 253, 251, (37, 41, 175)),
    ("sufficient_facts", "sufficient_facts/hover_sufficient_facts.jsonl.xz", "train", 973, 677, (205, 0, 768)),
    ("sufficient_facts", "sufficient_facts/hover_sufficient_facts.jsonl.xz", "dev", 227, 152, (47, 0, 180)),
    ("sufficient_facts", "sufficient_facts/vitaminc_sufficient_facts.jsonl.xz", "train", 485, 485, (81, 52, 352)),
    ("sufficient_facts", "sufficient_facts/vitaminc_sufficient_facts.jsonl.xz", "dev", 115, 115, (21, 10, 84)),
    ("rte", "rte/train.tsv.xz", "train", 2490, 2141, (1249, 0, 1241)),
    ("rte", "rte/dev.tsv", "dev", 277, 265, (146, 0, 131)),
    ("pairs", "pairs/check_covid/stance_test.jsonl.xz", "train", 227, 151, (76, 75, 76)),
    ("pairs", "pairs/aggrefact_cliff_goyal/all.jsonl.xz", "train", 369, 369, (369, 0, 0)),
    ("split_pairs", "pairs/feverous_sent/dev.jsonl.xz", "train", 2397, 2397, (1150, 1247, 0)),
    ("split_pairs", "pairs/feverous_sent/dev.jsonl.xz", "dev", 565, 565, (261, 304, 0)),
]  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize(("kind", "name", "part", "n_pairs", "n_claims", "labels"), REAL)
def test_real_files_give_the_expected_pairs_claims_and_labels(
    shared_datasets, kind, name, part, n_pairs, n_claims, labels
):
    pairs = read(kind, shared_datasets / name, part).pairs
    counts = Counter(pair.stance for pair in pairs)
    assert (len(pairs), tuple(counts[stance] for stance in (S, R, N))) == (n_pairs, labels)
    assert len({normalize_text(pair.claim) for pair in pairs}) == n_claims
    assert not any("<|" in pair.claim or "-LRB-" in pair.text for pair in pairs)


def test_every_kind_is_tested_on_real_files():
    made_from_any_corpus = {"counterfactual"}  # test_counterfactuals reads a real corpus
    assert {kind for kind, *_ in REAL} | made_from_any_corpus == set(KINDS)


@pytest.mark.parametrize("label", [2, "2"])
def test_numeric_labels_get_the_given_names(tmp_path: Path, label: object) -> None:
    path = tmp_path / "climate.jsonl"
    evidence = {"evidence_id": "Sea ice:3", "evidence_label": label, "evidence": "Ice melts."}
    path.write_text(json.dumps({"claim": "Does it melt?", "evidences": [evidence]}))
    with pytest.raises(RecordError) as caught:
        read_stance_source(StanceSource("climate_fever", path), "dev")
    cure = "a number; name the labels in their order, for example --label-names SUPPORTS,REFUTES,NOT_ENOUGH_INFO"
    assert str(caught.value) == f"{path}:1: has the label {label!r}, {cure}"
    named = StanceSource.parse(f"climate_fever:{path}", ("SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO", "DISPUTED"))
    assert read_stance_source(named, "dev").pairs == [
        StancePair("Sea ice:3", "Does it melt?", "Ice melts.", "NOT_ENOUGH_INFO")
    ]


def test_rows_of_one_piece_of_evidence_are_joined_by_claim(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"doc_id": 7, "abstract": ["Ice melts.", "Seas rise."]}')
    row = {
        "id": 1, "claim": "c", "evidence_doc_id": "7", "evidence_label": "CONTRADICT", "evidence_sentences": [1],
        "cited_doc_ids": [7],
    }  # fmt: skip
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    found = read_stance_source(StanceSource("scifact", tmp_path / "a.jsonl"), "dev")
    assert [(pair.text, pair.stance) for pair in found.pairs] == [("Seas rise.", "REFUTES")]


def test_hub_and_saved_sets_are_read_with_their_label_names(tmp_path: Path) -> None:
    inner = {
        "evidence_id": datasets.Value("string"),
        "evidence": datasets.Value("string"),
        "evidence_label": datasets.ClassLabel(names=["SUPPORTS", "REFUTES"]),
    }
    features = datasets.Features({"claim": datasets.Value("string"), "evidences": [inner]})
    rows = {"claim": ["c"], "evidences": [[{"evidence_id": "a", "evidence": "t", "evidence_label": 1}]]}
    one = datasets.Dataset.from_dict(rows, features=features)
    one.save_to_disk(tmp_path / "saved")
    (tmp_path / "files").mkdir()
    one.to_parquet(tmp_path / "files" / "test.parquet")
    for word in (f"{tmp_path / 'saved'}", f"hf:{tmp_path / 'files'}:test", f"hf:{tmp_path / 'saved'}@1"):
        found = read_stance_source(StanceSource.parse(f"climate_fever:{word}"), "dev")
        assert [pair.stance for pair in found.pairs] == ["REFUTES"]
