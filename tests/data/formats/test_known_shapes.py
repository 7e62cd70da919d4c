"""Fact checks, news and answers of services, in their published shapes."""

import json
from pathlib import Path
from typing import Any

import pytest

from claimhound.data.errors import InputError, RecordError
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents
from claimhound.data.records import Document, Query

SCHEMA = "https://schema.org"
ICE = {
    "@context": SCHEMA,
    "@type": "ClaimReview",
    "claimReviewed": "Greenland gained ice in 2017.",
    "url": "https://check.example/ice",
    "datePublished": "2018-02-01",
    "author": {"@type": "Organization", "name": "Check"},
    "reviewRating": {"@type": "Rating", "ratingValue": 2, "bestRating": 5, "alternateName": "Misleading"},
    "itemReviewed": {"@type": "Claim", "author": {"@type": "Person", "name": "A. Senator"}},
}
SEA = {"@type": "ClaimReview", "claimReviewed": "The sea fell.", "url": "https://check.example/sea"}
KEPT = {
    "verdict": "Misleading",
    "url": "https://check.example/ice",
    "date": "2018-02-01",
    "publisher": "Check",
    "claimant": "A. Senator",
}
TOOLS_CLAIM = {
    "text": "Greenland gained ice in 2017.",
    "claimant": "A. Senator",
    "claimDate": "2018-01-20T00:00:00Z",
    "claimReview": [
        {
            "publisher": {"name": "Check", "site": "check.example"},
            "url": "https://check.example/ice",
            "title": "Did it?",
            "reviewDate": "2018-02-01",
            "textualRating": "Misleading",
        },
        {"publisher": {"name": "Other"}, "url": "https://other.example/1", "textualRating": "False"},
    ],
}
ARTICLE = {
    "@context": SCHEMA,
    "@type": ["NewsArticle"],
    "mainEntityOfPage": {"@id": "https://news.example/ice"},
    "headline": "Ice grows",
    "articleBody": "The ice sheet grew in 2017.",
    "datePublished": "Thu, 01 Feb 2018 08:00:00 GMT",
    "publisher": {"@type": "Organization", "name": "The Daily", "logo": {"url": "https://news.example/logo.png"}},
}
SERVICE_ARTICLE = {
    "source": {"id": "the-daily", "name": "The Daily"},
    "title": "Ice grows",
    "description": "A good year.",
    "content": "The ice sheet grew in 2017.",
    "publishedAt": "2018-02-01T08:00:00Z",
    "url": "https://news.example/ice",
}


def write(path: Path, content: Any) -> Path:
    lines = content if path.suffix == ".jsonl" else [content]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def claims(path: Path, content: Any, **options: Any) -> list[Query]:
    return list(read_claims(write(path, content), ReadOptions(**options)))


def documents(path: Path, content: Any, **options: Any) -> list[Document]:
    return list(read_documents([write(path, content)], ReadOptions(**options)))


def test_a_fact_check_keeps_its_verdict_link_date_publisher_and_speaker(tmp_path: Path) -> None:
    (claim,) = claims(tmp_path / "one.json", ICE)
    assert (claim.query_id, claim.text) == ("https://check.example/ice", "Greenland gained ice in 2017.")
    assert KEPT.items() <= claim.fields.items()
    assert claim.fields["reviewRating"] == ICE["reviewRating"]
    assert "claimReviewed" not in claim.fields


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.json", [ICE, SEA]),
        ("lines.jsonl", [ICE, SEA]),
        ("lists.jsonl", [{"@graph": [ICE]}, {"dataFeedElement": [{"item": SEA}]}]),
        ("graph.json", {"@context": SCHEMA, "@graph": [{"@type": "WebSite", "name": "Check"}, ICE, SEA]}),
        ("feed.json", {"@type": "DataFeed", "dataFeedElement": [{"item": [ICE, SEA]}, {"item": []}]}),
        ("feed2.json", {"@type": "DataFeed", "dataFeedElement": [{"item": ICE}, {"item": [SEA]}]}),
        ("feeds.json", [{"@type": "DataFeed", "dataFeedElement": [{"item": [ICE]}]}, SEA]),
        ("items.json", {"@type": "ItemList", "itemListElement": [{"position": 1, "item": ICE}, SEA]}),
        ("data.json", {"status": "ok", "total": 2, "data": [ICE, SEA]}),
        ("response.json", {"response": {"status": "ok", "results": [ICE, SEA]}}),
        ("only.json", {"fact_checks": [ICE, SEA]}),
        ("hits.json", {"took": 3, "hits": {"total": 2, "hits": [{"_source": ICE}, {"_source": SEA}]}}),
    ],
)
@pytest.mark.parametrize("options", [{}, {"text_field": "claimReviewed"}], ids=["found", "named"])
def test_fact_checks_are_found_in_every_wrapper(tmp_path: Path, name: str, content: Any, options: Any) -> None:
    ice, sea = claims(tmp_path / name, content, **options)
    assert (ice.query_id, ice.text) == ("https://check.example/ice", "Greenland gained ice in 2017.")
    assert KEPT.items() <= ice.fields.items()
    assert (sea.query_id, sea.text) == ("https://check.example/sea", "The sea fell.")


