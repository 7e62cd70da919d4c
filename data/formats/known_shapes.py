"""Published shapes of claims and news: fact checks and articles of schema.org, answers of well-known services.

A record of one of these shapes gets the field names that all others have; its own fields stay beside them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from claimhound.data.errors import RecordError
from claimhound.data.formats.fields import FieldNames, MadeId
from claimhound.data.formats.plain_values import without_odd
from claimhound.data.formats.raw_record import RawRecord, Recast, json_kind
from claimhound.data.formats.sources import Source
from claimhound.data.notices import Notices
from claimhound.data.records import Json
from claimhound.data.rejects import Reject

Part: TypeAlias = Literal["docs", "queries", "qrels"]
Fields: TypeAlias = dict[str, Any]

_LISTS_OF: Mapping[Part, frozenset[str]] = {
    "docs": frozenset(("documents", "docs", "articles", "passages", "corpus", "news", "stories", "posts")),
    "queries": frozenset(("claims", "queries", "statements")),
    "qrels": frozenset(),
}
_LISTS = frozenset(("data", "results", "result", "items", "records", "entries", "rows", "hits", "value", "list")).union(
    *_LISTS_OF.values()
)
_WRAPPERS = ("hits", "response", "data", "result", "results", "payload", "_embedded", "body")
_LINKED_LISTS = ("dataFeedElement", "itemListElement", "@graph")
_OF_ONE_RECORD = frozenset(
    ("@type", "claimReviewed", "claimReview", "articleBody", "url2text", "publishedAt", "_source")
)
_MARKS = _LISTS.union(_WRAPPERS, _LINKED_LISTS, _OF_ONE_RECORD)
"""Field names of which a record of a known shape has one; all others are passed on as they are."""

_ASIDE = frozenset(
    (
        *("Organization", "NewsMediaOrganization", "Corporation", "Person", "WebSite", "WebPage", "BreadcrumbList"),
        *("ImageObject", "VideoObject", "SiteNavigationElement", "WPHeader", "WPFooter", "SearchAction", "ListItem"),
        *("CollectionPage", "ItemPage", "AboutPage", "ProfilePage", "Place", "PostalAddress", "SpeakableSpecification"),
    )
)
"""Types of schema.org that stand beside an article or a fact check in a page."""


def is_one_record(content: Fields, text_names: Collection[str]) -> bool:
    """Return whether an object is one record, by the names of its fields."""
    known = {name.casefold() for name in text_names}
    return any(name.casefold() in known for name in content) or not _OF_ONE_RECORD.isdisjoint(content)


def unwrapped(
    source: Source, content: Fields, text_names: Collection[str], part: Part, notices: Notices
) -> list[Any] | None:
    """Return the list of records that an object is wrapped around, None where it is no such object.

    These are: `dataFeedElement`, `itemListElement` and `@graph` of schema.org; a list under one of the names that
    services give it (`articles`, `claims`, `data`, `results`, `items`, `documents`, `hits`, …) or under the object's
    only key; and that within `hits`, `response`, `data` and the like. An object with one of `text_names` is none.

    Raises RecordError for one that has several such lists of which none is more to the purpose.
    """
    known = {name.casefold() for name in text_names}
    if any(name.casefold() in known for name in content):
        return None
    for name in _LINKED_LISTS:
        if name in content and "BreadcrumbList" not in _types(content):
            notices.say(source.name, f"read as the list under {name!r}")
            return _linked(name, content[name])
    found = _list_within(source, content, part)
    if found is None:
        return None
    path, listed, beside = found
    others = f"; not read: {', '.join(map(repr, beside))}" if beside else ""
    notices.say(source.name, f"read as the list under {path!r}{others}")
    return listed


def _linked(name: str, value: Any) -> list[Any]:
    """Return what the elements of a feed, a list or a graph hold, each with what its element says of it."""
    if name == "@graph":
        return _as_list(value)
    items: list[Any] = []
    for element in _as_list(value):
        if not isinstance(element, dict) or "item" not in element:
            items.append(element)
            continue
        said = {key: inner for key, inner in element.items() if key not in ("item", "@type")}
        items += [{**said, **item} if isinstance(item, dict) else item for item in _as_list(element["item"])]
    return items


def _list_within(source: Source, content: Fields, part: Part) -> tuple[str, list[Any], list[str]] | None:
    """Return the list's name, the list, and the names of other lists and objects beside it."""
    lists = {name: value for name, value in content.items() if _is_list_of_records(value)}
    named = {name: value for name, value in lists.items() if name in _LISTS} or (lists if len(content) == 1 else {})
    if len(named) > 1:
        named = {name: value for name, value in named.items() if name in _LISTS_OF[part]} or named
    if len(named) > 1:
        named = {name: value for name, value in named.items() if value} or named
    if len(named) > 1:
        names = ", ".join(map(repr, named))
        raise RecordError(source.name, 1, f"holds several lists: {names}; put the one to read into a file of its own")
    for name, value in named.items():
        beside = [
            other for other, inner in content.items() if other != name and inner and isinstance(inner, list | dict)
        ]
        return name, value, beside
    for name in _WRAPPERS:
        if isinstance(inner := content.get(name), dict) and (found := _list_within(source, inner, part)) is not None:
            return f"{name}.{found[0]}", found[1], found[2]
    return None


