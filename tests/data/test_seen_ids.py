"""Ids that were there before are known, whatever their number."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.seen_ids import SeenIds


@given(st.lists(st.tuples(st.text(max_size=2) | st.just("a\ud83d"), st.integers(0, (1 << 64) - 1))))
def test_it_answers_as_a_dict_does(calls: list[tuple[str, int]]) -> None:
    seen, plain = SeenIds(), dict[str, int]()
    assert [seen.setdefault(*call) for call in calls] == [plain.setdefault(*call) for call in calls]
    assert len(seen) == len(plain)


def test_many_ids_take_less_than_fifty_bytes_each() -> None:
    seen = SeenIds()
    for number in range(100_000):
        assert seen.setdefault(f"claim-{number}", number) == number
    assert all(seen.setdefault(f"claim-{number}", 7) == number for number in range(0, 100_000, 97))
    assert sum(sys.getsizeof(part) for part in (seen._digests, seen._numbers)) < 50 * 100_000
