"""The page's files, without a browser: how they are served, and what must not be in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")

from starlette.testclient import TestClient

from claimhound.pipeline.server.access import Access
from claimhound.pipeline.server.app import make_app
from claimhound.pipeline.server.service import Service
from claimhound.pipeline.server.work_queue import WorkQueue

PAGE = Path(__file__).resolve().parents[3] / "pipeline" / "server" / "page"
FILES = sorted(path.name for path in PAGE.iterdir())
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Names of vocabularies, which nobody fetches.
NAMES = ("https://schema.org", "http://www.w3.org/2000/svg")
HTML_ATTRIBUTES = ("style", "srcdoc", "formaction")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """A client of a server with a token and without an index: the page needs neither."""
    queue = WorkQueue()
    access = Access(frozenset(["testserver"]), token="a-token-of-twenty-ch")
    with TestClient(make_app(Service([], queue), access)) as client:
        yield client
    queue.close()


def read(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


class Elements(HTMLParser):
    """All start tags with their attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style") and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_served_with_its_type_and_is_asked_for_again(client: TestClient, name: str) -> None:
    response = client.get(f"/page/{name}")
    assert response.status_code == 200
    assert response.content == (PAGE / name).read_bytes()
    assert response.headers["content-type"].partition(";")[0] == TYPES[Path(name).suffix]
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-content-type-options"] == "nosniff"
    again = client.get(f"/page/{name}", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", response.headers["etag"])


def test_the_page_is_open_and_its_policy_allows_its_own_files_alone(client: TestClient) -> None:
    response = client.get("/")
    assert response.text == read("index.html")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "set-cookie" not in response.headers
    assert client.get("/v1/indexes").status_code == 401


@pytest.mark.parametrize("name", ["..%2Faccess.py", "%2e%2e/access.py", "other.js", "INDEX.HTML", "a/desk.js"])
def test_no_other_name_is_a_file_of_the_page(client: TestClient, name: str) -> None:
    response = client.get(f"/page/{name}", headers={"Authorization": "Bearer a-token-of-twenty-ch"})
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_the_page_has_no_script_style_or_handler_in_its_markup() -> None:
    page = Elements(read("index.html"))
    assert page.inline == []
    assert [tag for tag, attributes in page.tags if tag == "script" and not attributes.get("src")] == []
    assert [
        (tag, name)
        for tag, attributes in page.tags
        for name in attributes
        if name.startswith("on") or name in HTML_ATTRIBUTES
    ] == []


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_another_host(name: str) -> None:
    text = read(name)
    for known in NAMES:
        text = text.replace(f'"{known}"', "")
    assert re.findall(r"""(?:https?:)?//[\w.-]+\.\w+[^\s"']*|@import|url\([^)]*""", text) == []


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_no_module_makes_markup_of_text_or_stores_anything(name: str) -> None:
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|"
        r"createContextualFragment|localStorage|sessionStorage|indexedDB|document\.cookie|history\.state|\bcaches\."
    )
    assert re.findall(forbidden, read(name)) == []


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_every_element_that_a_module_looks_up_exists(name: str) -> None:
    modules = "".join(read(other) for other in FILES if other.endswith(".js"))
    there = {attributes["id"] for _, attributes in Elements(read("index.html")).tags if "id" in attributes}
    there |= set(re.findall(r'\bid: "([\w-]+)"', modules))
    assert sorted(set(re.findall(r'byId\("([\w-]+)"\)', read(name))) - there) == []


def test_every_file_that_a_file_loads_exists() -> None:
    loaded = set(re.findall(r'(?:src|href)="page/([^"]+)"', read("index.html")))
    for name in FILES:
        if name.endswith(".js"):
            loaded |= set(re.findall(r'from "\./([^"]+)"', read(name)))
    assert loaded <= set(FILES)
    assert set(FILES) - loaded == {"index.html"}


def test_every_label_and_description_names_an_element() -> None:
    tags = Elements(read("index.html")).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [
        word
        for _, attributes in tags
        for attribute in ("for", "aria-labelledby", "aria-describedby")
        for word in (attributes.get(attribute) or "").split()
    ]
    assert [word for word in named if word not in ids] == []
