"""The tools of a language model, through the client of the protocol's own SDK: in memory, as a process, over HTTP."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from loopback_server import served
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from server_requests import HERE, HOST, WITH_TOKEN, client_of, problem

from claimhound.pipeline.server.app import make_app
from claimhound.pipeline.server.mcp_tools import mcp_server

CLAIM = "Glaciers shrink."


def ask(server: object, *calls: tuple[str, dict[str, object]]) -> list[object]:
    """Call tools of a server in memory; return the results."""

    async def run() -> list[object]:
        async with Client(server) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(run())


def text(result) -> str:
    return "".join(block.text for block in result.content)


def test_the_tools_are_read_only_and_describe_their_answers(make_service) -> None:
    async def run() -> dict[str, object]:
        async with Client(mcp_server(make_service())) as client:
            return {tool.name: tool for tool in (await client.list_tools()).tools}

    tools = asyncio.run(run())
    assert list(tools) == ["search_evidence", "get_document", "index_info"]
    for tool in tools.values():
        assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (True, False)
        assert tool.annotations.open_world_hint is False
        assert tool.output_schema["type"] == "object"
    assert "a hint, not a verdict" in tools["search_evidence"].description
    assert "not that the claim is true" in tools["search_evidence"].description


def test_evidence_found_by_the_tool_is_that_of_a_search(make_service) -> None:
    service = make_service()
    [local] = service.indexes[0].opened.find_evidence([CLAIM], 2, context=1)
    [result] = ask(mcp_server(service), ("search_evidence", {"claim": CLAIM, "k": 2, "context": 1}))
    found = result.structured_content
    assert (found["claim"], found["index"]) == (CLAIM, "news")
    for piece, hit in zip(found["evidence"], local.evidence, strict=True):
        assert (piece["doc_id"], piece["text"], piece["relevance"]) == (
            hit.document.doc_id,
            hit.document.text,
            hit.score,
        )
        assert piece["stance"] == {"label": "NOT_ENOUGH_INFO", "probability": 1.0}
        assert [one["doc_id"] for one in piece["after"]] == [one.doc_id for one in hit.after]
    assert found["summary"]["label"] == local.summary.label


def test_conditions_restrict_what_the_tool_finds(make_service) -> None:
    arguments = {"claim": CLAIM, "before": "2005", "where": {"kind": "report"}}
    [result] = ask(mcp_server(make_service()), ("search_evidence", arguments))
    assert [piece["doc_id"] for piece in result.structured_content["evidence"]] == ["g1"]


def test_a_document_is_read_with_its_neighbours_and_the_indexes_are_told(make_service) -> None:
    read, info = ask(
        mcp_server(make_service()), ("get_document", {"doc_id": "notes/b1", "context": 0}), ("index_info", {})
    )
    assert read.structured_content["text"] == "Bread needs yeast."
    [index] = info.structured_content["indexes"]
    assert (index["name"], index["n_docs"], index["n_dated"]) == ("news", 3, 3)


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("search_evidence", {"claim": " "}, "claim: is empty"),
        ("search_evidence", {"claim": CLAIM, "k": 51}, "less than or equal to 50"),
        ("search_evidence", {"claim": CLAIM, "before": "soon"}, "before"),
        ("search_evidence", {"claim": CLAIM, "index": "other"}, "there is no index 'other'; the indexes are: news"),
        ("get_document", {"doc_id": "g9"}, "index 'news' has no document of this id"),
    ],
)
def test_a_refused_call_tells_the_model_why(make_service, name: str, arguments: dict, reason: str) -> None:
    [result] = ask(mcp_server(make_service()), (name, arguments))
    assert result.is_error
    assert reason in text(result)


class _Broken:
    """A reranker that fails with a message which names a place on the disk."""

    name = "broken"
    weights_sha256 = "b" * 64
    runtime_name = "none"
    max_length = 64
    has_two_heads = False

    def score(self, pairs):
        raise OSError("/srv/models/secret is gone")


def test_what_fails_inside_is_not_told_to_the_model(make_service, caplog) -> None:
    [result] = ask(mcp_server(make_service(reranker=_Broken())), ("search_evidence", {"claim": CLAIM}))
    assert result.is_error
    assert "the server failed; its log says why" in text(result)
    assert "/srv" not in text(result)
    assert CLAIM not in caplog.text


def test_the_log_of_the_process_stays_as_it_is(make_service) -> None:
    root = logging.getLogger()
    before, root.handlers = root.handlers, []  # as in a process of its own, where the SDK would set up the log
    try:
        mcp_server(make_service())
        assert (root.level, root.handlers) == (logging.WARNING, [])
    finally:
        root.handlers = before


def test_the_tools_answer_over_http(make_service, loopback) -> None:
    async def run(url: str) -> object:
        async with Client(f"{url}/mcp") as client:
            return await client.call_tool("search_evidence", {"claim": CLAIM, "k": 1})

    with served(make_app(make_service(), HERE)) as url:
        found = asyncio.run(run(url)).structured_content
    assert [piece["doc_id"] for piece in found["evidence"]] == ["g1"]


HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


def test_hosts_origins_and_tokens_are_asked_for_at_mcp_too(make_service) -> None:
    with client_of(make_service()) as client:
        assert client.post("/mcp", json=CALL, headers=HEADERS).status_code == 200
        foreign = client.post("/mcp", json=CALL, headers=HEADERS | {"Host": "evil.example"})
        assert problem(foreign) == (403, "foreign_host")
        foreign = client.post("/mcp", json=CALL, headers=HEADERS | {"Origin": "https://evil.example"})
        assert problem(foreign) == (403, "foreign_origin")
        assert client.post("/mcp", json=CALL, headers=HEADERS | {"Origin": f"http://{HOST}"}).status_code == 200
    with client_of(make_service(), WITH_TOKEN) as client:
        assert problem(client.post("/mcp", json=CALL, headers=HEADERS)) == (401, "no_token")
        with_token = HEADERS | {"Authorization": f"Bearer {WITH_TOKEN.token}"}
        assert client.post("/mcp", json=CALL, headers=with_token).status_code == 200


def test_a_body_of_mcp_has_the_limit_of_the_others(make_service) -> None:
    with client_of(make_service()) as client:
        huge = CALL | {"params": {"claim": "x" * 4_000_001}}
        assert client.post("/mcp", json=huge, headers=HEADERS).status_code == 413


def _command(index_dir: Path) -> StdioServerParameters:
    words = ["-m", "claimhound", "mcp", "--index", f"news={index_dir}", "--no-encoder", "--no-rerank", "--no-stance"]
    return StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))


def test_the_command_answers_over_standard_input_and_output(index_dir: Path, tmp_path: Path) -> None:
    async def run() -> object:
        with (tmp_path / "messages.txt").open("w") as messages:
            async with Client(stdio_client(_command(index_dir), errlog=messages)) as client:
                return await client.call_tool("search_evidence", {"claim": CLAIM})

    found = asyncio.run(run()).structured_content
    assert found["evidence"][0]["doc_id"] in ("g1", "g2")
    assert found["evidence"][0]["relevance"] is None
    assert (tmp_path / "messages.txt").read_text() == ""


def test_standard_output_of_the_command_has_nothing_but_the_protocol(index_dir: Path) -> None:
    command = _command(index_dir)
    finished = subprocess.run([command.command, *command.args], input=b"not json\n", capture_output=True, check=True)
    assert b"Traceback" not in finished.stderr
    assert all(line.startswith(b'{"jsonrpc":"2.0"') for line in finished.stdout.splitlines())