def _is_list_of_records(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict | str) for item in value[:100])


class KnownShapes:
    """Passes on the records of sources, those of a known shape with the field names of all others.

    What becomes of each:

    - an object around a list, see `unwrapped`: its records, one by one;
    - `ClaimReview`: the claim is `claimReviewed`; `verdict`, `url`, `date`, `publisher` and `claimant` are fields;
    - a claim of the Fact Check Tools (`text`, `claimReview`): the same fields, out of its first review;
    - a news article of schema.org: the text is `articleBody`, the title its `headline`, the source its publisher;
    - an article of NewsAPI (`publishedAt`): the text is `content`, or else `description`;
    - a page of AVeriTeC's knowledge store: the text is what `url2text` holds; one that holds nothing is left out;
    - a hit of Elasticsearch: its `_source`.

    A record that has no id has its link for one where no other has the same; without a link, or as the second with it,
    it is named after file and line. As documents, fact checks have the claim as text, where they have no `reviewBody`.
    """

    def __init__(self, names: FieldNames, part: Part, notices: Notices) -> None:
        self._names = names
        self._part = part
        self._notices = notices
        self._links: set[str] = set()
        self.n_left_out = 0
        self.n_left_out_in_all = 0
        # One name alone is one that a user gave.
        self._text_field = names.text[0] if len(names.text) == 1 else None

    def records(self, source: Source, raws: Iterable[RawRecord], reject: Reject) -> Iterator[RawRecord]:
        """Give the source's records; rejects those whose id or text is odd, and counts what else is."""
        self.n_left_out = 0
        asked_for = (self._names.text, self._names.id)
        for raw in raws:
            value = raw.value
            if (type(value) is dict and _MARKS.isdisjoint(value)) or type(value) is str:
                yield raw
                continue
            found = without_odd(source, raw, asked_for, reject, self._notices)
            if found is not None:
                yield from self._shaped(source, found, reject)

    def _shaped(self, source: Source, raw: RawRecord, reject: Reject) -> Iterator[RawRecord]:
        value = raw.value
        if isinstance(value, str) or _MARKS.isdisjoint(value):
            yield raw
            return
        hit = value.get("_source")
        if isinstance(hit, dict):
            value = _without(value, "_source") | hit | ({"_id": value["_id"]} if "_id" in value else {})
        try:
            listed = unwrapped(source, value, self._names.text, self._part, self._notices)
        except RecordError as error:
            reject(RecordError(source.name, raw.line, error.reason))
            return
        if listed is None:
            yield from self._recast(source, raw.line, raw.key, value)
            return
        for number, item in enumerate(listed, 1):
            made_id = MadeId(f"{source.stem}:{raw.line}.{number}")
            if isinstance(item, str):
                yield RawRecord(raw.line, made_id, item)
            elif isinstance(item, dict):
                for inner in self._shaped(source, RawRecord(raw.line, None, item), reject):
                    has_id = inner.key is not None or any(name in inner.value for name in self._names.id)
                    yield inner if has_id else inner._replace(key=made_id)
            else:
                reject(RecordError(source.name, raw.line, f"not a JSON object but {json_kind(item)}"))

    def _recast(self, source: Source, line: int, key: str | None, fields: Fields) -> Iterator[RawRecord]:
        recast = _recast_claim(fields) if self._part == "queries" else _recast_document(fields)
        if recast is None:
            if self._is_aside(fields):
                self._leave_out(source, line, "things beside the records, left out", ", ".join(_types(fields)))
            elif self._is_headline_alone(fields):
                self._leave_out(source, line, "records without a text, left out", _link(fields) or "")
            else:
                yield RawRecord(line, key, fields)
            return
        shape, new, text = recast
        self._notices.say(source.name, f"read as {shape}")
        if text is None and self._text_field in (None, "url2text"):
            self._leave_out(source, line, "records without a text, left out", _link(fields) or "")
            return
        if self._text_field is None:
            self._name_text(new, text or "")
        elif self._text_field in fields:
            new[self._text_field] = text if self._text_field == "url2text" else fields[self._text_field]
        if key is None and "url2text" not in fields:  # of one link there are many such pages
            key = self._id(new)
        yield RawRecord(line, key, Recast(new))

    def _name_text(self, fields: Fields, text: str) -> None:
        name = self._names.text[0]
        if fields.get(name, text) != text:
            fields[f"original_{name}"] = fields[name]
        fields[name] = text

    def _id(self, fields: Fields) -> str | None:
        """Return the link as the record's id, if it has no other and this is the first record with it."""
        link = _link(fields)
        if link is None or link in self._links or any(name in fields for name in self._names.id):
            return None
        self._links.add(link)
        return link

    def _is_aside(self, fields: Fields) -> bool:
        types = _types(fields)
        return (
            bool(types)
            and _ASIDE.issuperset(types)
            and not is_one_record(
                {name: value for name, value in fields.items() if name not in _OF_ONE_RECORD}, self._names.text
            )
        )

    def _is_headline_alone(self, fields: Fields) -> bool:
        """Tell whether it is an article of schema.org without its body, as they stand beside others in a graph."""
        known = {name.casefold() for name in self._names.text}
        is_article = any(name.endswith(("Article", "BlogPosting")) for name in _types(fields))
        return is_article and not any(name.casefold() in known for name in fields)

    def _leave_out(self, source: Source, line: int, what: str, example: str) -> None:
        self.n_left_out += 1
        self.n_left_out_in_all += 1
        self._notices.count(source.name, what, line, example)


