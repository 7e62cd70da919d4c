"""Training pairs from files of several shapes: positives, negatives and errors."""

from __future__ import annotations

import json
import lzma

import pytest

from claimhound.data.errors import InputError, RecordError
from claimhound.data.labelled_sets.mined_claims import MinedClaim, MinedPassage, write_mined_claims
from claimhound.data.labelled_sets.pair_sources import PairSource, read_pair_source
from claimhound.data.labelled_sets.training_pairs import TrainingPair

PARAGRAPHS = [
    "Mount Everest is 8,849 metres high. It stands on the border of Nepal and China. Many people climb it in May.",
    "The Nile is 6,650 kilometres long. It flows from Lake Victoria to the sea. Farmers have used its floods for ages.",
]


def read(spec, **options):
    return read_pair_source(PairSource.parse(spec), **options)


def squad_file(tmp_path):
    articles = [
        {
            "title": "High",
            "paragraphs": [
                {"context": PARAGRAPHS[0], "qas": [{"question": "How high is Everest?", "answers": ["8,849 metres"]}]},
                {
                    "context": PARAGRAPHS[1],
                    "qas": [{"question": "How long is the Nile?", "answers": [{"text": "6,650", "answer_start": 12}]}],
                },
            ],
        }
    ]
    path = tmp_path / "squad.json.xz"
    path.write_bytes(lzma.compress(json.dumps({"data": articles}).encode()))
    return path


def test_a_question_is_paired_with_the_sentence_that_answers_it_and_with_others_that_do_not(tmp_path):
    pairs = read(f"squad:{squad_file(tmp_path)}")
    relevant = {pair.query: pair.text for pair in pairs if pair.label == 1}
    assert relevant == {
        "How high is Everest?": "Mount Everest is 8,849 metres high.",
        "How long is the Nile?": "The Nile is 6,650 kilometres long.",
    }
    negatives = [pair.text for pair in pairs if pair.query == "How high is Everest?" and pair.label == 0]
    assert len(negatives) == 2
    assert negatives[0] in PARAGRAPHS[0]
    assert negatives[1] in PARAGRAPHS[1]


def test_a_limit_keeps_that_many_queries_and_the_seed_decides_which(tmp_path):
    spec = f"squad:{squad_file(tmp_path)}"
    first = read(f"{spec}@1", seed=1)
    assert len({pair.query for pair in first}) == 1
    assert read(f"{spec}@1", seed=1) == first
    assert {pair.query for seed in range(8) for pair in read(f"{spec}@1", seed=seed)} == {
        "How high is Everest?",
        "How long is the Nile?",
    }


def test_rationale_sentences_are_relevant_and_the_rest_of_the_abstract_is_not(tmp_path):
    corpus = {
        "doc_id": 7,
        "title": "Tea",
        "abstract": ["We gave tea to ten people.", "Tea lowered the pulse of all ten."],
    }
    claim = {"id": 1, "claim": "Tea calms.", "evidence": {"7": [{"sentences": [1], "label": "SUPPORT"}]}}
    (tmp_path / "corpus.jsonl").write_text(json.dumps(corpus) + "\n")
    (tmp_path / "claims_train.jsonl").write_text(json.dumps(claim) + "\n")
    pairs = read(f"rationales:{tmp_path}", n_negatives=1)
    assert [(pair.query, pair.text, pair.label) for pair in pairs] == [
        ("Tea calms.", "Tea lowered the pulse of all ten.", 1.0),
        ("Tea calms.", "We gave tea to ten people.", 0.0),
    ]


def test_evidence_for_a_claim_is_never_its_negative(tmp_path):
    path = tmp_path / "claims.jsonl"
    records = [
        {"claim": f"Claim {number} -LRB- x -RRB-", "evidence_sentence": f"This is piece {number} of evidence."}
        for number in range(6)
    ]
    path.write_text("\n".join(map(json.dumps, records)))
    pairs = read(f"evidence:{path}")
    assert sum(pair.label for pair in pairs) == 6
    for pair in pairs:
        number = pair.query.split()[1]
        assert (f"piece {number} " in pair.text) == (pair.label == 1)
        assert pair.query.endswith("( x )")


def test_a_file_of_pairs_is_read_as_it_is(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"query": "q", "text": "t", "label": 0.5}\n')
    (pair,) = read(f"pairs:{path}")
    assert (pair.query, pair.text, pair.label) == ("q", "t", 0.5)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"query": "q", "text": "t", "label": 3}', "must be a number in"),
        ('{"query": "q", "label": 1}', "has no text in field 'text' or 'evidence'"),
        ("{", "not valid JSON"),
        ("[1]", "not a JSON object"),
    ],
)
def test_a_bad_pair_is_refused_with_file_and_line(tmp_path, line, reason):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"query": "q", "text": "t", "label": 1}\n' + line)
    with pytest.raises(RecordError, match=reason) as caught:
        read(f"pairs:{path}")
    assert caught.value.line == 2


