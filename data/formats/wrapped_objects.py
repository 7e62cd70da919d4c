"""JSON objects around a list of records, such as the answers of web services."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from claimhound.data.errors import RecordError
from claimhound.data.formats.json_ld import Fields, as_list, types_of
from claimhound.data.formats.sources import Source
from claimhound.data.notices import Notices
from claimhound.data.read_options import Part

_LISTS_OF: Mapping[Part, frozenset[str]] = {
    "docs": frozenset(("documents", "docs", "articles", "passages", "corpus", "news", "stories", "posts")),
    "queries": frozenset(("claims", "queries", "statements")),
    "qrels": frozenset(),
}
_LISTS = frozenset(("data", "results", "result", "items", "records", "entries", "rows", "hits", "value", "list")).union(
    *_LISTS_OF.values()
)
_WRAPPERS = ("hits", "response", "data", "result", "results", "payload", "_embedded", "body")
LINKED_LISTS = ("dataFeedElement", "itemListElement", "@graph")
OF_ONE_RECORD = frozenset(
    ("@type", "claimReviewed", "claimReview", "articleBody", "url2text", "publishedAt", "_source")
)
MARKS = _LISTS.union(_WRAPPERS, LINKED_LISTS, OF_ONE_RECORD)
"""Every record of a known shape has one of these fields; other records are passed on unchanged."""


def is_one_record(content: Fields, text_names: Collection[str]) -> bool:
    """Tell whether an object is a single record, by its field names."""
    known = {name.casefold() for name in text_names}
    return any(name.casefold() in known for name in content) or not OF_ONE_RECORD.isdisjoint(content)


def unwrapped(
    source: Source, content: Fields, text_names: Collection[str], part: Part, notices: Notices
) -> list[Any] | None:
    """Return the list of records that an object contains, None for any other object.

    The list is `dataFeedElement`, `itemListElement` or `@graph` of schema.org; a list with a name that services use
    (`articles`, `claims`, `data`, `results`, `items`, `documents`, `hits`, …) or under the object's only key; or such a
    list inside `hits`, `response`, `data` and the like. An object with one of `text_names` is a record, not a wrapper.

    Raises RecordError for several equally suitable lists.
    """
    known = {name.casefold() for name in text_names}
    if any(name.casefold() in known for name in content):
        return None
    for name in LINKED_LISTS:
        if name in content and "BreadcrumbList" not in types_of(content):
            notices.say(source.name, f"read as the list under {name!r}")
            return _linked(name, content[name])
    found = _list_within(source, content, part)
    if found is None:
        return None
    path, listed, unread = found
    others = f"; not read: {', '.join(map(repr, unread))}" if unread else ""
    notices.say(source.name, f"read as the list under {path!r}{others}")
    return listed


def _linked(name: str, value: Any) -> list[Any]:
    """Return the items of a feed, a list or a graph, each with the other fields of its element."""
    if name == "@graph":
        return as_list(value)
    items: list[Any] = []
    for element in as_list(value):
        if not isinstance(element, dict) or "item" not in element:
            items.append(element)
            continue
        outer = {key: inner for key, inner in element.items() if key not in ("item", "@type")}
        items += [{**outer, **item} if isinstance(item, dict) else item for item in as_list(element["item"])]
    return items


def _list_within(source: Source, content: Fields, part: Part) -> tuple[str, list[Any], list[str]] | None:
    """Return the list's name, the list, and the names of the other lists and objects in the object."""
    lists = {name: value for name, value in content.items() if _is_list_of_records(value)}
    named = {name: value for name, value in lists.items() if name in _LISTS} or (lists if len(content) == 1 else {})
    if len(named) > 1:
        named = {name: value for name, value in named.items() if name in _LISTS_OF[part]} or named
    if len(named) > 1:
        named = {name: value for name, value in named.items() if value} or named
    if len(named) > 1:
        names = ", ".join(map(repr, named))
        raise RecordError(source.name, 1, f"contains several lists: {names}; put the one to read in a separate file")
    for name, value in named.items():
        unread = [
            other for other, inner in content.items() if other != name and inner and isinstance(inner, list | dict)
        ]
        return name, value, unread
    for name in _WRAPPERS:
        if isinstance(inner := content.get(name), dict) and (found := _list_within(source, inner, part)) is not None:
            return f"{name}.{found[0]}", found[1], found[2]
    return None


def _is_list_of_records(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict | str) for item in value[:100])
