"""Exit codes beyond 0 (success), 1 (an error the user can fix) and 2 (click's usage error).

The last two are what a shell reports for SIGINT and SIGPIPE.
"""

from __future__ import annotations

EXIT_RERANKER_HURTS = 3
EXIT_REJECTS = 4
EXIT_INTERRUPTED = 130
EXIT_OUTPUT_CLOSED = 141
