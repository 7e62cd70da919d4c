"""Work on many texts in slices, between which the work of other requests has its turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from claimhound.pipeline.server.work_queue import WorkQueue

Item = TypeVar("Item")
Result = TypeVar("Result")

# About as many pairs as a search reads for one claim, so nobody waits longer for a list than for a claim.
AT_A_TIME = 32


async def in_slices(
    queue: WorkQueue, items: Sequence[Item], work: Callable[[Sequence[Item]], Sequence[Result]]
) -> list[Result]:
    """Return a result for each item, in order; raises what `WorkQueue.do` raises.

    Only the first slice can find the queue full: a refusal halfway would waste the work before it.
    """
    found: list[Result] = []
    for start in range(0, len(items), AT_A_TIME):
        some = partial(work, items[start : start + AT_A_TIME])
        found += await queue.do(object(), some, lambda given: [one() for one in given], is_admitted=start > 0)
    return found
