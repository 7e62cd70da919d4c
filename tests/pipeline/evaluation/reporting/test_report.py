"""The report as a browser gets it: whole, the same each time, harmless whatever the texts, with the right figures."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from pipeline_fakes import FakeEncoder, FakeReranker

from claimhound.data.records import Document, Query, ScoredDoc
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.evaluation.evaluating import StageSettings, evaluate, evaluate_runs
from claimhound.pipeline.evaluation.measures import values_by_claim
from claimhound.pipeline.evaluation.reliability import Reliability, ReliabilityBin
from claimhound.pipeline.evaluation.reporting.hardest import HARDEST_CLAIMS
from claimhound.pipeline.evaluation.reporting.plots import N_COLOURS, recall_svg, reliability_svg, swatch_svg
from claimhound.pipeline.evaluation.reporting.report import LOSSES_PER_FATE, needed_documents, render_report
from claimhound.pipeline.search.evidence import EvidencePipeline

TEXTS = ("ice melts", "ice is cold", "the sea rises", "bread rises", "yeast")
DOCUMENTS = [Document(f"d{n}", text) for n, text in enumerate(TEXTS)]
CLAIMS = [Query("c1", "Ice melts"), Query("c2", "what rises"), Query("c3", "no judgment"), Query("c4", "yeast")]
QRELS = {"c1": {"d0": 1, "d1": 0}, "c2": {"d2": 1, "d3": 1, "gone": 1}, "c4": {"d0": 1}}
EVERYTHING = ("verdict", "measures", "recall", "losses", "calibration", "hardest", "returned", "timing", "settings")
VOID = {"meta", "br", "hr", "img", "input", "link"}


def pipeline_over(documents, *, with_encoder=True, with_reranker=True):
    encoder = FakeEncoder(
        dict.fromkeys((document.text for document in documents), (0.0, 1.0)) | {"ice is cold": (1, 0)}
    )
    index = MemoryIndex(documents, encoder.encode([document.text for document in documents]))
    reranker = FakeReranker({"the sea rises": 2.0})
    return EvidencePipeline(index, encoder if with_encoder else None, reranker if with_reranker else None)


def page_of(evaluation, documents=DOCUMENTS):
    return render_report(evaluation, {document.doc_id: document for document in documents}, version="1.2.3")


class Page(HTMLParser):
    """What a page is made of; raises AssertionError for tags that do not fit together."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.ids, self.links, self.texts, self.headings = [], [], [], [], []
        self.tables = []
        self._open = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self._note(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attrs):
        self._note(tag, attrs)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, self.getpos()

    def handle_data(self, data):
        if "style" in self._open:
            return
        self.texts.append(data)
        if self._open and self._open[-1] in ("h1", "h2", "h3"):
            self.headings.append((self._open[-1], data))
        if "th" in self._open or "td" in self._open:
            self.tables[-1][-1][-1] += data

    def _note(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "xlink:href", "src"):
                self.links.append(value)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    @property
    def sections(self):
        return [attrs["aria-labelledby"] for tag, attrs in self.tags if tag == "section"]


@pytest.fixture(scope="module")
def evaluation():
    return evaluate(pipeline_over(DOCUMENTS), CLAIMS, QRELS, stages=StageSettings(list_k=50, shown_k=2))


@pytest.fixture(scope="module")
def html(evaluation):
    return page_of(evaluation)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_same_evaluation_gives_the_same_bytes(evaluation, html):
    assert page_of(evaluation) == html


def test_the_users_matplotlib_settings_do_not_affect_the_page(evaluation, html):
    import matplotlib as mpl

    with mpl.rc_context({"lines.linewidth": 9, "font.size": 30, "svg.fonttype": "path", "axes.facecolor": "#123456"}):
        assert page_of(evaluation) == html


def test_the_page_is_self_contained(html, page):
    assert "http:" not in html
    assert "https:" not in html
    assert all(link.startswith("#") for link in page.links)
    assert {"script", "link", "img", "iframe", "object", "image"}.isdisjoint(tag for tag, _ in page.tags)
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on") or name == "srcset"]
    assert "url(" not in re.sub(r"url\(#", "", html)
    (policy,) = [attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


def test_every_link_has_a_target_and_ids_are_unique(page):
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)


