"""Batches: the same each time they are formed, with the first place of repeated questions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import RecordError
from claimhound.data.records import Query
from claimhound.pipeline.annotation.batches import Place, Question, form_batches

BAD = RecordError("claims.jsonl", 3, "blank")


def claims(texts):
    return [BAD if text == "bad" else Query(str(number), text) for number, text in enumerate(texts)]


def new_texts(batch):
    return [question.text for question in batch.new_questions()]


def test_a_batch_holds_n_new_claims_and_the_records_between_them():
    found = list(form_batches(claims(["a", "bad", "b", "a", "c", "c", "d", "b"]), 2))
    assert [[claim.text for claim in batch.claims] for batch in found] == [["a", "b"], ["a", "c", "c", "d"], ["b"]]
    assert [batch.bad for batch in found] == [[BAD], [], []]
    assert [new_texts(batch) for batch in found] == [["a", "b"], ["c", "d"], []]
    assert found[1].same_as == [Place(0, 0), Place(1, 1), Place(1, 1), Place(1, 3)]
    assert found[2].same_as == [Place(0, 1)]


def test_a_batch_of_repeated_claims_ends_too():
    found = list(form_batches(claims(["a"] * 100), 2))
    assert [batch.n_items for batch in found] == [32, 32, 32, 4]
    assert [new_texts(batch) for batch in found] == [["a"], [], [], []]


def test_only_the_last_texts_are_remembered():
    found = list(form_batches(claims(["a", "b", "c", "a", "c"]), 1, remembered=2))
    assert [new_texts(batch) for batch in found] == [["a"], ["b"], ["c"], ["a"], []]
    assert found[-1].same_as == [Place(2, 0)]


def test_a_claim_of_another_day_is_another_question():
    days = {"0": "2020-01-01", "1": "2021-01-01", "2": "2020-01-01", "3": None}
    (found,) = form_batches(claims(["a", "a", "a", "a"]), 9, before=lambda claim: days[claim.query_id])
    assert found.new_questions() == [Question("a", "2020-01-01"), Question("a", "2021-01-01"), Question("a", None)]
    assert found.same_as == [Place(0, 0), Place(0, 1), Place(0, 0), Place(0, 3)]


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "e", "bad"])), st.integers(1, 4), st.integers(1, 6))
def test_every_record_is_in_one_batch_and_repeats_name_a_claim_with_their_text(texts, n_new, remembered):
    found = list(form_batches(claims(texts), n_new, remembered=remembered))
    assert [claim for batch in found for claim in batch.claims] == [c for c in claims(texts) if isinstance(c, Query)]
    assert sum(len(batch.bad) for batch in found) == texts.count("bad")
    assert [batch.number for batch in found] == list(range(len(found)))
    for batch in found:
        assert len(new_texts(batch)) <= n_new
        for number, (claim, first) in enumerate(zip(batch.claims, batch.same_as, strict=True)):
            assert (first.batch, first.claim) <= (batch.number, number)
            assert found[first.batch].claims[first.claim].text == claim.text
            assert found[first.batch].same_as[first.claim] == first
