"""When to write parts of an index anew, so that each change costs what it changes and answers stay those of a rebuild."""

from __future__ import annotations

from collections.abc import Sequence

# Up to here everything is written anew at each commit that deletes: it takes well under a second, and answers are exactly
# those of a rebuild.
SMALL_INDEX = 20_000
_DEAD_SHARE = 0.1


def text_wants_rewrite(n_docs: int, n_dead: int) -> bool:
    """Tell whether the text is to be written anew without its deleted documents.

    Until then BM25 counts deleted documents in its statistics (so do Lucene and tantivy). A rewrite costs the whole corpus,
    at most once for every tenth of it that was deleted.
    """
    return n_docs <= SMALL_INDEX or n_dead > _DEAD_SHARE * (n_docs + n_dead)


def first_to_merge(sizes: Sequence[int], n_new: int) -> int:
    """Return how many leading vector segments stay as they are; the others are merged with the new vectors.

    A segment stays if it is more than twice as large as all that comes after it. Sizes then fall by halves, so that there
    are at most log2(n) segments, and a vector is written anew at most log2(n) times over the life of an index.
    """
    keep = len(sizes)
    following = n_new
    while keep and n_new and sizes[keep - 1] <= 2 * following:
        keep -= 1
        following += sizes[keep]
    return keep
