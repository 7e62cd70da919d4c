"""The answers of the server are those of `claimhound search`: alone, together, and under load."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import cycle

import pytest
from server_requests import RERANK_K, client_of, post_all

from claimhound.data.bundled import sample_dir
from claimhound.pipeline.search.answer_json import as_json
from claimhound.pipeline.server.answers import ClaimAnswer

CLAIMS = [json.loads(line)["text"] for line in (sample_dir() / "claims.jsonl").read_text(encoding="utf-8").splitlines()]
# Each as options of the command and as fields of a request.
SETTINGS = [
    ((), {}),
    (("-k", "2", "--context", "1"), {"k": 2, "context": 1}),
    (("--before", "2015", "--no-fold"), {"before": "2015", "fold": False}),
    (
        ("--where", "source=Climate notes", "--min-score", "0.1"),
        {"where": {"source": "Climate notes"}, "min_score": 0.1},
    ),
    (("--adaptive-k", "-k", "8"), {"adaptive_k": True, "k": 8}),
    (("--side", "supports", "--side", "refutes", "-k", "1"), {"sides": ["SUPPORTS", "REFUTES"], "k": 1}),
]


def compared(text):
    """Return an answer's text without what may differ: the times, and the path in place of the index's name."""
    text, n_times = re.subn(r'("timings_ms": \{)[^}]*\}', r"\1}", text)
    text, n_paths = re.subn(r'("index": \{\s*"path": )"[^"]*"', r'\1"sample"', text)
    assert n_times == n_paths
    return text


@pytest.fixture(scope="module")
def printed(sample_index_dir):
    """What `search` prints for claims on standard input, by its options."""
    from click.testing import CliRunner

    from claimhound.cli import main

    def run(*options, claims=CLAIMS):
        words = [
            "search",
            "-",
            "--index",
            str(sample_index_dir),
            "--device",
            "cpu",
            "--rerank-k",
            str(RERANK_K),
            *options,
        ]
        ran = CliRunner().invoke(main, words, input="\n".join(claims), catch_exceptions=False)
        assert ran.exit_code == 0, ran.stderr
        return ran.stdout

    return run


@pytest.fixture(scope="module")
def lines(printed):
    """The answer of `search --format jsonl` to each claim, with default settings."""
    return dict(zip(CLAIMS, compared(printed("--format", "jsonl")).splitlines(), strict=True))


def test_a_claim_alone_is_answered_as_by_the_command(sample_service, lines):
    client = client_of(sample_service)
    for claim, line in lines.items():
        response = client.post("/v1/search", json={"claim": claim})
        assert response.headers["content-type"] == "application/json"
        # `json` is the same object on several lines.
        assert compared(response.text) == json.dumps(json.loads(line), ensure_ascii=False, indent=2) + "\n"


def test_the_bytes_of_the_format_json_are_the_commands(sample_service, printed):
    claim = CLAIMS[0]
    [line] = json.loads(printed("--format", "json", claims=[claim]))
    text = client_of(sample_service).post("/v1/search", json={"claim": claim}).text
    assert compared(text) == compared(json.dumps(line, ensure_ascii=False, indent=2)) + "\n"


def test_claims_together_are_answered_as_by_the_command(sample_service, lines):
    response = client_of(sample_service).post("/v1/search", json={"claims": CLAIMS})
    assert response.headers["content-type"] == "application/x-ndjson"
    assert compared(response.text) == "".join(f"{line}\n" for line in lines.values())


@pytest.mark.slow
def test_claims_under_load_with_mixed_settings_are_answered_as_by_the_command(sample_service, printed):
    asked = list(zip(CLAIMS, cycle(SETTINGS), strict=False))
    expected = {}
    for options, _ in SETTINGS:
        own = [claim for claim, (found, _) in asked if found == options]
        texts = compared(printed("--format", "jsonl", *options, claims=own)).splitlines()
        expected |= {(claim, options): f"{text}\n" for claim, text in zip(own, texts, strict=True)}
    bodies = [{"claims": [claim], **fields} for claim, (_, fields) in asked]
    for (claim, (options, _)), response in zip(asked, post_all(sample_service, bodies), strict=True):
        assert compared(response.text) == expected[claim, options], (claim, options)


def test_real_answers_fit_the_description_and_have_no_other_keys(sample_service):
    client = client_of(sample_service)
    for _, fields in SETTINGS:
        for line in client.post("/v1/search", json={"claims": CLAIMS[:4], **fields}).text.splitlines():
            ClaimAnswer.model_validate_json(line, extra="forbid", strict=True)


def test_claims_asked_at_the_same_time_are_searched_together(sample_service):
    alone = {claim: sample_service.indexes[0].opened.find_evidence([claim])[0] for claim in CLAIMS[:8]}
    responses = post_all(sample_service, [{"claim": claim} for claim in CLAIMS[:8]])
    for claim, response in zip(CLAIMS, responses, strict=False):
        assert compared(response.text) == compared(as_json(alone[claim])) + "\n"
    # Those of one batch share its time equally.
    times = Counter(json.dumps(response.json()["timings_ms"]) for response in responses)
    assert max(times.values()) > 1