_Recast: TypeAlias = "tuple[str, Fields, str | None] | None"


def _recast_claim(fields: Fields) -> _Recast:
    """Return what shape a claim is of, its fields and its text; None where it is of no known shape."""
    if (claim := _reviewed(fields)) is not None:
        rest = {name: value for name, value in fields.items() if name != "claimReviewed" or claim != value}
        return "fact checks (ClaimReview)", {**rest, **_filled(_of_review(fields), rest)}, claim
    if "claimReview" in fields:
        return (
            "fact checks (Fact Check Tools)",
            {**fields, **_filled(_of_tools_claim(fields), fields)},
            _text(fields.get("text")),
        )
    return None


def _recast_document(fields: Fields) -> _Recast:
    if "url2text" in fields:
        return "pages of a knowledge store (url2text)", _without(fields, "url2text"), _joined(fields["url2text"])
    claim = _recast_claim(fields)
    if claim is not None:
        shape, new, text = claim
        body = _text(fields.get("reviewBody")) or _text(fields.get("articleBody"))
        title = _text(fields.get("title")) or _text(fields.get("headline")) or _text(fields.get("name"))
        known = {"title": title, "source": new.get("publisher")}
        what = f"{shape}; where such a record holds no text of its own, its text is the claim that was checked"
        kept = {"claimReviewed": text} if body and "claimReview" not in fields else {}
        return what, {**new, **kept, **_filled(known, new)}, body or text
    if "articleBody" in fields or any(name.endswith(("Article", "BlogPosting")) for name in _types(fields)):
        return _news_article(fields)
    if "publishedAt" in fields and ("content" in fields or "description" in fields):
        return _service_article(fields)
    return None


def _news_article(fields: Fields) -> _Recast:
    name = next((name for name in ("articleBody", "text", "description") if _joined(fields.get(name))), None)
    if name is None:
        return None
    known = {
        "title": _text(fields.get("headline")) or _text(fields.get("name")),
        "source": _name(fields.get("publisher")) or _name(fields.get("author")),
        "url": _link(fields),
    }
    return "news articles (schema.org)", {**_without(fields, name), **_filled(known, fields)}, _joined(fields[name])


def _service_article(fields: Fields) -> _Recast:
    name = next((name for name in ("content", "description") if _text(fields.get(name))), None)
    origin = fields.get("source")
    new = dict(fields) if name is None else _without(fields, name)
    if isinstance(origin, dict):
        new["source"] = _name(origin)
        if origin.get("id") is not None:
            new["source_id"] = origin["id"]
    return "articles of a news service", new, None if name is None else _text(fields[name])


