"""A teacher's logits: which passages it reads, and that the file holds each pair once, whole or not at all."""

from __future__ import annotations

import random

import numpy as np
import pytest
from labelled_models import with_labels

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.taught_pairs import TaughtPair, read_taught_pairs
from claimhound.data.records import Document, Query
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.models.cross_encoders import CrossEncoderModel, RelevanceHead, StanceHead
from claimhound.pipeline.models.stance_labels import stance_labels
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.training.teaching import ListSettings, listed_pairs, load_teacher, teach

# The more other words a document has, the lower it ranks.
DOCUMENTS = [
    *(Document(f"ice{n:02}", f"ice number{n} {'word ' * n}".strip()) for n in range(20)),
    *(Document(f"sea{n:02}", f"sea number{n} {'word ' * n}".strip()) for n in range(20)),
    Document("titled", "It is white.", "Milk"),
]
TEXTS = {document.doc_id: document.text for document in DOCUMENTS} | {"titled": "Milk: It is white."}
ICE, SEA = Query("q1", "ice"), Query("q2", "sea")
SETTINGS = ListSettings(n_first=3, n_drawn=4, pool_k=15, seed=5)


@pytest.fixture(scope="module")
def pipeline():
    return EvidencePipeline(MemoryIndex(DOCUMENTS, None), None, None)


def texts_of(pairs, claim):
    return [pair.text for pair in pairs if pair.claim == claim.text]


def ranked_texts(pipeline, claim):
    return [TEXTS[hit.doc_id] for hit in pipeline.rank([claim.text])[0].first_stage]


def test_the_first_passages_are_always_read_and_others_drawn_down_to_the_worst_rank(pipeline):
    ranked = ranked_texts(pipeline, ICE)
    assert len(ranked) == 20
    drawn = set()
    for seed in range(30):
        found = texts_of(listed_pairs(pipeline, [ICE], {}, ListSettings(3, 4, 15, seed)), ICE)
        assert found[:3] == ranked[:3]
        assert len(set(found)) == 7
        drawn |= set(found[3:])
    assert drawn == set(ranked[3:15])


def test_a_claim_s_draw_depends_on_the_seed_and_its_id_alone(pipeline):
    alone = texts_of(listed_pairs(pipeline, [ICE], {}, SETTINGS), ICE)
    among = listed_pairs(pipeline, [SEA, Query("q3", "milk"), ICE], {}, SETTINGS)
    assert texts_of(among, ICE) == alone
    others = random.Random("5:q1").sample(ranked_texts(pipeline, ICE)[3:15], 4)
    assert alone[3:] == others
    assert texts_of(listed_pairs(pipeline, [Query("q9", ICE.text)], {}, SETTINGS), ICE) != alone


def test_a_short_list_is_read_whole_in_the_form_that_models_read(pipeline):
    assert listed_pairs(pipeline, [Query("q", "https://t.co/a milk")], {}, SETTINGS) == [
        TaughtPair("milk", "Milk: It is white.")
    ]


def test_judged_passages_have_their_relevance_and_relevant_ones_are_read_wherever_they_rank(pipeline):
    grades = {"ice00": 2, "ice01": 0, "ice19": 1, "sea00": 1, "sea01": 0, "gone": 1, "lost": 0}
    said = []
    found = listed_pairs(pipeline, [ICE, SEA], {"q1": grades}, SETTINGS, notify=said.append)
    relevance = {pair.text: pair.relevance for pair in found if pair.claim == "ice"}
    ranked = ranked_texts(pipeline, ICE)
    assert {TEXTS["ice00"], TEXTS["ice01"]} <= set(ranked[:3])
    assert (relevance[TEXTS["ice00"]], relevance[TEXTS["ice01"]]) == (1.0, 0.0)
    # Below the worst rank, and not in the list at all.
    assert (relevance[TEXTS["ice19"]], relevance[TEXTS["sea00"]]) == (1.0, 1.0)
    assert TEXTS["sea01"] not in relevance
    assert sum(known is None for known in relevance.values()) == len(relevance) - 4
    assert len(relevance) == 3 + 4 + 2
    assert all(pair.relevance is None for pair in found if pair.claim == "sea")
    # Of the two passages that the index lacks, only the relevant one is missed.
    assert said == ["judged evidence missing from the index: 1"]


