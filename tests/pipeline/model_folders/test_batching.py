"""Batches lose and mix up nothing, and a text's padding does not depend on other texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.pipeline.model_folders.batching import TokenizedText, batches_by_length, halves


def texts_of(lengths):
    return [
        TokenizedText([row * 100 + n for n in range(length)], [1] * length, False) for row, length in enumerate(lengths)
    ]


lengths_of_texts = st.lists(st.integers(1, 60), max_size=40)


@given(lengths_of_texts, st.integers(1, 200), st.booleans())
def test_every_text_is_in_one_batch_complete_and_masked(lengths, tokens_per_batch, longest_first):
    texts = texts_of(lengths)
    seen = {}
    for batch in batches_by_length(texts, 60, tokens_per_batch=tokens_per_batch, longest_first=longest_first):
        assert batch.input_ids.shape == batch.attention_mask.shape == batch.token_type_ids.shape
        assert len(batch.rows) == 1 or batch.input_ids.size <= tokens_per_batch
        for number, row in enumerate(batch.rows):
            n = len(texts[row].ids)
            assert row not in seen
            seen[row] = batch.input_ids.shape[1]
            assert batch.input_ids[number, :n].tolist() == texts[row].ids
            assert batch.token_type_ids[number, :n].tolist() == texts[row].type_ids
            assert batch.attention_mask[number].tolist() == [1] * n + [0] * (batch.input_ids.shape[1] - n)
    assert sorted(seen) == list(range(len(texts)))
    alone = [next(batches_by_length([text], 60)).input_ids.shape[1] for text in texts]
    assert [seen[row] for row in range(len(texts))] == alone


@pytest.mark.parametrize(
    ("n_tokens", "max_length", "padded"),
    [(1, 64, 8), (8, 64, 8), (9, 64, 16), (58, 60, 60), (60, 60, 60), (65, 256, 80), (129, 256, 160)],
)
def test_padding_widens_in_steps_up_to_the_model_s_maximum(n_tokens, max_length, padded):
    (batch,) = batches_by_length(texts_of([n_tokens]), max_length)
    assert batch.input_ids.shape == (1, padded)


def test_no_texts_make_no_batch_but_an_empty_text_makes_one():
    assert list(batches_by_length([], 64)) == []
    (batch,) = batches_by_length([TokenizedText([], [], False)], 64)
    assert batch.attention_mask.sum() == 0


def test_batches_have_powers_of_two_of_rows_to_keep_shapes_few():
    sizes = [len(batch.rows) for batch in batches_by_length(texts_of([8] * 23), 64, tokens_per_batch=70)]
    assert sizes == [8, 8, 4, 2, 1]


def test_longest_first_reverses_the_order_of_lengths():
    def order(*, longest_first):
        batches = batches_by_length(texts_of([3, 40, 20]), 64, longest_first=longest_first)
        return [batch.input_ids.shape[1] for batch in batches]

    assert order(longest_first=False) == [8, 24, 40]
    assert order(longest_first=True) == [40, 24, 8]


def test_halves_contain_the_rows_of_the_batch():
    (batch,) = batches_by_length(texts_of([5, 5, 5, 5]), 64)
    first, second = halves(batch)
    assert (first.rows, second.rows) == ([0, 1], [2, 3])
    assert first.input_ids.tolist() + second.input_ids.tolist() == batch.input_ids.tolist()
    assert second.attention_mask.shape == second.token_type_ids.shape == (2, 8)
