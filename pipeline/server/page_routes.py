"""The desk at `/`: the page for people, whose files are read once, when the server starts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from claimhound.pipeline.server.problems import not_found

_INDEX = "index.html"
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True)
class _File:
    """A file of the page; the etag changes with its bytes."""

    content: bytes
    media_type: str
    etag: str


def page_routes() -> list[Route]:
    """Return the routes of the page's files. A name is looked up among them and never becomes a path."""
    files = _page_files()

    async def index(request: Request) -> Response:
        return _answer(request, files[_INDEX])

    async def file(request: Request) -> Response:
        found = files.get(request.path_params["name"])
        if found is None:
            raise not_found("the page has no file of this name")
        return _answer(request, found)

    return [Route("/", index, methods=["GET"]), Route("/page/{name}", file, methods=["GET"])]


def _page_files() -> dict[str, _File]:
    folder = resources.files(__package__).joinpath("page")
    files = {}
    for entry in folder.iterdir():
        suffix = entry.name.rpartition(".")[2]
        if suffix in _TYPES:
            content = entry.read_bytes()
            files[entry.name] = _File(content, _TYPES[suffix], f'"{hashlib.sha256(content).hexdigest()[:20]}"')
    return files


def _answer(request: Request, file: _File) -> Response:
    # A browser keeps the file and asks each time whether it is still this one: an upgrade is seen at once.
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}
    known = request.headers.get("if-none-match", "").split(",")
    if file.etag in (tag.strip().removeprefix("W/") for tag in known):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
