"""`claimhound serve` as a process: what it says, what it never says, and how it ends."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from server_requests import TOKEN

CLAIM = "the minister took the unmistakable money"


class Served:
    """A server's process, and the lines of its standard error."""

    def __init__(self, *words: object) -> None:
        command = [sys.executable, "-m", "claimhound", "serve", "--port", "0", *map(str, words)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        addresses: queue.Queue[str] = queue.Queue()

        def read() -> None:
            assert self.process.stderr is not None
            for line in self.process.stderr:
                self.lines.append(line)
                if found := re.search(r"listening on (http://\S+)", line):
                    addresses.put(found.group(1))
            addresses.put("")

        self._reading = threading.Thread(target=read)
        self._reading.start()
        self.url = addresses.get()
        assert self.url, self.lines

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "X-API-Key": TOKEN} | headers
        request = urllib.request.Request(self.url + path, content, headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and all that was said."""
        code = self.process.wait()
        self._reading.join()
        with self.process:  # closes its streams
            assert self.process.stdout is not None
            self.lines += self.process.stdout
        return code, "".join(self.lines)


@pytest.fixture(scope="module")
def small_index_dir(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from claimhound.api import build_index

    folder = tmp_path_factory.mktemp("process")
    (folder / "corpus.jsonl").write_text(
        '{"id": "a", "text": "The ice melts."}\n{"id": "b", "text": "The sea rises."}\n'
    )
    build_index(folder / "corpus.jsonl", folder / "news", encoder=tiny_model_dir)
    (folder / "token").write_text(TOKEN)
    return folder / "news"


@pytest.fixture
def served(small_index_dir: Path, loopback: None):
    served = Served(
        "--index", small_index_dir, "--no-rerank", "--no-stance", "--token-file", small_index_dir.with_name("token")
    )
    yield served
    if served.process.poll() is None:  # only after a failed test
        served.process.kill()
        served.end()


@pytest.mark.slow
def test_sigterm_finishes_a_request_at_hand_and_nothing_asked_is_ever_said(served, small_index_dir):
    assert served.ask("/health/live")[0] == 200
    assert served.ask("/v1/search", {"claim": CLAIM})[0] == 200
    for body in (CLAIM.encode(), {"claim": CLAIM, "k": CLAIM}, {CLAIM: CLAIM}, {"claims": [CLAIM, ""]}):
        assert served.ask("/v1/search", body)[0] in (400, 422)
    assert served.ask("/v1/search", {"claim": CLAIM}, **{"X-API-Key": CLAIM})[0] == 401
    assert served.ask(f"/v1/documents/{CLAIM.replace(' ', '%20')}")[0] == 404

    # A request whose body has not yet arrived is at hand when the signal comes.
    host, port = served.url.removeprefix("http://").split(":")
    body = json.dumps({"claims": [CLAIM] * 50}).encode()
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /v1/search HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {TOKEN}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
        # The server has begun to read it when it says so.
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100")
        os.kill(served.process.pid, signal.SIGTERM)
        connection.sendall(body)
        received = b""
        while part := connection.recv(1 << 16):
            received += part
    assert received.startswith(b"HTTP/1.1 200") and received.endswith(b"\r\n0\r\n\r\n")
    assert received.count(b'"schema": 1') == 50

    code, said = served.end()
    assert code == 0
    assert "listening on" in said
    assert "minister" not in said and TOKEN not in said and "Traceback" not in said


@pytest.mark.slow
def test_a_generation_that_cannot_be_opened_is_told_in_the_log_without_the_claim(served, small_index_dir):
    generation = small_index_dir / "generation-000002"
    generation.mkdir()
    try:
        assert served.ask("/v1/search", {"claim": CLAIM})[0] == 200
        _, ready = served.ask("/health/ready")
        assert json.loads(ready)["indexes_at_an_old_generation"] == ["news"]
        assert str(small_index_dir).encode() not in ready
    finally:
        generation.rmdir()
    served.process.terminate()
    code, said = served.end()
    assert code == 0
    assert "stays at generation 1" in said and "minister" not in said