def test_without_claims_there_are_no_pairs(pipeline):
    assert listed_pairs(pipeline, [], {}, SETTINGS) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_first": -1}, "n_first and n_drawn must be at least 0, and one of them above 0"),
        ({"n_drawn": -1}, "n_first and n_drawn must be at least 0"),
        ({"n_first": 0, "n_drawn": 0}, "one of them above 0"),
        ({"n_first": 9, "pool_k": 8}, r"pool_k must be at least n_first \(9\), not 8"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        ListSettings(**settings)


LABELS = ("REFUTES", "SUPPORTS", "RELEVANT", "NOT_ENOUGH_INFO")


class Reader:
    """Gives a pair the logits 0.1, 0.2, 0.3 and 0.4 and as many whole ones as its text has letters."""

    n_labels = 4
    max_length = 64
    runtime_name = "by hand"

    def __init__(self, interrupt_at=None):
        self.read = []
        self.interrupt_at = interrupt_at

    def logits(self, pairs):
        self.read += pairs
        if self.interrupt_at in [text for _, text in pairs]:
            raise KeyboardInterrupt
        rows = [[len(text) + tenths / 10 for tenths in (1, 2, 3, 4)] for _, text in pairs]
        return np.array(rows, dtype=np.float64), np.zeros(len(pairs), dtype=np.bool_)


def teacher(reader):
    labels = stance_labels({"id2label": {str(number): name for number, name in enumerate(LABELS)}})
    return CrossEncoderModel(
        "teacher", "0" * 64, reader, relevance=RelevanceHead(column=2), stance=StanceHead(labels, temperature=3.0)
    )


def test_the_logits_are_written_in_our_order_and_each_pair_is_read_once_for_both_heads(tmp_path):
    pairs = [TaughtPair("claim", "x" * n) for n in range(1, 301)]
    labelled = [pair._replace(relevance=1.0) for pair in pairs[:2]] + [pairs[1]._replace(stance="REFUTES", group="g")]
    reader = Reader()
    progress = []
    n_pairs = teach(
        teacher(reader), [*pairs, *labelled], tmp_path / "t.jsonl", on_progress=lambda *told: progress.append(told[:3])
    )
    assert n_pairs == 300
    assert sorted(reader.read) == sorted((pair.claim, pair.text) for pair in pairs)
    found = read_taught_pairs(tmp_path / "t.jsonl")
    # RELEVANT, SUPPORTS, REFUTES, NOT_ENOUGH_INFO are outputs 2, 1, 0, 3, and the logits are not softened.
    assert found[0] == TaughtPair("claim", "x", 1.0, teacher=(1.3, 1.2, 1.1, 1.4))
    assert found[1] == TaughtPair("claim", "xx", 1.0, "REFUTES", (2.3, 2.2, 2.1, 2.4), "g")
    assert [pair._replace(teacher=None) for pair in found[2:]] == pairs[2:]
    assert progress == [("teaching", 256, 300), ("teaching", 300, 300)]


def test_an_interruption_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        teach(teacher(Reader(interrupt_at="x" * 300)), [TaughtPair("c", "x" * n) for n in range(1, 301)], path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("t.jsonl", "before")]


def test_no_pairs_are_an_error_and_write_nothing(tmp_path):
    with pytest.raises(InputError, match="no pairs to teach: the claims find nothing in the index, or all of them are"):
        teach(teacher(Reader()), [], tmp_path / "t.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_teacher_without_one_of_the_heads_is_refused_and_the_head_named(
    tiny_reranker_dir, tiny_stance_dir, tiny_nli_dir, tmp_path
):
    nameless = with_labels(tiny_nli_dir, tmp_path / "nameless", ("a", "b", "c"))
    for folder, lacking in (
        (tiny_reranker_dir, r"has no stance head \(its labels are LABEL_0\)"),
        (tiny_stance_dir, r"has no relevance head \(its labels are REFUTES, NOT_ENOUGH_INFO, SUPPORTS\)"),
        (nameless, r"has no relevance head \(its labels are a, b, c\)"),
    ):
        with pytest.raises(ModelError, match=f"{folder}: {lacking}; a teacher has RELEVANT, SUPPORTS, REFUTES, NOT_"):
            load_teacher(str(folder))
    with pytest.raises(ModelError, match="no such model folder"):
        load_teacher("./missing")
