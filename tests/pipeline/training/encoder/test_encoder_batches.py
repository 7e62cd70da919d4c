"""Entries and batches for contrastive learning: which texts may be negatives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.pipeline.training.encoder.batches import ContrastiveEntry, contrastive_entries, plan_batches


def pairs(query, positives, negatives=()):
    return [
        TrainingPair(query, query, text, label)
        for label, texts in ((1.0, positives), (0.0, negatives))
        for text in texts
    ]


OTHER = pairs("other", ["elsewhere"], ["far off"])


def entries_of(*sources, n_negatives=1, seed=0):
    return contrastive_entries(sources, n_negatives, seed)


def test_each_relevant_passage_is_an_entry_and_the_claim_s_negatives_are_dealt_to_them_in_turn():
    own = pairs("ice", ["a", "b"], ["n1", "n2", "n3"])
    assert entries_of([*own, *OTHER], n_negatives=2) == [
        ContrastiveEntry("ice", "a", ("n1", "n2"), 0),
        ContrastiveEntry("ice", "b", ("n3", "n1"), 0),
        ContrastiveEntry("other", "elsewhere", ("far off", "far off"), 0),
    ]


def test_copies_count_once_and_a_passage_relevant_in_any_source_is_never_a_negative():
    first = pairs("Ice.", ["A passage.", "a PASSAGE"], ["Another passage", "Far off."])
    second = pairs("ice", ["another passage!"], ["far off"])
    assert entries_of([*first, *OTHER], second) == [
        ContrastiveEntry("Ice.", "A passage.", ("Far off.",), 0),
        ContrastiveEntry("other", "elsewhere", ("far off",), 0),
        ContrastiveEntry("ice", "another passage!", ("far off",), 1),
    ]


def test_a_claim_without_negatives_gets_passages_of_other_claims():
    (first, *_, last) = entries_of([*pairs("ice", ["a", "b", "c"]), *OTHER], n_negatives=2)
    assert first.negatives == ("elsewhere", "elsewhere")
    assert last.negatives == ("far off", "far off")


def test_without_negatives_only_the_batch_provides_them():
    assert [entry.negatives for entry in entries_of([*pairs("ice", ["a"], ["n"]), *OTHER], n_negatives=0)] == [(), ()]


def test_one_claim_or_no_negatives_are_nothing_to_learn_from():
    with pytest.raises(InputError, match="1 claims with relevant passages"):
        entries_of(pairs("ice", ["a"], ["b"]))
    with pytest.raises(InputError, match="all passages are relevant to the claim 'ice'"):
        entries_of([*pairs("ice", ["a"]), *pairs("other", ["a"], ["b"])])


def test_a_passage_relevant_to_a_claim_is_never_its_negative():
    # "melt" and "thaw" are relevant to the first claim; the second has "thaw" as its passage, the third as negative.
    entries = entries_of(
        [
            *pairs("ice is vanishing", ["melt", "thaw"], ["frost"]),
            *pairs("spring is early", ["thaw"], ["frost"]),
            *pairs("winter is long", ["snow"], ["thaw"]),
            *pairs("summer is hot", ["sun"], ["frost"]),
        ]
    )
    for epoch in range(5):
        for batch in plan_batches(entries, 10, 0, epoch):
            together = {entries[row].query for row in batch}
            assert len(together) == len(batch)
            if "ice is vanishing" in together:
                assert together <= {"ice is vanishing", "summer is hot"}


words = st.sampled_from("abcdefgh")
labelled = st.builds(TrainingPair, st.just(""), words, words, st.sampled_from([0.0, 1.0]))


@given(
    sources=st.lists(st.lists(labelled, max_size=25), min_size=1, max_size=3),
    batch_size=st.integers(2, 6),
    seed=st.integers(0, 3),
)
def test_a_plan_has_every_row_once_and_no_false_negatives(sources, batch_size, seed):
    try:
        entries = contrastive_entries(sources, 1, seed)
    except InputError:
        return
    batches = plan_batches(entries, batch_size, seed, 0)
    assert sorted(row for batch in batches for row in batch) == list(range(len(entries)))
    assert plan_batches(entries, batch_size, seed, 0) == batches
    relevant = {(pair.query, pair.text) for pairs in sources for pair in pairs if pair.label == 1}
    for batch in batches:
        assert len(batch) <= batch_size
        assert len({entries[row].source for row in batch}) == 1
        assert len({entries[row].query for row in batch}) == len(batch)
        texts = [{entries[row].positive, *entries[row].negatives} for row in batch]
        for row, own in zip(batch, texts, strict=True):
            others = set().union(*(given for given in texts if given is not own), entries[row].negatives)
            assert not {(entries[row].query, text) for text in others} & relevant


def test_epochs_differ():
    entries = entries_of([pair for n in range(20) for pair in pairs(f"claim {n}", [f"passage {n}"], ["none"])])
    assert plan_batches(entries, 4, 0, 0) != plan_batches(entries, 4, 0, 1)
    assert [len(batch) for batch in plan_batches(entries, 4, 0, 0)] == [4] * 5