def test_the_sections_are_in_order(page):
    assert page.sections == [*EVERYTHING[:-1], "input", "settings"]
    levels = [int(tag[1]) for tag, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_and_every_header_a_scope(page):
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table")
    assert tags.count("figcaption") == tags.count("figure") == 3
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.tags if tag == "th")
    assert all(attrs.get("role") == "img" or "aria-hidden" in attrs for tag, attrs in page.tags if tag == "svg")


def test_without_a_reranker_there_is_neither_verdict_nor_calibration():
    found = evaluate(pipeline_over(DOCUMENTS, with_reranker=False), CLAIMS, QRELS)
    page = Page(page_of(found))
    assert page.sections == ["measures", "recall", "losses", "hardest", "returned", "timing", "input", "settings"]
    assert "Who found them" in page.text
    assert "score 0." in page.text


def test_with_bm25_alone_finders_are_not_shown():
    found = evaluate(pipeline_over(DOCUMENTS, with_encoder=False, with_reranker=False), CLAIMS, QRELS)
    page = Page(page_of(found))
    assert "Who found them" not in page.text
    assert "★" not in page.text  # of one list none is best


def test_unrequested_lists_are_left_out():
    found = evaluate(pipeline_over(DOCUMENTS), CLAIMS, QRELS, stages=StageSettings(["dense"]))
    page = Page(page_of(found))
    assert page.tables[0][0] == ["Measure", "dense"]
    assert "ir_measures qrels.trec dense.trec" in page.text


def test_runs_of_other_systems_have_only_the_sections_that_apply():
    runs = {
        "mine <b>": {"c1": [ScoredDoc("d0", 2.0), ScoredDoc("x", 1.0)], "c2": [ScoredDoc("x", 1.0)]},
        "$yours_": {"c1": [ScoredDoc("x", 1.0)], "c2": [ScoredDoc("d2", 1.0)], "c9": [ScoredDoc("d2", 1.0)]},
    }
    found = evaluate_runs(runs, None, QRELS)
    page = Page(page_of(found, []))
    assert needed_documents(found) == []
    assert page.sections == ["measures", "recall", "hardest", "input", "settings"]
    assert page.tables[0][0] == ["Measure", "mine <b>", "$yours_"]
    # c4 has hits in neither, c2 in the second alone, which finds one of three: its first rank of an ideal three.
    assert [row[0] for row in page.tables[2][1:]] == ["c4", "c2", "c1"]
    assert page.tables[2][2] == ["c2", "3", "0.000", "0.469"]
    assert "c9" in page.text


def test_the_table_shows_the_means_and_marks_the_best(evaluation, page):
    head, *rows = page.tables[0]
    assert head == ["Measure", "bm25", "dense", "fused", "reranked"]
    assert [row[0] for row in rows] == list(evaluation.measures)
    for measure, *cells in rows:
        means = {name: f"{row[measure].mean:.3f}" for name, row in evaluation.intervals.items()}
        for (name, mean), cell in zip(means.items(), cells, strict=True):
            interval = evaluation.intervals[name][measure]
            is_best = mean == max(means.values()) and len(set(means.values())) > 1
            assert cell == f"{'★' if is_best else ''}{mean}[{interval.low:.3f}, {interval.high:.3f}]"
    assert "★" in page.text


def test_recall_agrees_with_ir_measures_down_to_the_end_of_each_list(evaluation, page):
    (table,) = [table for table in page.tables if table[0][0] == "k"]
    columns = dict(zip(table[0][1:], zip(*(row[1:] for row in table[1:]), strict=True), strict=True))
    ks = [int(row[0]) for row in table[1:]]
    for name, run in evaluation.runs.items():
        deepest = max(len(ranking) for ranking in run.values())
        measured = values_by_claim(run, evaluation.judged.qrels, [f"R@{k}" for k in ks])
        for k, cell in zip(ks, columns[name], strict=True):
            if k > deepest:
                assert cell == "–"
            elif cell != "–":
                assert cell == f"{measured[f'R@{k}'].mean():.3f}"
        assert columns[name][ks.index(deepest)] != "–"


