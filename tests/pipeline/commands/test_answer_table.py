"""Answers as tables of any width, from hand-made evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len
from sample_answers import ANSWER, COPIES, HIT, HOSTILE, POINTED, POINTING, SEA, with_document

from claimhound.data.records import Document, Json
from claimhound.pipeline.commands.answer_table import as_table
from claimhound.pipeline.search.results import ClaimSummary, StageScore


def test_a_table_shows_rank_probability_sentence_and_origin() -> None:
    assert as_table(ANSWER, width=80) == (
        "Claim: The seas rise.\n"
        "\n"
        "#    p evidence\n"
        "1 0.93 Sea level rose by 20 centimetres between 1901 and 2018.\n"
        "       Sea level · Climate notes · 2021-08-09 · sea-1"
    )


def test_a_score_that_is_not_a_probability_is_called_score() -> None:
    stages = HIT.stages | {"rerank": None}
    answer = replace(ANSWER, evidence=(replace(HIT, score=0.016393, stages=stages),))
    assert "#  score evidence\n1 0.0164 Sea level" in as_table(answer, width=80)


@pytest.mark.parametrize(
    ("score", "shown"), [(0.0, "<.01"), (0.0049, "<.01"), (0.0051, "0.01"), (0.994, "0.99"), (0.9951, ">.99")]
)
def test_probabilities_are_never_rounded_to_0_or_1(score: float, shown: str) -> None:
    answer = replace(ANSWER, evidence=(replace(HIT, score=score),))
    assert f"\n1 {shown} Sea level" in as_table(answer, width=80)


def test_context_is_distinct_from_the_evidence_without_colours() -> None:
    before, after = Document("x", "Before it."), Document("y", "After it.")
    answer = replace(ANSWER, evidence=(replace(HIT, before=(before,), after=(after, after)),))
    assert (
        "1 0.93 [before: Before it.]\n"
        "       Sea level rose by 20 centimetres between 1901 and 2018.\n"
        "       [after: After it. After it.]\n"
    ) in as_table(answer, width=80)


def test_explain_shows_shared_words_stages_fields_and_time() -> None:
    answer = replace(with_document(replace(SEA, fields={"speaker": "A. B.", "n": 3})), claim="The SEAS melt the levels")
    assert as_table(answer, explain=True, width=80).split("sea-1\n")[1] == (
        "       shares: SEAS, levels; lacks: melt\n"
        "       bm25 #2 (7.2), dense not found, fused #1 (0.0164), rerank #1 (0.934)\n"
        '       fields: {"speaker": "A. B.", "n": 3}\n'
        "\n"
        "Time: 46 ms (encode 6 ms, rerank 40 ms)"
    )


def test_explain_distinguishes_a_stage_that_was_off_from_one_that_found_nothing() -> None:
    stages = {"bm25": StageScore(1, 7.0), "dense": None, "fused": None, "rerank": None}
    answer = replace(
        ANSWER, evidence=(replace(HIT, stages=stages),), models={"encoder": None, "reranker": None}, timings_ms={}
    )
    assert "bm25 #1 (7.0), dense off, fused off, rerank off" in as_table(answer, explain=True, width=80)


def test_a_pair_that_was_cut_and_the_notes_are_shown() -> None:
    shown = as_table(replace(with_document(SEA, truncated=True), notes=("Found by meaning alone.",)), width=80)
    assert "       cut for the reranker: claim and evidence are too long together\n" in shown
    assert shown.endswith("\n\nFound by meaning alone.")


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
@pytest.mark.parametrize(
    "text",
    [
        SEA.text,
        "気候変動に関する政府間パネルは第六次評価報告書を公表した。" * 3,
        "https://example.org/" + "a" * 200,
        "Emoji 😀👍🏽 " * 20,
        "الرياح قوة نظيفة وآمنة ومتجددة " * 5,
    ],
    ids=["english", "wide", "unbroken", "emoji", "right-to-left"],
)
def test_no_line_is_wider_than_the_terminal_or_ends_in_blanks(text: str, width: int) -> None:
    answer = replace(with_document(replace(SEA, text=text, url=f"https://example.org/{'b' * 90}")), claim=text)
    lines = as_table(answer, explain=True, width=width).split("\n")
    assert max(map(cell_len, lines)) <= width
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_very_narrow_terminal_still_shows_every_word() -> None:
    shown = as_table(ANSWER, width=4).split()
    assert [word for word in SEA.text.split() if word not in shown] == []


def test_words_of_the_claim_are_bold_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TERM": "xterm-256color", "COLORTERM": "", "NO_COLOR": "", "FORCE_COLOR": ""}.items():
        monkeypatch.setenv(name, value)
    answer = replace(ANSWER, claim="sea levels")
    assert "\x1b[1mSea\x1b[0m \x1b[1mlevel\x1b[0m rose" in as_table(answer, is_terminal=True, width=80)
    assert "\x1b" not in as_table(answer, width=80)


def test_no_color_removes_colours_and_keeps_bold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    shown = as_table(replace(ANSWER, claim="sea levels"), is_terminal=True, width=80)
    assert "\x1b[1mSea\x1b[0m" in shown
    assert "\x1b[36m" not in shown


def test_markup_and_escapes_in_claim_and_evidence_are_shown_as_they_are() -> None:
    answer = replace(
        with_document(replace(SEA, text=HOSTILE, title=HOSTILE, doc_id="[/]", fields={"x": HOSTILE})), claim=HOSTILE
    )
    shown = as_table(answer, explain=True, is_terminal=False, width=200)
    assert not any(char in shown for char in "\x1b\x07\x9b\u202e")
    assert shown.count(r"\x1b]0;title\x07 [red]x[/red] :smile:") == 3


def test_a_table_marks_evidence_for_and_against_and_has_a_summary() -> None:
    assert as_table(POINTED, width=80) == (
        "Claim: The seas rise.\n"
        "Stance: REFUTES (against: #1)\n"
        "\n"
        "#    p   evidence\n"
        "1 0.93 - Sea level rose by 20 centimetres between 1901 and 2018.\n"
        "         Sea level · Climate notes · 2021-08-09 · sea-1\n"
        "2 0.93 ~ The sea is blue.\n"
        "         sea-2\n"
        "\n"
        "+ supports, - refutes, ~ neither"
    )


@pytest.mark.parametrize(
    ("summary", "shown"),
    [
        (ClaimSummary("DISPUTED", ("sea-2",), ("sea-1",)), "DISPUTED (for: #2; against: #1)"),
        (ClaimSummary("SUPPORTS", ("sea-1", "sea-2"), ()), "SUPPORTS (for: #1, #2)"),
    ],
)
def test_a_summary_names_the_ranks_that_count(summary: ClaimSummary, shown: str) -> None:
    assert f"\nStance: {shown}\n" in as_table(replace(POINTED, summary=summary), width=80)


def test_nothing_is_said_of_a_claim_on_which_the_evidence_says_too_little() -> None:
    shown = as_table(replace(POINTED, summary=ClaimSummary("NOT_ENOUGH_INFO", ("sea-1",), ())), width=80)
    assert "Stance" not in shown
    assert "1 0.93 + Sea level" in shown


def test_explain_shows_the_probability_of_each_stance() -> None:
    assert "stance: SUPPORTS 0.04, REFUTES 0.95, NOT_ENOUGH_INFO 0.01" in as_table(POINTED, explain=True, width=80)


def test_marks_are_coloured_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TERM": "xterm-256color", "COLORTERM": "", "NO_COLOR": "", "FORCE_COLOR": ""}.items():
        monkeypatch.setenv(name, value)
    assert "\x1b[31m-\x1b[0m" in as_table(POINTED, is_terminal=True, width=80)


def test_a_pair_that_only_the_stance_model_cut_is_marked() -> None:
    cut = replace(POINTED, evidence=(replace(HIT, stance=POINTING._replace(truncated=True)),))
    assert "cut for the stance model: claim and evidence are too long together" in as_table(cut, width=80)


def test_a_table_names_a_few_of_many_copies() -> None:
    copies = tuple(Document(f"c{n}", SEA.text) for n in range(100))
    shown = as_table(replace(ANSWER, evidence=(replace(HIT, copies=copies, n_copies=1234),)), width=80)
    assert "and 1,234 copies: c0, c1, c2, c3, c4, and 1,229 more" in shown
    assert "cop" not in as_table(ANSWER, width=80)
    one = replace(HIT, copies=copies[:1], n_copies=1)
    assert "and 1 copy: c0\n" in as_table(replace(ANSWER, evidence=(one,)), width=80) + "\n"


def test_copies_are_named_with_their_origin() -> None:
    answer = replace(ANSWER, evidence=(replace(HIT, copies=COPIES, n_copies=2),))
    assert "\n       and 2 copies: wire-1 (Paper 1, 2020-01-02), wire-2" in as_table(answer, width=80)


@pytest.mark.parametrize("depth", [99, 5000])
def test_deeply_nested_fields_are_shown(depth: int) -> None:
    value: Json = 1.5
    for _ in range(depth):
        value = [value]
    assert "[[[" in as_table(with_document(replace(SEA, fields={"deep": value})), explain=True, width=2000)
