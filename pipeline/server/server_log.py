"""The server's own log: claims and tokens never are in it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from claimhound.data.errors import ClaimhoundError

LOG = logging.getLogger("claimhound.server")


def log_failure(what: str, error: BaseException) -> None:
    """Log where an error arose.

    Our own errors are sentences about files and models. What others say may quote a claim, so only the kind is logged.
    """
    message = f": {error}" if isinstance(error, ClaimhoundError) else ""
    places = "; ".join(
        f"{place.filename}:{place.lineno} in {place.name}" for place in traceback.extract_tb(error.__traceback__)
    )
    LOG.error("%s failed with %s%s (%s)", what, type(error).__name__, message, places)


class Telling(logging.Handler):
    """Passes the log on, line by line."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        super().__init__()
        self._notify = notify

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on."""
        self._notify(self.format(record))
