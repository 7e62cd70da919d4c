"""When to rewrite parts of an index, to keep changes cheap and answers equal to a rebuild's."""

from __future__ import annotations

from collections.abc import Sequence

# Up to here every commit that deletes rewrites everything, and answers are exactly those of a rebuild.
SMALL_INDEX = 20_000
_DEAD_TEXT_SHARE = 0.1
_DEAD_VECTOR_SHARE = 1 / 3


def should_rewrite_text(n_docs: int, n_dead: int, *, small_up_to: int = SMALL_INDEX) -> bool:
    """Return whether to rewrite the text without its deleted documents.

    Until then BM25's statistics count deleted documents (as in Lucene and tantivy). With as many as are allowed here,
    on 30,000 synthetic documents and 300 queries, the top 10 shares 98 % with that of a rebuild if the deleted ones
    were like the others, and 94 % if they were on other subjects. A rewrite costs the whole corpus, at most once for
    every tenth of it that is deleted.
    """
    return n_dead > 0 and (n_docs <= small_up_to or n_dead > _DEAD_TEXT_SHARE * (n_docs + n_dead))


def vectors_to_keep(
    sizes: Sequence[int], n_new: int, n_docs: int, n_dead: int, *, small_up_to: int = SMALL_INDEX
) -> int:
    """Return the number of leading vector segments to keep; the others are merged with the new vectors.

    `sizes` are in rows, `n_dead` of which are dead: a search skips them, so answers stay exact and only time is lost.
    No segment is kept in a small index, or once a third of the rows is dead.
    """
    if n_docs <= small_up_to or n_dead > _DEAD_VECTOR_SHARE * (sum(sizes) + n_new):
        return 0
    return first_to_merge(sizes, n_new)


def first_to_merge(sizes: Sequence[int], n_new: int) -> int:
    """Return the index of the first segment to merge with the `n_new` vectors that follow the last segment.

    A segment stays if it is more than twice as large as everything after it. So each size is at most half the one
    before, and n vectors lie in at most log2(n) + 1 segments; merged segments grow by half at least, and a vector is
    rewritten at most log(n) / log(1.5) times over the life of an index.
    """
    following = sum(sizes) + n_new
    for place, size in enumerate(sizes):
        following -= size
        if n_new and size <= 2 * following:
            return place
    return len(sizes)
