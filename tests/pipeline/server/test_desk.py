"""The desk in a real browser: Chromium of the system, without a head."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")
pytest.importorskip("playwright.sync_api", reason="the browser's driver, playwright, is not installed")

import uvicorn
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from claimhound.data.records import Document
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.server.access import Access
from claimhound.pipeline.server.app import make_app
from claimhound.pipeline.server.running import listen
from claimhound.pipeline.server.service import Service
from claimhound.pipeline.server.warm_index import WarmIndex
from claimhound.pipeline.server.work_queue import WorkQueue
from claimhound.pipeline.serving.compute import Compute
from tests.pipeline.pipeline_fakes import IDENTITY, FakeEncoder, FakeReranker, FakeStance

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="there is no Chromium, for which the desk's tests ask: apt-get install chromium"
    ),
]

CLAIM = "The sea level has risen."
TOKEN = "a-token-of-twenty-ch"
ROSE = "Global sea level rose by 20 centimetres between 1901 and 2018."
BLOG = "A blog says that the level of the sea has never risen."
GAUGE = "Tide gauges have measured the level since 1807."
NOTES = [
    Document("gauge", GAUGE, "Sea level", "Climate notes", date="1999"),
    Document(
        "rose",
        ROSE,
        "Sea level",
        "Climate notes",
        "https://notes.example/sea?a=1&b=2",
        "2021-08-09",
        {"desk": "science"},
    ),
    Document("wall", "The wall of the harbour is old.", source="Climate notes"),
    Document("blog", BLOG, source="Blog", url="javascript:alert(1)", date="2015"),
    Document("wire", ROSE, "Sea level", "Wire", date="2021-08-10"),
]
HOSTILE = [
    Document("script", "<script>window.owned = 1</script> sea level <img src=x onerror='window.owned = 1'>"),
    Document(
        "svg", "<svg onload='window.owned = 1'> sea level", "\"><b onclick='window.owned = 1'>title", "<i>source</i>"
    ),
    Document(
        "bidi", "sea level \u202e txet eht nrut \u2066 and a bell \x07 rings", url="https://good.example@bad.example/"
    ),
    Document("long", f"sea level {'w' * 10_000}", source="s" * 3_000),
    Document("rtl", "ارتفع مستوى سطح البحر (sea level)", source="صحيفة"),
    Document("../v1/indexes", "sea level and a <textarea></title>", fields={"<b>": {"deep": ["</dl>"]}}),
]
SIDES = {BLOG: (0.05, 0.9, 0.05), f"Sea level: {ROSE}": (0.8, 0.1, 0.1)}


def warm(folder: Path, name: str, documents: list[Document]) -> WarmIndex:
    """Return an index of the documents behind models written by hand."""
    encoder = FakeEncoder()
    with IndexWriter.create(folder / name, IDENTITY) as writer:
        writer.add(documents, encoder.encode([document.text for document in documents]))
        writer.commit()
    reranker = FakeReranker(
        {f"Sea level: {ROSE}": 3.0, BLOG: 1.0, f"Sea level: {GAUGE}": -1.0, "The wall of the harbour is old.": -4.0}
    )
    snapshot = IndexSnapshot.open(folder / name)
    pipeline = EvidencePipeline(snapshot, encoder, reranker, PipelineConfig(), FakeStance(SIDES))
    return WarmIndex(name, pipeline, Compute("cpu"))


@contextmanager
def serving(service: Service, token: str | None = None) -> Iterator[str]:
    """Serve from a thread; yield the address. The browser alone connects to it, so Python's sockets stay blocked."""
    with listen("127.0.0.1", 0) as socket:
        app = make_app(service, Access(frozenset(["127.0.0.1"]), token))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{socket.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("indexes")
    queue = WorkQueue()
    yield Service([warm(folder, "notes", NOTES), warm(folder, "hostile", HOSTILE)], queue)
    queue.close()


@pytest.fixture(scope="module")
def address(service: Service) -> Iterator[str]:
    with serving(service) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A function that opens an address in a tab of its own; in the end, no script failed and one host was asked."""
    contexts, faults, hosts = [], [], set()

    def open_page(address: str, **settings: Any) -> Page:
        context = browser.new_context(viewport={"width": 1200, "height": 900}, **settings)
        context.set_default_timeout(20_000)
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address.partition("#")[0])
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda told: faults.append(told.text) if "Content Security" in told.text else None)
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []
    assert hosts <= {"127.0.0.1"}


@pytest.fixture
def page(opened: Callable[..., Page], address: str) -> Page:
    """The desk before anything is asked."""
    return opened(address)


def ask(page: Page, text: str = CLAIM) -> None:
    page.get_by_label("Claim", exact=True).fill(text)
    page.get_by_role("button", name=re.compile("Find evidence")).click()


def pieces(page: Page) -> Any:
    return page.get_by_role("article", name=re.compile("^Evidence"))


def clipboard(page: Page) -> str:
    return page.evaluate("navigator.clipboard.readText()")


def test_a_claim_is_answered_with_marked_words_probability_stance_and_source(page: Page) -> None:
    ask(page)
    expect(pieces(page)).to_have_count(4)
    first = pieces(page).first
    expect(first).to_contain_text(ROSE)
    assert first.locator(".passage mark").all_text_contents() == ["sea", "level"]
    expect(first).to_contain_text("+ supports .80")
    expect(first.get_by_role("img", name="Stance: supports .80, refutes .10, neither .10")).to_be_visible()
    expect(first.locator(".place b")).to_have_text(re.compile(r"^p [.>]\d\d$"))
    expect(first.locator(".origin").first).to_have_text("Sea level · notes.example · Climate notes · 2021-08-09 · rose")
    link = first.get_by_role("link", name="Sea level")
    assert link.get_attribute("href") == "https://notes.example/sea?a=1&b=2"
    assert link.get_attribute("rel") == "noopener noreferrer"
    expect(page.get_by_role("article", name=re.compile("Evidence 2, .*refutes"))).to_contain_text(BLOG)
    expect(page.get_by_role("status")).to_have_text("4 pieces of evidence")
    expect(page.get_by_text("Which way it points is a model's guess")).to_be_visible()


def test_filters_choose_the_evidence(page: Page) -> None:
    ask(page)
    for label, value, expected in (
        ("Before", "2016", ["blog", "gauge"]),
        ("Where", "source=Blog; date=2015", ["blog"]),
        ("Pieces", "1", ["rose"]),
    ):
        page.get_by_label(label, exact=True).fill(value)
        page.keyboard.press("Enter")
        expect(pieces(page)).to_have_count(len(expected))
        assert [piece.get_attribute("data-doc-id") for piece in pieces(page).all()] == expected
        page.get_by_role("button", name="Clear").click()
        expect(pieces(page)).to_have_count(4)
    page.get_by_label("Points").select_option(label="against the claim")
    page.get_by_role("button", name="Find evidence").click()
    expect(pieces(page)).to_have_count(1)
    expect(pieces(page)).to_contain_text(BLOG)
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Index").select_option("hostile")
    page.get_by_role("button", name="Find evidence").click()
    expect(pieces(page)).to_have_count(5)
    page.get_by_role("button", name="Show up to 10").click()
    expect(pieces(page)).to_have_count(6)
    expect(pieces(page).last).to_be_focused()


def test_a_filter_that_cannot_be_asked_is_told_by_the_page_or_by_the_server(page: Page) -> None:
    page.get_by_label("Where").fill("Reuters")
    ask(page)
    expect(page.get_by_text("“Reuters” has no field")).to_be_visible()
    page.get_by_label("Where").fill("")
    page.get_by_label("Before").fill("yesterday")
    ask(page)
    expect(page.get_by_role("alert").filter(has_text="Before")).to_contain_text("yesterday")
    expect(pieces(page)).to_have_count(0)
    ask(page, "long " * 3_000)
    expect(page.get_by_text("The claim has 14,999 characters; the server takes 10,000.")).to_be_visible()


def test_neighbours_reasons_and_copies_are_shown_on_demand(page: Page) -> None:
    ask(page)
    first = pieces(page).first
    neighbours = first.get_by_role("button", name="Neighbours")
    neighbours.click()
    expect(first.locator(".neighbour")).to_have_text([GAUGE])
    neighbours.click()
    expect(first.locator(".neighbour")).to_have_count(0)
    first.get_by_role("button", name="Why is this here").click()
    why = first.locator(".why")
    expect(why).to_contain_text("by words (bm25)#")
    expect(why).to_contain_text("read with the claim (rerank)#1")
    expect(why).to_contain_text("Sharessea, level")
    expect(why).to_contain_text("Lacksrisen")
    expect(why).to_contain_text("deskscience")
    copies = first.get_by_text("and 1 copy")
    expect(first.get_by_text("2021-08-10")).to_be_hidden()
    copies.click()
    expect(first.locator(".copies li")).to_have_text("Sea level · Wire · 2021-08-10 · wire")


def test_kept_pieces_and_the_note_are_copied_with_their_citations(page: Page) -> None:
    ask(page)
    pieces(page).nth(0).get_by_role("button", name="For", exact=True).click()
    pieces(page).nth(1).get_by_role("button", name="Against").click()
    pieces(page).nth(2).get_by_role("button", name="Aside").click()
    page.get_by_label("Note", exact=True).fill("Ask who said it.")
    page.get_by_role("button", name="Copy as text").click()
    expect(page.get_by_role("status")).to_have_text("Copied as text")
    text = clipboard(page)
    assert text.splitlines()[:6] == [
        f"Claim: {CLAIM}",
        "",
        "Note: Ask who said it.",
        "",
        "For the claim:",
        f"1. “{ROSE}” — Sea level, Climate notes, 2021-08-09, https://notes.example/sea?a=1&b=2, [rose]",
    ]
    assert f"Against the claim:\n1. “{BLOG}” — Blog, 2015, javascript:alert(1), [blog]" in text
    assert f"Set aside:\n1. “{GAUGE}”" in text
    assert "index notes, generation 1" in text
    page.get_by_role("button", name="Copy ClaimReview draft").click()
    expect(page.get_by_role("status")).to_contain_text("ClaimReview draft copied")
    review = json.loads(clipboard(page))
    assert (review["@type"], review["claimReviewed"], review["creativeWorkStatus"]) == ("ClaimReview", CLAIM, "Draft")
    assert {value for name, value in review["reviewRating"].items() if name != "@type"} == {""}
    assert [(work["identifier"], work["description"]) for work in review["citation"]] == [
        ("rose", "evidence for the claim"),
        ("blog", "evidence against the claim"),
    ]
    assert "url" not in review["citation"][1]
    # Another claim has its own; the first one's are there when it is asked again.
    ask(page, "The harbour has a wall.")
    expect(page.get_by_label("Note", exact=True)).to_have_value("")
    page.go_back()
    expect(page.get_by_label("Note", exact=True)).to_have_value("Ask who said it.")
    expect(pieces(page).first.get_by_role("button", name="For", exact=True)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Remove piece rose").click()
    expect(pieces(page).first.get_by_role("button", name="For", exact=True)).to_have_attribute("aria-pressed", "false")


def test_without_a_clipboard_the_text_can_be_copied_by_hand(opened: Callable[..., Page], address: str) -> None:
    page = opened(address)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    ask(page)
    pieces(page).first.get_by_role("button", name="Copy").click()
    field = page.get_by_label("Text to copy")
    expect(field).to_be_focused()
    assert field.input_value().startswith(f"“{ROSE}” — Sea level")
    assert page.evaluate("getSelection().toString()") == field.input_value()
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()


def test_the_address_holds_claim_and_filters_for_a_colleague_and_for_going_back(
    opened: Callable[..., Page], address: str
) -> None:
    page = opened(f"{address}#claim={quote(CLAIM)}&before=2016&where=source%3DBlog&k=3")
    expect(pieces(page)).to_have_count(1)
    expect(page.get_by_label("Claim", exact=True)).to_have_value(CLAIM)
    expect(page.get_by_label("Where")).to_have_value("source=Blog")
    page.get_by_role("button", name="Clear").click()
    expect(pieces(page)).to_have_count(4)
    ask(page, "Sea level & gauges = 100 % measured #1?")
    expect(page.get_by_role("heading", name="Sea level & gauges = 100 % measured #1?")).to_be_visible()
    sent = opened(page.url)
    expect(sent.get_by_role("heading", name="Sea level & gauges = 100 % measured #1?")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.get_by_label("Before")).to_have_value("2016")
    expect(pieces(page)).to_have_count(1)
    page.go_forward()
    expect(pieces(page)).to_have_count(4)
    assert "claim" not in urlsplit(page.url)._replace(fragment="").geturl()


def test_several_lines_are_a_list_of_claims_each_of_which_can_be_opened(page: Page) -> None:
    ask(page, f"{CLAIM}\n\n  Tide gauges measured it.\n{'x' * 10_001}")
    items = page.get_by_role("article", name=re.compile("^Claim"))
    expect(items).to_have_count(3)
    expect(items.nth(0)).to_contain_text(ROSE)
    expect(items.nth(1)).to_contain_text("3 more pieces")
    expect(items.nth(2)).to_contain_text("The claim has 10,001 characters")
    expect(page.get_by_role("status")).to_have_text("All 3 claims answered")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "/v1/" in request.url else None)
    items.nth(0).get_by_role("link", name=CLAIM).click()
    expect(pieces(page)).to_have_count(4)
    page.get_by_role("link", name="Next claim").click()
    expect(page.get_by_role("heading", name="Tide gauges measured it.")).to_be_visible()
    page.get_by_role("link", name="← All 3 claims").click()
    expect(items).to_have_count(3)
    assert requests == []
    page.get_by_label("These lines are one claim").check()
    ask(page, f"{CLAIM}\nTide gauges measured it.")
    expect(pieces(page).first).to_be_visible()
    expect(page.get_by_role("heading", name=f"{CLAIM} Tide gauges measured it.")).to_be_visible()


def test_everything_works_with_the_keyboard_alone(page: Page) -> None:
    page.keyboard.press("Escape")
    page.get_by_label("Claim", exact=True).blur()
    page.keyboard.press("/")
    page.keyboard.type(CLAIM)
    page.keyboard.press("Enter")
    expect(pieces(page)).to_have_count(4)
    page.keyboard.press("j")
    expect(pieces(page).nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(pieces(page).nth(1)).to_be_focused()
    page.keyboard.press("k")
    for key, name in (("f", "For"), ("w", "Why is this here"), ("n", "Neighbours")):
        page.keyboard.press(key)
        button = pieces(page).nth(0).get_by_role("button", name=name, exact=True)
        expect(button).to_have_attribute("aria-pressed" if key == "f" else "aria-expanded", "true")
    page.keyboard.press("c")
    expect(page.get_by_role("status")).to_have_text("Piece 1 copied with its source")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Against (1)")).to_be_visible()
    outline = pieces(page).nth(0).evaluate("piece => getComputedStyle(piece).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("?")
    help_box = page.get_by_role("dialog", name="Reading and working with evidence")
    expect(help_box).to_be_visible()
    page.get_by_label("Use single keys").press("Space")
    page.keyboard.press("Escape")
    expect(help_box).to_be_hidden()
    page.keyboard.press("j")
    expect(pieces(page).nth(0)).to_be_focused()
    # No trap: Tab comes to every control, and leaves the page in the end.
    reached = set()
    page.get_by_label("Claim", exact=True).focus()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert {"before", "where", "side", "k", "note", "copy-text", "copy-review", "copy-link", "help-open"} <= reached
    assert {"Neighbours", "Why is this here", "Copy", "and 1 copy"} <= reached


def test_a_server_with_a_token_asks_for_it_and_the_page_forgets_it(
    opened: Callable[..., Page], service: Service
) -> None:
    with serving(service, TOKEN) as address:
        page = opened(f"{address}#claim={quote(CLAIM)}")
        form = page.get_by_role("dialog", name="This server asks for a token")
        expect(form).to_be_visible()
        form.get_by_label("Token", exact=True).fill("a-wrong-token-of-ours")
        page.keyboard.press("Enter")
        expect(form.get_by_role("alert")).to_have_text("The server does not accept that token.")
        form.get_by_label("Token", exact=True).fill(TOKEN)
        page.keyboard.press("Enter")
        expect(pieces(page)).to_have_count(4)
        expect(form).to_be_hidden()
        kept = page.evaluate("[document.cookie, localStorage.length, sessionStorage.length, document.body.innerHTML]")
        assert kept[:3] == ["", 0, 0]
        assert TOKEN not in kept[3]
        assert TOKEN not in page.url
        page.reload()
        expect(form).to_be_visible()
        form.get_by_role("button", name="Not now").click()
        expect(page.get_by_role("alert").filter(has_text="without its token")).to_be_visible()
        page.get_by_role("button", name="Try again").click()
        expect(form).to_be_visible()
        page.close()


def test_a_hostile_corpus_is_shown_as_text(opened: Callable[..., Page], address: str) -> None:
    page = opened(f"{address}#claim={quote(CLAIM)}&index=hostile&k=10")
    expect(pieces(page)).to_have_count(6)

    def piece(doc_id: str) -> Any:
        return page.locator(f'.piece[data-doc-id="{doc_id}"]')

    for document in HOSTILE:
        shown = piece(document.doc_id)
        shown.get_by_role("button", name="For", exact=True).click()
        shown.get_by_role("button", name="Why is this here").click()
        shown.get_by_role("button", name="Neighbours").click()
        expect(shown.locator(".neighbour").first).to_be_visible()
    for doc_id in ("script", "svg", "long", "rtl"):
        text = next(document.text for document in HOSTILE if document.doc_id == doc_id)
        assert piece(doc_id).locator(".passage .text").text_content() == text
    assert piece("bidi").locator(".passage .text").text_content() == "sea level  txet eht nrut  and a bell \\x07 rings"
    assert piece("bidi").get_by_role("link").count() == 0
    expect(piece("../v1/indexes").locator(".why")).to_contain_text('<b>{"deep":["</dl>"]}')
    assert piece("rtl").locator(".passage .text").evaluate("text => getComputedStyle(text).direction") == "rtl"
    assert page.locator("#result :is(script, svg, img, i, textarea)").count() == 0
    assert page.evaluate("window.owned") is None
    for width in (1200, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    ask(page, "<img src=x onerror='window.owned = 1'> sea level")
    expect(page.get_by_role("heading", name="<img src=x onerror='window.owned = 1'> sea level")).to_be_visible()
    assert page.evaluate("window.owned") is None


def test_an_answer_without_evidence_says_why(page: Page) -> None:
    page.get_by_label("Where").fill("sauce=Blog")
    ask(page)
    expect(page.get_by_text("No evidence.")).to_be_visible()
    expect(page.get_by_text("No document has a field 'sauce'; did you mean 'source'?")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("No evidence was found")


def test_a_server_that_is_busy_or_gone_is_told_and_asked_again(page: Page) -> None:
    refusals = ["busy", "gone"]

    def refuse(route: Route) -> None:
        match refusals.pop(0) if refusals else None:
            case "busy":
                body = json.dumps({"error": {"code": "busy", "message": "9 pieces of work are waiting"}})
                route.fulfill(status=429, headers={"Retry-After": "1"}, content_type="application/json", body=body)
            case "gone":
                route.abort()
            case _:
                route.continue_()

    page.route("**/v1/search", refuse)
    ask(page)
    expect(page.get_by_role("status")).to_have_text("The server is busy: asking again in 1 s")
    expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(pieces(page)).to_have_count(4)


def test_a_list_goes_on_where_a_busy_server_broke_it_off(page: Page) -> None:
    asked: list[list[str]] = []

    def cut(route: Route) -> None:
        asked.append(route.request.post_data_json["claims"])
        if len(asked) > 1:
            route.continue_()
            return
        response = route.fetch()
        first = response.text().splitlines()[0]
        busy = json.dumps({"error": {"code": "busy", "message": "too many"}})
        route.fulfill(response=response, body=f"{first}\n{busy}\n")

    page.route("**/v1/search", cut)
    ask(page, f"{CLAIM}\nTide gauges measured it.\nThe harbour has a wall.")
    expect(page.get_by_role("status")).to_have_text("All 3 claims answered")
    assert [len(claims) for claims in asked] == [3, 2]
    expect(page.get_by_role("article", name="Claim 3")).to_contain_text("3 more pieces")


def test_print_shows_claim_evidence_and_citations_and_no_controls(page: Page) -> None:
    ask(page)
    pieces(page).first.get_by_role("button", name="For", exact=True).click()
    page.get_by_label("Note", exact=True).fill("Ask who said it.")
    page.emulate_media(media="print")
    for shown in (page.get_by_role("heading", name=CLAIM), pieces(page).first, page.locator("#note-printed")):
        expect(shown).to_be_visible()
    assert [button for button in page.get_by_role("button").all() if button.is_visible()] == []
    expect(page.get_by_label("Claim", exact=True)).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(opened: Callable[..., Page], service: Service, address: str, scheme: Any) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-core's package is not installed"
    ).Axe()

    def violations(page: Page) -> list[str]:
        found = axe.run(page).response["violations"]
        return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]

    page = opened(address, color_scheme=scheme, reduced_motion="reduce")
    expect(page.get_by_text("It does not decide whether the claim is true.").first).to_be_visible()
    assert violations(page) == []
    ask(page)
    pieces(page).nth(0).get_by_role("button", name="For", exact=True).click()
    pieces(page).nth(1).get_by_role("button", name="Against").click()
    pieces(page).nth(0).get_by_role("button", name="Why is this here").click()
    pieces(page).nth(0).get_by_role("button", name="Neighbours").click()
    pieces(page).nth(0).get_by_text("and 1 copy").click()
    expect(pieces(page).nth(0).locator(".neighbour").first).to_be_visible()
    assert violations(page) == []
    if scheme == "dark":  # the same elements in other colours: one look is enough
        return
    page.set_viewport_size({"width": 320, "height": 800})
    assert violations(page) == []
    page.get_by_role("button", name="Help").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    ask(page, f"{CLAIM}\nTide gauges measured it.")
    expect(page.get_by_role("status")).to_have_text("All 2 claims answered")
    assert violations(page) == []
    page.get_by_label("Before").fill("yesterday")
    ask(page)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert violations(page) == []
