"""The page of annotated claims: whole, harmless whatever the texts, and in a real browser its filter and order."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
import subprocess
import weakref
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from claimhound.data.records import Document
from claimhound.pipeline.annotation.page import write_page
from claimhound.pipeline.annotation.page_claims import is_link
from claimhound.pipeline.search.answer_json import as_record
from claimhound.pipeline.search.results import ClaimEvidence, ClaimSummary, Evidence, EvidenceStance, StageScore

VOID = {"meta", "br", "hr", "img", "input", "link"}
HOSTILE = (
    "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{ 7 * 7 }} &amp; \x00\x1b[31m \u202eabc\ud800"
)
BAD_LINKS = (
    "javascript:alert(1)",
    " https://example.org",
    "java\nscript:alert(1)",
    "https://good.example@bad.example/",
    "https://good.example\\@bad.example/",
    "https://example.org/\u202egpj.exe",
    "//example.org",
    "data:text/html,x",
    "https://",
    "",
    None,
    7,
)


def evidence(rank, text, p=0.5, *, stance=None, reranked=True, **document):
    place = StageScore(rank, p)
    probabilities = {name: 0.9 if name == stance else 0.05 for name in ("SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO")}
    return Evidence(
        rank,
        Document(document.pop("doc_id", f"d{rank}"), text, **document),
        p,
        False,
        {"bm25": place, "dense": None, "fused": place, "rerank": place if reranked else None},
        stance=None if stance is None else EvidenceStance(stance, probabilities),
    )


def record(claim, *hits, claim_id="c", known=None, fields=None, **more):
    index = {"path": "my-index", "generation": 3, "n_docs": 1234}
    models = {"encoder": "an-encoder", "reranker": "a-reranker", "stance": None}
    made = as_record(ClaimEvidence(claim, hits, index=index, models=models, **more))
    made |= {"id": claim_id, "fields": fields or {}}
    return made if known is None else made | {"known": known}


REFUTED = record(
    "Ice never melts",
    evidence(
        1, "The ice melted in 1990.", 0.81, stance="REFUTES", title="Ice", url="https://example.org/ice?a=1&b=2",
        source="Notes", date="1990-07-01",
    ),
    evidence(2, "Bread rises.", 0.004, stance="NOT_ENOUGH_INFO", url="https://example.org/bread", fields={"page": 7}),
    claim_id="tweet-7",
    fields={"speaker": "Ada", "party": None, "tags": ["a", "b"]},
    summary=ClaimSummary("REFUTES", (), ("d1",)),
    nothing_relevant=False,
    known=[
        {"id": "k1", "text": "Ice cannot melt", "score": 0.61,
         "fields": {"verdict": "false", "url": "https://checks.example/ice"}},
    ],
)  # fmt: skip
SUPPORTED = record(
    "Seas rise",
    evidence(1, "The sea rose.", 0.35, stance="SUPPORTS", doc_id="s1", title="Seas"),
    claim_id="tweet-8",
    summary=ClaimSummary("SUPPORTS", ("s1",), ()),
    nothing_relevant=True,
)
BARE = record(
    "Nobody knows",
    claim_id="tweet-9",
    summary=ClaimSummary("NOT_ENOUGH_INFO", (), ()),
    notes=("No evidence: no document shares a word with the claim.",),
)
RECORDS = [BARE, SUPPORTED, REFUTED]


def html_of(records, title="claims.csv"):
    file = io.StringIO()
    write_page(records, file, title=title)
    return file.getvalue()


class Page(HTMLParser):
    """What a page is made of; raises AssertionError for tags that do not fit together."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.claims, self.texts, self.scripts, self.ids = [], [], [], [], []
        self._open = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if "data-n" in attrs:
            self.claims.append((attrs, []))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, self.getpos()

    def handle_data(self, data):
        if "script" in self._open:
            self.scripts.append(data)
        elif "style" not in self._open:
            self.texts.append(data)
            if "article" in self._open:
                self.claims[-1][1].append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def claim(self, number):
        """The text of a claim's part of the page."""
        return " ".join("".join(self.claims[number][1]).split())

    def attrs_of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def page():
    return Page(html_of(RECORDS))