def test_a_source_is_written_as_it_is_read(tmp_path):
    path = tmp_path / "plain.tsv"
    path.touch()
    for labels, limit, written in (((), None, ""), (("yes",), None, "+yes"), (("yes", "so"), 20, "+yes+so@20")):
        source = PairSource("evidence", path, labels, limit)
        assert str(source) == f"evidence:{path}{written}"
        assert PairSource.parse(str(source)) == source


def test_named_labels_are_the_relevant_ones(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("claim,evidence,label\nTea calms.,Tea lowers the pulse.,agrees\nTea calms.,Tea is hot.,neutral\n")
    assert [(pair.text, pair.label) for pair in read(f"pairs:{path}+agrees")] == [
        ("Tea lowers the pulse.", 1.0),
        ("Tea is hot.", 0.0),
    ]
    with pytest.raises(InputError, match="no pair has the label 'disagrees'; the labels are agrees, neutral"):
        read(f"pairs:{path}+disagrees")


def test_evidence_with_a_label_that_is_not_named_is_a_negative(tmp_path):
    path = tmp_path / "claims.jsonl"
    records = [("Tea calms.", "SUPPORTS", "Tea lowers the pulse."), ("Tea calms.", "NEI", "Tea is often drunk hot.")]
    path.write_text("\n".join(json.dumps({"claim": c, "label": label, "evidence": e}) for c, label, e in records))
    assert {(pair.text, pair.label) for pair in read(f"evidence:{path}")} == {(e, 1.0) for _, _, e in records}
    assert ("Tea is often drunk hot.", 0.0) in {(pair.text, pair.label) for pair in read(f"evidence:{path}+SUPPORTS")}
    with pytest.raises(InputError, match="no record has the label 'REFUTES'; the labels are NEI, SUPPORTS"):
        read(f"evidence:{path}+REFUTES")


def test_mined_claims_are_read_as_pairs(tmp_path):
    path = tmp_path / "mined.jsonl"
    write_mined_claims(
        [MinedClaim("c1", "Tea calms.", (MinedPassage("d1", "Yes."),), (MinedPassage("d2", "No.", 3),))], path
    )
    assert read(f"mined:{path}") == [
        TrainingPair("c1", "Tea calms.", "Yes.", 1.0),
        TrainingPair("c1", "Tea calms.", "No.", 0.0),
    ]


def test_evidence_from_one_paper_is_never_a_negative_for_evidence_from_another(tmp_path):
    sentences = ["Tea lowered the pulse of all ten.", "Green tea made all ten people calm."]
    corpus = [{"doc_id": i, "title": "Tea", "abstract": [sentence]} for i, sentence in enumerate(sentences)]
    evidence = {str(i): [{"sentences": [0], "label": "SUPPORT"}] for i in range(2)}
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    (tmp_path / "claims_train.jsonl").write_text(json.dumps({"id": 1, "claim": "Tea calms.", "evidence": evidence}))
    assert {(pair.text, pair.label) for pair in read(f"rationales:{tmp_path}")} == {(s, 1.0) for s in sentences}


def test_a_line_separator_inside_a_cell_is_text(tmp_path):
    path = tmp_path / "claims.tsv"
    path.write_text("claim\tevidence\nTea\u2028calms.\tTea lowers\u2028the pulse.\n", encoding="utf-8")
    assert [(pair.query, pair.text) for pair in read(f"evidence:{path}")] == [("Tea calms.", "Tea lowers the pulse.")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": [{"title": "High"}]}, ":1: is not a SQuAD article: it has no field 'paragraphs'"),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, ":1: has no text in field 'context'"),
        ({"data": [{"paragraphs": [{"context": "Hi.", "qas": ["why?"]}]}]}, "among the objects in field 'qas'"),
        (
            {"data": [{"paragraphs": [{"context": "Hi.", "qas": [{"question": "q", "answers": [7]}]}]}]},
            "without a text",
        ),
        ({"version": "1.1"}, "is one object with the fields version"),
        ({"data": []}, "contains no relevant pair"),
    ],
)
def test_bad_squad_json_is_an_error_with_the_file_s_name(tmp_path, content, message):
    path = tmp_path / "squad.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        read(f"squad:{path}")
    assert str(caught.value).startswith(f"{path}:")
    assert message in str(caught.value)