def test_an_answer_of_the_fact_check_tools_gives_a_claim_with_its_first_verdict_and_all_reviews(tmp_path: Path) -> None:
    page = {"claims": [TOOLS_CLAIM, {"text": "The sea fell.", "claimReview": []}], "nextPageToken": "x"}
    ice, sea = claims(tmp_path / "page.json", page)
    assert (ice.text, ice.query_id) == ("Greenland gained ice in 2017.", "https://check.example/ice")
    assert {**KEPT, "claimReview": TOOLS_CLAIM["claimReview"]}.items() <= ice.fields.items()
    assert ice.fields["claimDate"] == "2018-01-20T00:00:00Z"
    assert (sea.query_id, sea.text) == ("page:2", "The sea fell.")
    pages = claims(tmp_path / "pages.jsonl", [page, {"claims": [{"text": "A third."}]}, {"claims": []}])
    assert [(claim.query_id, claim.text) for claim in pages] == [
        ("https://check.example/ice", "Greenland gained ice in 2017."),
        ("pages:1.2", "The sea fell."),
        ("pages:2.1", "A third."),
    ]


def test_a_repeated_link_is_not_an_id(tmp_path: Path) -> None:
    found = claims(tmp_path / "a.json", [ICE, {**SEA, "url": ICE["url"]}])
    assert [claim.query_id for claim in found] == ["https://check.example/ice", "a:2"]
    assert found[1].fields["url"] == ICE["url"]


def test_a_fact_check_as_a_document_has_its_claim_as_text_and_its_verdict_in_fields(tmp_path: Path) -> None:
    notices = Notices()
    path = write(tmp_path / "feed.json", [{**ICE, "name": "No, it did not."}, {**SEA, "reviewBody": "It rose."}])
    ice, sea = read_documents([path], notices=notices)
    assert (ice.text, ice.title, ice.source, ice.url, ice.date) == (
        "Greenland gained ice in 2017.", "No, it did not.", "Check", "https://check.example/ice", "2018-02-01",
    )  # fmt: skip
    assert ice.fields["verdict"] == "Misleading"
    assert (sea.text, sea.fields["claimReviewed"]) == ("It rose.", "The sea fell.")
    assert notices.lines() == [
        f"{path}: read as fact checks (ClaimReview); if such a record has no text of its own, its text is the "
        "checked claim"
    ]


NEWS = Document(
    "https://news.example/ice",
    "The ice sheet grew in 2017.",
    title="Ice grows",
    source="The Daily",
    url="https://news.example/ice",
    date="2018-02-01",
)


def same_news(found: Document) -> bool:
    return all(
        getattr(found, name) == getattr(NEWS, name) for name in ("doc_id", "text", "title", "source", "url", "date")
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("one.json", ARTICLE),
        ("list.json", [ARTICLE, {"@type": "Organization", "name": "The Daily"}]),
        ("graph.json", {"@graph": [{"@type": "WebPage", "name": "Ice"}, ARTICLE]}),
        ("lines.jsonl", [ARTICLE]),
        ("service.json", {"status": "ok", "totalResults": 1, "articles": [SERVICE_ARTICLE]}),
        ("service.jsonl", [SERVICE_ARTICLE]),
        ("pages.jsonl", [{"status": "ok", "articles": [SERVICE_ARTICLE]}, {"status": "ok", "articles": []}]),
    ],
)
def test_news_has_its_title_source_link_and_date(tmp_path: Path, name: str, content: Any) -> None:
    (found,) = documents(tmp_path / name, content)
    assert same_news(found)