def test_a_claim_shows_its_evidence_where_it_is_from_and_which_way_it_points(page):
    text = page.claim(2)
    assert text.startswith(
        "Ice never melts 3 · tweet-7 · speaker: Ada · tags: [\"a\", \"b\"] REFUTES against: #1 #1 p 0.81 "
        "The ice melted in 1990. − refutes (p 0.90) · Ice · example.org · Notes · 1990-07-01 · d1 "
        "bm25 #1 (0.81) · fused #1 (0.81) · rerank #1 (0.81) · SUPPORTS 0.05 · REFUTES 0.90 · NOT_ENOUGH_INFO 0.05 "
        "#2 p <.01 Bread rises. ~ neither · https://example.org/bread · d2 page: 7 · bm25 #2 (0.004)"
    )  # fmt: skip
    assert text.endswith(
        "Nearest claims that were already checked Ice cannot melt "
        "nearness 0.61 · k1 · verdict: false · url: https://checks.example/ice"
    )
    assert page.claim(0) == (
        "Nobody knows 1 · tweet-9 NOT ENOUGH INFO No evidence: no document shares a word with the claim. No evidence."
    )
    assert [attrs["href"] for attrs in page.attrs_of("a")] == [
        "https://example.org/ice?a=1&b=2", "https://example.org/bread", "https://checks.example/ice",
    ]  # fmt: skip
    assert all(attrs["rel"] == "noopener noreferrer" for attrs in page.attrs_of("a"))


def test_the_words_that_evidence_shares_with_the_claim_are_bold():
    html = html_of([REFUTED])
    assert "The <b>ice</b> <b>melted</b> in 1990." in html


def test_what_the_filter_needs_stands_at_each_claim(page):
    assert [attrs for attrs, _ in page.claims] == [
        {"data-n": "0", "data-summary": "NOT_ENOUGH_INFO"},
        {"data-n": "1", "data-p": "0.35", "data-summary": "SUPPORTS", "data-nothing": None},
        {"data-n": "2", "data-p": "0.81", "data-summary": "REFUTES", "data-near": "0.61"},
    ]


def test_a_claim_on_which_there_is_probably_nothing_says_so_once():
    note = "Probably nothing relevant: what lies nearest has cosine 0.4."
    told = record("a", evidence(1, "b"), nothing_relevant=True, notes=(note,))
    assert note in Page(html_of([told])).claim(0)
    assert Page(html_of([told])).text.count("Probably nothing relevant") == 1
    assert "Probably nothing relevant." in Page(html_of([SUPPORTED])).claim(0)


def test_the_foot_counts_the_claims_and_names_index_and_models_once(page):
    assert "3 claims, 2 with evidence, 1 SUPPORTS, 1 REFUTES, 1 NOT ENOUGH INFO." in page.text
    origin = "Index my-index, generation 3, 1,234 documents; encoder an-encoder; reranker a-reranker"
    assert page.text.count(origin) == 1
    other = record("a", evidence(1, "b"))
    other["index"]["generation"] = 4
    assert "generation 3" in Page(html_of([REFUTED, other])).text
    assert "generation 4" in Page(html_of([REFUTED, other])).text


def test_scores_that_are_no_probabilities_are_not_called_so():
    page = Page(html_of([record("ice", evidence(1, "ice", 12.345, reranked=False))]))
    assert "#1 12.3 ice" in page.claim(0)
    assert page.claims[0][0] == {"data-n": "1"}
    assert "probability" not in page.text
    assert not any("style" in attrs for attrs in page.attrs_of("span"))
    assert any("style" in attrs for attrs in Page(html_of([REFUTED])).attrs_of("span"))


