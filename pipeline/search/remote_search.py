"""Answers of a `claimhound serve` elsewhere. Only the standard library is loaded: that is why it answers at once."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

from claimhound.data.errors import InputError, ServerError, first_line
from claimhound.data.labelled_sets.stances import Side
from claimhound.indexes.conditions import NO_CONDITIONS, Conditions
from claimhound.pipeline.search.answer_reading import read_answer
from claimhound.pipeline.search.results import ClaimEvidence

# As long as a full queue of claims may take on a slow machine.
_PATIENCE_S = 300
_TRIES = 6
_DEFAULT_WAIT_S = 5
_LONGEST_WAIT_S = 60
_TOO_BUSY = 429
_NO_TOKEN = 401
_OK = 200


class RemoteSearch:
    """Finds evidence for claims through a server, over one connection that is kept.

    `index` is the server's name of an index, None for its first. `notify` gets a line when the server is busy, and
    `wait` then waits that many seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        index: str | None = None,
        notify: Callable[[str], None] = lambda _: None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raise InputError for what is not an address of a server."""
        self._url = url
        parts = _parts(url)
        self._path = f"{parts.path.rstrip('/')}/v1/search"
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        assert parts.hostname is not None
        self._connection = kind(parts.hostname, parts.port, timeout=_PATIENCE_S)
        self._has_answered = False
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._index = index
        self._notify = notify
        self._wait = wait

    def close(self) -> None:
        """Close the connection; the next claim opens another."""
        self._connection.close()

    def find_evidence(
        self,
        claims: Sequence[str],
        k: int = 5,
        *,
        adaptive: bool = False,
        min_score: float | None = None,
        conditions: Conditions = NO_CONDITIONS,
        context: int = 0,
        folding: bool = True,
        sides: Collection[Side] = (),
    ) -> list[ClaimEvidence]:
        """Return the server's answers, see `EvidencePipeline.find_evidence`.

        Raises ServerError if the server cannot be reached or refuses, with its reason.
        """
        body: dict[str, Any] = {
            "k": k,
            "adaptive_k": adaptive,
            "min_score": min_score,
            "before": conditions.before,
            "where": _by_field(conditions.where),
            "context": context,
            "fold": folding,
            "sides": [*sides],
            "index": self._index,
        }
        return [self._answer(body | {"claim": claim}) for claim in claims]

    def _answer(self, record: Mapping[str, Any]) -> ClaimEvidence:
        body = json.dumps(record).encode()
        for attempt in range(_TRIES):
            response, text = self._sent(body)
            if response.status != _TOO_BUSY or attempt == _TRIES - 1:
                break
            seconds = _seconds_to_wait(response.headers.get("Retry-After"))
            self._notify(f"{self._url}: is busy; trying again in {seconds} s")
            self._wait(seconds)
        if response.status != _OK:
            raise self._refusal(response.status, text)
        try:
            return read_answer(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise ServerError(f"{self._url}: does not answer as claimhound serve does (not JSON)") from error
        except InputError as error:
            raise ServerError(f"{self._url}: {error}") from error

    def _sent(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        """Return response and body. A kept connection that the server has closed meanwhile is opened again."""
        while True:
            try:
                self._connection.request("POST", self._path, body, self._headers)
                response = self._connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                was_closed = self._has_answered and isinstance(error, ConnectionError)
                self._has_answered = False
                if was_closed:
                    continue
                raise ServerError(f"{self._url}: {_reason(error)}") from error
            self._has_answered = True
            return response, text

    def _refusal(self, status: int, text: bytes) -> ServerError:
        if status == _NO_TOKEN:
            given = "refuses the token" if "Authorization" in self._headers else "wants a token"
            return ServerError(f"{self._url}: {given}; name the file with the server's own: --token-file FILE")
        try:
            message = json.loads(text)["error"]["message"]
        except (ValueError, RecursionError, KeyError, TypeError):
            message = f"does not answer as claimhound serve does (status {status})"
        return ServerError(f"{self._url}: {message}")


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_plain = parts.username is None and not parts.query and not parts.fragment and (parts.port or 1) > 0
    except ValueError as error:
        raise InputError(f"{url}: is not the address of a server ({first_line(error)})") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        raise InputError(f"{url}: is not the address of a server; write it like http://127.0.0.1:8765")
    return parts


def _by_field(where: Sequence[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Return conditions as the server reads them: a field with several conditions has a list."""
    values: dict[str, list[str]] = {}
    for name, value in where:
        values.setdefault(name, []).append(value)
    return {name: of_field[0] if len(of_field) == 1 else of_field for name, of_field in values.items()}


def _seconds_to_wait(retry_after: str | None) -> int:
    """Return the seconds of a Retry-After; a proxy may write a date instead, or ask for hours."""
    if retry_after is None or not (retry_after.isascii() and retry_after.isdecimal()) or len(retry_after) > 9:
        return _DEFAULT_WAIT_S
    return min(int(retry_after), _LONGEST_WAIT_S)


def _reason(error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, TimeoutError):
        return f"did not answer within {_PATIENCE_S} s"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there; start a server with: claimhound serve --index DIR"
    if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
        return f"does not answer in HTTP ({first_line(error)})"
    return f"cannot be reached ({getattr(error, 'strerror', None) or first_line(error)})"
