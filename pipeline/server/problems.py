"""What a request is refused with: a status, a word for programs and a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping

from claimhound.data.records import Json


class RequestProblem(Exception):
    """A request that is not answered. `code` is stable for programs, the message says what to change."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def record(self) -> dict[str, Json]:
        """Return the body of the response. `message` stands outside as well, where Cohere's clients read it."""
        return {"error": {"code": self.code, "message": self.message}, "message": self.message}


def too_busy(n_waiting: int, retry_after_s: int) -> RequestProblem:
    """Return the refusal of a full queue, with the seconds after which to try again."""
    return RequestProblem(
        429,
        "busy",
        f"{n_waiting:,} pieces of work are waiting, as many as the server takes; try again in {retry_after_s} s",
        {"Retry-After": str(retry_after_s)},
    )


def not_found(message: str) -> RequestProblem:
    """Return the refusal of something that is not there."""
    return RequestProblem(404, "not_found", message)