def test_context_cuts_and_a_missing_score_are_told():
    made = record("ice", evidence(1, "ice", 0.5), evidence(2, "sea", 0.4, stance="REFUTES"))
    first, second = made["evidence"]
    first |= {"truncated": True, "score": None}
    first["context"] = {"before": [{"doc_id": "x", "text": "One."}, {"doc_id": "y", "text": "Two."}], "after": []}
    second["stance"]["truncated"] = True
    text = Page(html_of([made])).claim(0)
    assert "#1 – [before: One. Two.] ice d1 Cut for the reranker: claim and evidence together are too long." in text
    assert "Cut for the stance model" in text


def test_hostile_text_stays_text_wherever_it_stands():
    hit = evidence(1, HOSTILE, doc_id=HOSTILE, title=HOSTILE, source=HOSTILE, url="javascript:alert(1)", date=HOSTILE)
    made = record(HOSTILE, hit, claim_id=HOSTILE, fields={HOSTILE: HOSTILE, "url": "javascript:alert(2)"})
    made["evidence"][0]["fields"] = {HOSTILE: {HOSTILE: HOSTILE}}
    made |= {
        "notes": [HOSTILE],
        "known": [{"id": HOSTILE, "text": HOSTILE, "score": 0.5, "fields": {HOSTILE: HOSTILE, "url": BAD_LINKS[0]}}],
        "summary": {"label": HOSTILE, "supports": [HOSTILE], "refutes": []},
        "index": {"path": HOSTILE, "generation": 1, "n_docs": 1},
        "models": {HOSTILE: HOSTILE},
    }
    html = html_of([made], title=HOSTILE)
    html.encode()  # no lone surrogate is left
    page = Page(html)
    assert not {"\x00", "\x1b", "\u202e"} & set(html)
    assert len(page.attrs_of("script")) == 1
    assert page.attrs_of("img") == []
    assert page.attrs_of("a") == []
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert page.claim(0).count("alert(1)</script>") >= 12
    assert "{{ 7 * 7 }}" in page.text
    assert "49" not in page.text
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in Page(html_of([SUPPORTED, REFUTED])).tags} - {"a"}


@pytest.mark.parametrize("url", BAD_LINKS)
def test_an_address_that_may_not_lead_where_it_says_is_no_link(url):
    assert not is_link(url)
    assert Page(html_of([record("ice", evidence(1, "ice", url=url))])).attrs_of("a") == []


@pytest.mark.parametrize(
    "url", ["http://example.org", "HTTPS://example.org:8080/a?b=c#d", "https://xn--bcher-kva.example/ü"]
)
def test_a_web_address_is_a_link(url):
    assert is_link(url)


