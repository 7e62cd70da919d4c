"""Batches are reported when they are done, not before."""

from __future__ import annotations

from claimhound.data.progress import batches


def test_batches_contain_every_item_once_and_are_reported_when_done():
    events = []
    for batch in batches("abcde", 2, "reading", lambda *reported: events.append(reported), done=3):
        events.append(batch)
    assert events == [
        "ab",
        ("reading", 5, 8),
        "cd",
        ("reading", 7, 8),
        "e",
        ("reading", 8, 8),
    ]


def test_a_batch_that_fails_is_not_reported():
    reported = []
    try:
        for _ in batches([1, 2], 1, "reading", lambda *seen: reported.append(seen)):
            raise RuntimeError
    except RuntimeError:
        pass
    assert reported == []


def test_no_items_give_no_batches():
    assert list(batches([], 3)) == []
