"""A local Hub that serves one model repository and records requests."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER_COMMIT = "f" * 40


class Hub:
    """`commits` maps commits to their files; branch `main` is COMMIT, and `old` is OTHER_COMMIT."""

    def __init__(self, commits: Mapping[str, Mapping[str, bytes]]) -> None:
        self.commits = commits
        self.requests: list[str] = []
        self.broken: set[str] = set()
        """Files whose download stops halfway."""
        self.url = ""

    def commit_of(self, revision: str) -> str | None:
        found = {"main": COMMIT, "old": OTHER_COMMIT}.get(revision, revision)
        return found if found in self.commits else None


@contextmanager
def serving(hub: Hub) -> Iterator[None]:
    """Serve on a port of 127.0.0.1 and set `hub.url`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format, *args):
            pass

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append(path)
            parts = path.strip("/").split("/")
            if parts[:2] == ["api", "models"]:
                kind, revision = (parts[4], parts[5]) if len(parts) > 5 else ("revision", "main")
                commit = hub.commit_of(revision)
                files = hub.commits.get(commit or "", {})
                if commit is None:
                    self.send(404, b"{}", {"X-Error-Code": "RevisionNotFound"}, body=body)
                elif kind == "tree":
                    entries = [
                        {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                        for name, data in files.items()
                    ]
                    self.send(200, json.dumps(entries).encode(), {}, body=body)
                else:
                    record = {"id": "/".join(parts[2:4]), "sha": commit, "siblings": [{"rfilename": n} for n in files]}
                    self.send(200, json.dumps(record).encode(), {}, body=body)
                return
            commit = hub.commit_of(parts[3])
            name = "/".join(parts[4:])
            if commit is None or name not in hub.commits[commit]:
                headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit or ""}
                self.send(404, b"", headers, body=body)
                return
            data = hub.commits[commit][name]
            headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}
            self.send(200, data, headers, body=body, broken=name in hub.broken)

        def send(self, status: int, data: bytes, headers: Mapping[str, str], *, body: bool, broken: bool = False):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if body and broken:
                self.wfile.write(data[: len(data) // 2])
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
            elif body:
                self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a model folder as the files of a commit."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