def test_every_fate_is_counted_and_every_loss_listed(evaluation, page):
    (table,) = [table for table in page.tables if table[0][0] == "Fate"]
    assert [row[:3] for row in table[1:]] == [
        ["not in the index", "1", "20.0\xa0%"],
        ["rescored, but not lifted into the first 2", "1", "20.0\xa0%"],
        ["in the first 2, which a reader is shown", "3", "60.0\xa0%"],
    ]
    assert sum(int(row[1]) for row in table[1:]) == len(evaluation.stages.losses)
    # "what rises": d1 by meaning and d2 and d3 by words, of which the reranker lifts d2 alone.
    assert "not lifted into the first 2 · bm25 #2 · dense – · fused #3 · reranked #3" in page.text


def test_the_hardest_claims_show_hits_and_missed_documents(evaluation, html):
    summaries = re.findall(r"<summary><bdi>(.*?)</bdi> <span class=\"meta\">nDCG@10 (\S+)", html)
    final = dict(zip(evaluation.judged.query_ids, evaluation.values["reranked"]["nDCG@10"], strict=True))
    assert [float(value) for _, value in summaries] == sorted(round(float(value), 3) for value in final.values())
    shown = {hit.doc_id for ranking in evaluation.runs["reranked"].values() for hit in ranking[:2]}
    assert shown | {"gone"} <= set(needed_documents(evaluation))
    assert "✓ relevant" in html
    assert "judged not relevant" in html


def test_ties_go_to_claims_with_more_missed_documents():
    claims = [Query(query_id, "zebra") for query_id in ("b", "a", "richer")]
    found = evaluate(pipeline_over(DOCUMENTS), claims, {"b": {"d4": 1}, "a": {"d4": 1}, "richer": {"d4": 1, "d3": 1}})
    assert re.findall(r"relevant · <bdi>(\w+)</bdi></span></summary>", page_of(found)) == ["richer", "a", "b"]


def test_a_long_list_is_cut_with_a_note():
    documents = [Document(f"e{n:03}", f"ice number {n}") for n in range(120)]
    claims = [Query(f"q{n:02}", f"ice number {n}") for n in range(HARDEST_CLAIMS + 5)]
    qrels = {claim.query_id: {document.doc_id: 1 for document in documents[20:60]} for claim in claims}
    pipeline = pipeline_over(documents, with_encoder=False, with_reranker=False)
    found = evaluate(pipeline, claims, qrels, stages=StageSettings(list_k=10, shown_k=1))
    html = page_of(found, documents)
    n_details = html.count("<summary><bdi>")
    assert n_details == HARDEST_CLAIMS
    assert f"The first {LOSSES_PER_FATE} of " in html
    assert "losses.csv in the same folder has all of them" in html


def test_a_missing_document_is_shown_by_its_id(evaluation, page):
    assert "gone" in needed_documents(evaluation)
    assert "gone" in page.text
    without = Page(page_of(evaluation, []))
    assert "d2" in without.text
    assert "the sea rises" not in without.text


NASTY = "<script>alert(1)</script> \"quoted\" 'text' ]]> --> {{ 7 * 7 }} {% raw %} &amp; \u202eesrever\x00\x1b[31m"