def _reviewed(fields: Fields) -> str | None:
    if (claim := _text(fields.get("claimReviewed"))) is not None:
        return claim
    item = fields.get("itemReviewed")
    if "ClaimReview" in _types(fields) and isinstance(item, dict) and "Claim" in _types(item):
        return _text(item.get("text")) or _text(item.get("name"))
    return None


def _of_review(fields: Fields) -> Fields:
    items = _as_list(fields.get("itemReviewed"))
    speakers = [_name(item.get("author")) for item in items if isinstance(item, dict)]
    return {
        "verdict": _verdict(fields.get("reviewRating")),
        "url": _link(fields),
        "date": _text(fields.get("datePublished")),
        "publisher": _name(fields.get("publisher")) or _name(fields.get("author")),
        "claimant": next((name for name in speakers if name), None),
    }


def _of_tools_claim(fields: Fields) -> Fields:
    reviews = [review for review in _as_list(fields["claimReview"]) if isinstance(review, dict)]
    reviews.sort(key=lambda review: _text(review.get("textualRating")) is None)
    review = reviews[0] if reviews else {}
    publisher = review.get("publisher")
    site = _text(publisher.get("site")) if isinstance(publisher, dict) else None
    return {
        "verdict": _text(review.get("textualRating")),
        "url": _text(review.get("url")),
        "date": _text(review.get("reviewDate")),
        "publisher": _name(publisher) or site,
        "title": _text(review.get("title")),
    }


def _verdict(ratings: Any) -> str | None:
    for rating in _as_list(ratings):
        if isinstance(rating, dict):
            found = _text(rating.get("alternateName")) or _text(rating.get("name"))
        else:
            found = _text(rating)
        if found is not None:
            return found
    return None


def _filled(known: Fields, fields: Fields) -> Fields:
    """Return what is known and not there yet as a text; an object that it stands for stays under another name."""
    new: Fields = {}
    for name, value in known.items():
        there = fields.get(name)
        if value is None or (isinstance(there, str) and there.strip()):
            continue
        new[name] = value
        if isinstance(there, dict | list) and not _says_no_more(there, value):
            new[f"{name}_record"] = there
    return new


def _says_no_more(there: Json, value: str) -> bool:
    return isinstance(there, dict) and there.keys() <= {"@type", "name", "@id"} and there.get("name", value) == value


def _link(fields: Fields) -> str | None:
    for name in ("url", "@id", "mainEntityOfPage", "link"):
        for value in _as_list(fields.get(name)):
            link = _text(value.get("@id") or value.get("url")) if isinstance(value, dict) else _text(value)
            if link is not None and not link.startswith(("_:", "#")):
                return link
    return None


def _name(value: Any) -> str | None:
    """Return the name of a person or an organisation, or of several."""
    names = [
        _text(item.get("name") or item.get("legalName")) if isinstance(item, dict) else _text(item)
        for item in _as_list(value)
    ]
    return ", ".join(dict.fromkeys(name for name in names if name)) or None


def _text(value: Any) -> str | None:
    """Return a text that is not blank, also as JSON-LD has it with its language; the first of several."""
    if isinstance(value, list):
        return next((text for item in value if (text := _text(item)) is not None), None)
    if isinstance(value, dict):
        value = value.get("@value")
    return value.strip() or None if isinstance(value, str) else None


_ENDED = re.compile(r"[.!?…。！？:;][\"'”’»)\]]*$")


def _joined(value: Any) -> str | None:
    """Return texts as one. One that ends without a stop, such as a heading, is parted from the next by a blank line."""
    if not isinstance(value, list):
        return _text(value)
    texts = [text for item in value if (text := _text(item)) is not None]
    return (
        "".join(
            text if last is None else f" {text}" if _ENDED.search(last) else f"\n\n{text}"
            for last, text in zip([None, *texts], texts, strict=False)
        )
        or None
    )


def _types(fields: Fields) -> list[str]:
    """Return the types of a thing of schema.org, without what says whose types they are."""
    found = (name for name in _as_list(fields.get("@type")) if isinstance(name, str))
    return [re.split("[/:#]", name)[-1] for name in found]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _without(fields: Fields, name: str) -> Fields:
    return {key: value for key, value in fields.items() if key != name}
