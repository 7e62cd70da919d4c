"""Who may reach the server: hosts, origins, tokens, and the headers that keep a browser from doing harm."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from claimhound.data.errors import InputError
from claimhound.data.token_files import read_token
from claimhound.pipeline.server.problems import RequestProblem
from claimhound.pipeline.server.responses import problem_response

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{1,5})?")
# The page loads its own files alone, and its own server is the only one that it talks to.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
OPEN_PATHS = ("/", "/health/live")
"""Paths that need no token, beside the page's own files."""
OPEN_FOLDER = "/page/"


@dataclass(frozen=True)
class Access:
    """Hosts under which the server is reached, and the token that requests carry, None for none."""

    hosts: frozenset[str]
    token: str | None = None

    @property
    def fingerprint(self) -> str | None:
        """The first characters of the token's SHA-256, for logs."""
        return None if self.token is None else hashlib.sha256(self.token.encode()).hexdigest()[:12]


def read_access(host: str, allowed_hosts: Sequence[str], token_path: Path | None) -> Access:
    """Return who may reach a server that listens on `host`.

    Raises InputError for an address beyond loopback without a token file, and for a token file that cannot be read or
    whose token is short or contains white space.
    """
    if token_path is None and not is_loopback(host):
        raise InputError(
            f"--host {host}: is reached from other machines, so requests need a token; "
            "name a file with --token-file FILE (make one with: openssl rand -hex 32)"
        )
    names = {host, *allowed_hosts, *(_LOOPBACK_NAMES if is_loopback(host) or is_any(host) else ())}
    token = None if token_path is None else read_token(token_path)
    return Access(frozenset(name.strip("[]").lower() for name in names), token)


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_any(host: str) -> bool:
    """Return whether an address stands for all of the machine's."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False


class Guard:
    """Refuses what must not reach the application, and adds the headers that every response has."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope["path"], Headers(scope=scope))
        except RequestProblem as problem:
            await problem_response(problem)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _check(self, path: str, headers: Headers) -> None:
        host = _host_of(headers.get("host", ""))
        if host not in self._access.hosts:
            raise RequestProblem(
                403, "foreign_host", "this server is not known by that host name; start it with --allowed-host NAME"
            )
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in _own_origins(headers.get("host", "")):
            raise RequestProblem(403, "foreign_origin", "a page of another origin may not use this server")
        # Another port of this machine is the same site, but not ours.
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and path not in OPEN_PATHS:
            raise RequestProblem(403, "foreign_origin", "a page of another site may not use this server")
        if self._access.token is None or path in OPEN_PATHS or path.startswith(OPEN_FOLDER):
            return
        if not _is_same(_token_in(headers), self._access.token):
            raise RequestProblem(
                401,
                "no_token",
                "send the server's token as Authorization: Bearer TOKEN or X-API-Key: TOKEN",
                {"WWW-Authenticate": "Bearer"},
            )


def _host_of(header: str) -> str | None:
    """Return the name in a Host header, None if it is not a name with or without a port."""
    found = _HOST.fullmatch(header.lower())
    return None if found is None else found["address"] or found["name"]


def _own_origins(host_header: str) -> tuple[str, str]:
    # Behind a proxy that ends TLS the page is https, and the request arrives by http.
    return f"http://{host_header.lower()}", f"https://{host_header.lower()}"


def _token_in(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _is_same(given: str, expected: str) -> bool:
    """Compare in a time that tells neither length nor first difference."""
    digests = (hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (given, expected))
    return hmac.compare_digest(*digests)