def test_all_text_is_escaped():
    an_id = NASTY.replace("\x00", "")
    document = Document(an_id, NASTY + " ice", title=NASTY, source=NASTY, date=NASTY)
    claim = Query(an_id, NASTY + " ice")
    found = evaluate(pipeline_over([document, *DOCUMENTS]), [claim], {an_id: {an_id: 1, "d4": 1}})
    renamed = replace(
        found, settings=found.settings | {NASTY: {NASTY: NASTY}, "encoder": {"name": NASTY, "weights_sha256": NASTY}}
    )
    html = render_report(renamed, {an_id: document}, version=NASTY, command=NASTY)
    page = Page(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert "<script" not in html
    assert "{{ 7 * 7 }}" in page.text
    assert "\"quoted\" 'text' ]]> -->" in page.text
    assert "&amp;amp;" in html  # the text's own entity stays a text
    for hidden in "\u202e\x00\x1b":
        assert hidden not in html
    html.encode()  # also where a text held half a surrogate pair
    assert page.sections == list(EVERYTHING)


def test_run_names_are_escaped():
    found = evaluate_runs({NASTY: {"c1": [ScoredDoc("d0", 1.0)]}}, [Query("c1", "\ud800")], {"c1": {"d0": 1}})
    html = page_of(found)
    html.encode()
    assert "script" not in {tag for tag, _ in Page(html).tags}


def test_one_claim_has_no_interval():
    found = evaluate(pipeline_over(DOCUMENTS, with_reranker=False), CLAIMS[:1], QRELS)
    page = Page(page_of(found))
    assert page.tables[0][1] == ["R@1", "★1.000–", "0.000–", "0.000–"]
    assert "nan" not in page.text.lower()
    assert ("h1", "Evaluation on 1 claim") in page.headings


def test_long_texts_are_cut_with_their_length():
    claim = Query("long", "ice " * 5_000)
    document = Document("vast", "ice " + "x" * 200_000)
    found = evaluate(pipeline_over([document, *DOCUMENTS]), [claim], {"long": {"vast": 1, "d1": 1}})
    html = page_of(found, [document, *DOCUMENTS])
    assert len(html) < 120_000
    assert "(200,004 characters in all)" in html
    assert "(20,000 characters in all)" in html


def test_claims_without_relevant_documents_are_findings_and_not_hard_claims():
    found = evaluate(pipeline_over(DOCUMENTS), CLAIMS, QRELS | {"c3": {"d0": 0}})
    page = Page(page_of(found))
    assert "claims without a relevant judgment, not counted" in page.text
    assert "no judgment nDCG" not in page.text


def test_a_list_without_hits_has_a_curve_at_zero():
    nothing = {"c1": {"d4": 1}}
    found = evaluate(pipeline_over(DOCUMENTS, with_encoder=False, with_reranker=False), [Query("c1", "zebra")], nothing)
    page = Page(page_of(found))
    assert "Nothing was found." in page.text
    assert page.tables[1][1:] == [["1", "0.000"]]


def test_the_page_shows_version_and_command(evaluation):
    html = render_report(evaluation, {}, version="9.9", command="claimhound evaluate -x")
    text = Page(html).text
    assert "claimhound 9.9" in text
    assert "claimhound evaluate -x" in text


@pytest.mark.parametrize("n", [1, 4, 30])
def test_a_plot_uses_the_pages_colours_and_unique_ids(n):
    curves = {f"run {number}": [(1, 0.1), (10, 0.2 + number / 100)] for number in range(n)}
    svg = recall_svg(curves, "some-name")
    Page(svg)
    assert "run 0" not in svg
    assert not re.search(r"#[0-9a-f]{6}\b", re.sub(r'"#[^"]*"|url\(#[^)]*\)', "", svg))
    assert set(re.findall(r"var\((--[^)]*)\)", svg)) == {
        "--ink",
        "--line",
        *(f"--series-{number}" for number in range(min(n, N_COLOURS))),
    }
    assert all(name.startswith("some-name-") for name in re.findall(r' id="([^"]*)"', svg))


def test_no_two_of_sixty_series_look_the_same():
    assert len({swatch_svg(number) for number in range(60)}) == 60


def test_a_single_bin_can_be_plotted():
    Page(reliability_svg(Reliability(5, 1, 1.0, 0.0, 0.0, (ReliabilityBin(1, 0.0, 0.0),)), "one"))
    Page(reliability_svg(Reliability(5, 1, 1.0, 1.0, 1.0, (ReliabilityBin(1, 1.0, 1.0),)), "all"))