def test_news_keeps_its_other_fields(tmp_path: Path) -> None:
    (found,) = documents(tmp_path / "a.jsonl", [ARTICLE])
    assert found.fields["headline"] == "Ice grows"
    assert found.fields["publisher"] == ARTICLE["publisher"]
    assert found.fields["datePublished"] == "Thu, 01 Feb 2018 08:00:00 GMT"
    (found,) = documents(tmp_path / "b.jsonl", [SERVICE_ARTICLE])
    assert found.fields == {
        "description": "A good year.", "publishedAt": "2018-02-01T08:00:00Z", "source_id": "the-daily",
    }  # fmt: skip


def test_news_is_read_with_given_field_names(tmp_path: Path) -> None:
    (found,) = documents(tmp_path / "a.jsonl", [ARTICLE], text_field="headline", id_field="@context")
    assert (found.doc_id, found.text, found.source) == (SCHEMA, "Ice grows", "The Daily")
    (found,) = documents(tmp_path / "b.jsonl", [SERVICE_ARTICLE], text_field="content")
    assert same_news(found)


def test_news_without_a_text_is_left_out_and_counted(tmp_path: Path) -> None:
    removed = {**SERVICE_ARTICLE, "content": None, "description": "", "url": "https://news.example/gone"}
    path = write(tmp_path / "a.jsonl", [removed, SERVICE_ARTICLE])
    notices = Notices()
    (found,) = read_documents([path], notices=notices)
    assert same_news(found)
    left_out = "records without a text, left out: 1 (the first in line 1, https://news.example/gone)"
    assert f"{path}: {left_out}" in notices.lines()
    with pytest.raises(InputError, match="contains no record with a text"):
        documents(tmp_path / "b.jsonl", [removed])


def test_a_knowledge_store_gives_one_document_per_page_without_empty_pages(tmp_path: Path) -> None:
    page = {"claim_id": 7, "type": "question", "query": "ice", "url": "https://e.example/1"}
    pages = [
        {**page, "url2text": ["Greenland", "The ice grew.", "It shrank later.", ""]},
        {**page, "url2text": []},
        {**page, "url2text": ["The ice grew."]},
    ]
    for options in ({}, {"text_field": "url2text"}):
        notices = Notices()
        path = write(tmp_path / "7.jsonl", pages)
        first, second = read_documents([path], ReadOptions(**options), notices=notices)  # type: ignore[arg-type]
        assert (first.doc_id, first.text, first.url) == (
            "7:1", "Greenland\n\nThe ice grew. It shrank later.", "https://e.example/1",
        )  # fmt: skip
        assert first.fields == {"claim_id": 7, "type": "question", "query": "ice"}
        assert (second.doc_id, second.text) == ("7:3", "The ice grew.")
        assert (
            f"{path}: records without a text, left out: 1 (the first in line 2, https://e.example/1)" in notices.lines()
        )


def test_claims_with_questions_are_named_after_their_file_and_keep_their_date(tmp_path: Path) -> None:
    content = [{"claim": "Ice grew.", "claim_date": "25-8-2020", "label": "Refuted", "questions": [{"answers": []}]}]
    (claim,) = claims(tmp_path / "dev.json", content)
    assert (claim.query_id, claim.text) == ("dev:1", "Ice grew.")
    assert claim.fields == {"claim_date": "25-8-2020", "label": "Refuted", "questions": [{"answers": []}]}


