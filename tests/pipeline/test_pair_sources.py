"""Pair sets of several shapes: what is positive, where negatives come from, what is refused."""

from __future__ import annotations

import json
import lzma

import pytest

from data.errors import InputError, RecordError
from pipeline.training.pair_sources import read_pair_source, split_sentences

PARAGRAPHS = [
    "Mount Everest is 8,849 metres high. It stands on the border of Nepal and China. Many people climb it in May.",
    "The Nile is 6,650 kilometres long. It flows from Lake Victoria to the sea. Farmers have used its floods for ages.",
]


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


def test_a_question_goes_with_the_sentence_that_answers_it_and_with_others_that_do_not(tmp_path):
    pairs = read_pair_source(f"squad:{squad_file(tmp_path)}")
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
    first = read_pair_source(spec, limit=1, seed=1)
    assert len({pair.query for pair in first}) == 1
    assert read_pair_source(spec, limit=1, seed=1) == first
    assert {pair.query for seed in range(8) for pair in read_pair_source(spec, limit=1, seed=seed)} == {
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
    pairs = read_pair_source(f"rationales:{tmp_path}", n_negatives=1)
    assert [(pair.query, pair.text, pair.label) for pair in pairs] == [
        ("Tea calms.", "Tea lowered the pulse of all ten.", 1.0),
        ("Tea calms.", "We gave tea to ten people.", 0.0),
    ]


def test_evidence_known_to_be_relevant_for_a_claim_is_not_its_negative(tmp_path):
    path = tmp_path / "claims.jsonl"
    records = [
        {"claim": f"Claim {number} -LRB- x -RRB-", "evidence_sentence": f"This is piece {number} of evidence."}
        for number in range(6)
    ]
    path.write_text("\n".join(map(json.dumps, records)))
    pairs = read_pair_source(f"evidence:{path}")
    assert sum(pair.label for pair in pairs) == 6
    for pair in pairs:
        number = pair.query.split()[1]
        assert (f"piece {number} " in pair.text) == (pair.label == 1)
        assert pair.query.endswith("( x )")


def test_pairs_come_from_a_file_of_pairs_as_they_are(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"query": "q", "text": "t", "label": 0.5}\n')
    (pair,) = read_pair_source(f"pairs:{path}")
    assert (pair.query, pair.text, pair.label) == ("q", "t", 0.5)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"query": "q", "text": "t", "label": 3}', "must be a number in"),
        ('{"query": "q", "label": 1}', "'query' and 'text'"),
        ("{", "is not JSON"),
        ("[1]", "no JSON object"),
    ],
)
def test_a_bad_pair_is_refused_with_file_and_line(tmp_path, line, reason):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"query": "q", "text": "t", "label": 1}\n' + line)
    with pytest.raises(RecordError, match=reason) as caught:
        read_pair_source(f"pairs:{path}")
    assert caught.value.line == 2


@pytest.mark.parametrize("spec", ["moon:x", "squad", "pairs:/no/such/file"])
def test_an_unknown_source_is_refused(spec):
    with pytest.raises(InputError):
        read_pair_source(spec)


def test_sentences_end_at_a_stop_before_a_capital_and_not_at_decimals():
    assert split_sentences('It rose 1.3 C. "So what?" Nobody knew… yes.') == [
        "It rose 1.3 C.",
        '"So what?"',
        "Nobody knew… yes.",
    ]
