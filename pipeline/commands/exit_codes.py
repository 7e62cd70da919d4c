"""How a command ends, for the shell.

0 is an answer, 1 a user's error, 2 a usage error (click's); the last two are what a shell shows for the signals.
"""

from __future__ import annotations

EXIT_RERANKER_HURTS = 3
EXIT_REJECTS = 4
EXIT_INTERRUPTED = 130
EXIT_OUTPUT_CLOSED = 141