@pytest.mark.parametrize(
    "content",
    [
        {"data": [{"text": "Ice grew."}]},
        {"count": 1, "results": [{"text": "Ice grew."}]},
        {"items": ["Ice grew."]},
        {"anything": [{"text": "Ice grew."}]},
        {"_meta": {"n": 1}, "data": {"items": [{"text": "Ice grew."}]}},
        {"claims": [{"text": "Not this."}], "documents": [{"text": "Ice grew."}]},
    ],
)
def test_an_object_around_one_list_is_read_as_that_list_with_a_notice(tmp_path: Path, content: Any) -> None:
    notices = Notices()
    path = write(tmp_path / "a.json", content)
    assert list(read_documents([path], notices=notices)) == [Document("a:1", "Ice grew.")]
    line = notices.lines()[0]
    assert line.startswith(f"{path}: read as the list under ")
    assert ("not read" in line) == ("claims" in content or ("_meta" in content and False))


def test_hits_of_a_search_engine_have_their_own_ids(tmp_path: Path) -> None:
    hit = {"_index": "news", "_id": "h1", "_source": {"id": 5, "text": "Ice grew.", "published": "2018"}}
    expected = [Document("h1", "Ice grew.", date="2018", fields={"_index": "news", "id": 5})]
    assert documents(tmp_path / "a.json", {"hits": {"hits": [hit]}}) == expected
    assert documents(tmp_path / "a.jsonl", [hit]) == expected


def test_several_equally_suitable_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="contains several lists: 'data', 'items'; put the one to read in a"):
        documents(tmp_path / "a.json", {"data": [{"text": "t"}], "items": [{"text": "u"}]})


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ({"@context": SCHEMA, "@vocab": "x"}, "@context, @vocab"),
        ({"status": "ok", "totalResults": 3}, "status, totalResults"),
        ({"headline": "Ice", "words": "The ice grew.", "author": "A. B."}, "headline, words, author"),
        ({"speech": "The ice grew.", "n": 4}, "speech, n"),
        ({"a": "x", "b": None}, "a, b"),
        ({f"field{n}": n for n in range(10)}, ", ".join(f"field{n}" for n in range(8)) + ", …"),
    ],
)
@pytest.mark.parametrize("read", [claims, documents])
def test_another_object_is_refused_with_its_fields(tmp_path: Path, content: Any, fields: str, read: Any) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(InputError) as caught:
        read(path, content)
    assert str(caught.value) == f"{path}: is one object with the fields {fields}; name the text field with --text-field"


def test_an_object_with_the_given_text_field_is_one_record(tmp_path: Path) -> None:
    found = documents(
        tmp_path / "a.json", {"speech": "The ice grew.", "n": 4, "items": [{"x": 1}]}, text_field="speech"
    )
    assert found == [Document("a:1", "The ice grew.", fields={"n": 4, "items": [{"x": 1}]})]


def test_a_few_other_values_in_a_large_mapping_are_bad_records(tmp_path: Path) -> None:
    content: dict[str, Any] = {f"e{n}": "Ice grew." for n in range(40)} | {"e40": 3}
    path = write(tmp_path / "a.json", content)
    skipped: list[RecordError] = []
    assert len(list(read_documents([path], on_error="skip", skipped=skipped))) == 40
    assert [str(error) for error in skipped] == [
        f"{path}:41: 'e40' is neither a text nor an object but a number",
    ]


def test_an_item_without_a_text_is_a_bad_record(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="missing field"):
        documents(tmp_path / "a.json", {"@context": SCHEMA, "@type": "Recipe", "name": "Soup"})
    with pytest.raises(InputError, match="contains no record with a text"):
        documents(tmp_path / "b.json", {"@context": SCHEMA, "@type": "Organization", "name": "The Daily"})


def test_a_list_in_a_record_with_a_text_stays_a_field(tmp_path: Path) -> None:
    record = {"id": "a", "text": "t", "items": [{"text": "u"}], "data": {"results": []}}
    assert documents(tmp_path / "a.jsonl", [record]) == [
        Document("a", "t", fields={"items": [{"text": "u"}], "data": {"results": []}})
    ]


def test_ids_and_dates_of_a_database_export_are_read(tmp_path: Path) -> None:
    record = {"_id": {"$oid": "5f3c"}, "text": "Ice grew.", "date": {"$date": "2018-02-01T08:00:00Z"}}
    assert documents(tmp_path / "a.jsonl", [record]) == [Document("5f3c", "Ice grew.", date="2018-02-01")]