def test_nothing_is_fetched_and_only_its_own_script_may_run(page):
    (policy,) = [attrs["content"] for attrs in page.attrs_of("meta") if "http-equiv" in attrs]
    digest = base64.b64encode(hashlib.sha256("".join(page.scripts).encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert not any("src" in attrs for _, attrs in page.tags)
    assert page.attrs_of("link") == []
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|innerHTML|eval\(", html_of(RECORDS))


def test_every_control_has_a_label_and_every_id_is_there_once(page):
    controls = [attrs["id"] for tag, attrs in page.tags if tag in ("input", "select")]
    labelled = [attrs["for"] for attrs in page.attrs_of("label")]
    assert controls == labelled == ["q", "summary", "evidence", "min", "sort", "details"]
    assert len(page.ids) == len(set(page.ids))


def test_no_claims_make_a_page_too():
    page = Page(html_of([]))
    assert page.claims == []
    assert "0 claims, 0 with evidence." in page.text


def test_the_same_records_give_the_same_bytes():
    assert html_of(RECORDS) == html_of(iter(RECORDS))


@pytest.mark.parametrize("name", ["claim", "evidence"])
def test_a_record_that_is_no_answer_is_named(name):
    broken = {key: value for key, value in REFUTED.items() if key != name}
    with pytest.raises(ValueError, match=f"record 2 has no '{name}'"):
        html_of([SUPPORTED, broken])


class Sink(io.TextIOBase):
    """A file that only counts."""

    def __init__(self):
        self.size = 0

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def write(self, text):
        self.size += len(text)
        return len(text)


class Record(dict):
    """A record whose life can be watched."""


def test_records_are_written_while_they_come_and_none_is_kept():
    sink = Sink()
    made, sizes, alive = [], [], []

    def records():
        for _ in range(60):
            record = Record(REFUTED)
            made.append(weakref.ref(record))
            yield record
            del record
            sizes.append(sink.size)
            alive.append(sum(reference() is not None for reference in made))

    write_page(records(), sink, title="t")
    assert sizes == sorted(sizes)
    assert sizes[-1] > 0.8 * sink.size
    assert len(set(sizes)) > 20
    assert max(alive) <= 2


CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


@pytest.fixture(scope="module")
def in_browser(tmp_path_factory):
    """Returns what a browser makes of the page at an address with this after the #."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    folder = tmp_path_factory.mktemp("browser")
    path = folder / "page.html"
    with path.open("w", encoding="utf-8") as file:
        write_page([BARE, SUPPORTED, REFUTED], file, title="claims.csv")

    def opened(state):
        options = (
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={folder / 'profile'}", "--dump-dom",
        )  # fmt: skip
        finished = subprocess.run(
            [CHROMIUM, *options, f"{path.as_uri()}#{state}"], capture_output=True, text=True, timeout=300, check=True
        )
        return Page(finished.stdout)

    return opened


def seen(page):
    """The numbers of the claims that the page shows, in its order."""
    shown = [number for number, (attrs, _) in enumerate(page.claims) if "hidden" not in attrs]
    return "".join(re.search(r"([1-9]) · tweet-", page.claim(number))[1] for number in shown)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "expected", "said"),
    [
        ("", "123", "All 3 claims"),
        ("q=ICE+1990", "3", "1 of 3 claims"),
        ("summary=SUPPORTS&sort=best", "2", "1 of 3 claims"),
        ("evidence=some&sort=best&details=1", "32", "2 of 3 claims"),
        ("min=0.5", "3", "1 of 3 claims"),
        ("sort=summary&q=%3Cscript%3E&evidence=nonsense", "", "0 of 3 claims"),
        ("sort=summary", "321", "All 3 claims"),
    ],
)
def test_the_address_says_what_a_browser_shows_and_in_which_order(in_browser, state, expected, said):
    page = in_browser(state)
    assert seen(page) == expected
    assert said in page.text
    assert "hidden" not in page.attrs_of("form")[0]
    assert page.attrs_of("html")[0].get("class", "") == ("" if "details=1" in state else "brief")
    (empty,) = [attrs for _, attrs in page.tags if attrs.get("id") == "empty"]
    assert ("hidden" in empty) is bool(expected)
    assert "supports (1)" in page.text
    assert "disputed" not in page.text


def test_a_piece_says_how_many_copies_it_stands_for_and_its_details_name_them():
    copies = (
        Document("w1", "The ice melted.", source="Paper 1", url="https://one.example/a"),
        Document("w2", "The ice melted (AP).", source=HOSTILE),
    )
    hit = replace(evidence(1, "The ice melted."), copies=copies, n_copies=12)
    page = io.StringIO()
    write_page([record("Ice melts", hit), record("Seas rise", evidence(1, "The sea rose."))], page, title="Job")
    html = page.getvalue()
    assert html.count("and 12 copies") == 1
    assert "and 10 copies more" in html
    assert 'href="https://one.example/a"' in html
    assert "<bdi>w2</bdi>" in html
    assert "<script>alert(1)</script>" not in html
