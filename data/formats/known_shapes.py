"""Records of known shapes: fact checks and articles of schema.org, answers of well-known services.

A record of one of these shapes gets the usual field names, in addition to its own fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from claimhound.data.errors import RecordError
from claimhound.data.formats.fields import FieldNames, MadeId
from claimhound.data.formats.json_ld import Fields, link_of, types_of, without
from claimhound.data.formats.plain_values import without_odd
from claimhound.data.formats.raw_record import RawRecord, Recast, json_kind
from claimhound.data.formats.recasts import recast_claim, recast_document
from claimhound.data.formats.sources import Source
from claimhound.data.formats.wrapped_objects import MARKS, OF_ONE_RECORD, is_one_record, unwrapped
from claimhound.data.notices import Notices
from claimhound.data.read_options import Part
from claimhound.data.rejects import Reject

_ASIDE = frozenset(
    (
        *("Organization", "NewsMediaOrganization", "Corporation", "Person", "WebSite", "WebPage", "BreadcrumbList"),
        *("ImageObject", "VideoObject", "SiteNavigationElement", "WPHeader", "WPFooter", "SearchAction", "ListItem"),
        *("CollectionPage", "ItemPage", "AboutPage", "ProfilePage", "Place", "PostalAddress", "SpeakableSpecification"),
    )
)
"""Types of schema.org that accompany an article or a fact check on a page."""


class KnownShapes:
    """Passes on the records of sources; those of a known shape get the usual field names.

    The shapes, and the records that are read from them:

    - an object around a list, see `unwrapped`: its records, one by one;
    - `ClaimReview`: the claim is `claimReviewed`; `verdict`, `url`, `date`, `publisher` and `claimant` are fields;
    - a claim of the Fact Check Tools (`text`, `claimReview`): the same fields, from its first review;
    - a news article of schema.org: the text is `articleBody`, the title `headline`, the source its publisher;
    - an article of NewsAPI (`publishedAt`): the text is `content`, or else `description`;
    - a page of AVeriTeC's knowledge store: the text is `url2text`; a page without a text is left out;
    - a hit of Elasticsearch: its `_source`.

    A record without an id gets its link as its id, unless an earlier record has the same link; otherwise the id is made
    from file and line. As documents, fact checks without a `reviewBody` have the claim as their text.
    """

    def __init__(self, names: FieldNames, part: Part, notices: Notices) -> None:
        self._names = names
        self._part = part
        self._notices = notices
        self._links: set[str] = set()
        self.n_left_out = 0
        self.n_left_out_in_all = 0
        # a single name was given by the user
        self._text_field = names.text[0] if len(names.text) == 1 else None

    def records(self, source: Source, raws: Iterable[RawRecord], reject: Reject) -> Iterator[RawRecord]:
        """Yield the source's records; rejects those with an odd id or text, and counts other odd values."""
        self.n_left_out = 0
        asked_for = (self._names.text, self._names.id)
        for raw in raws:
            value = raw.value
            if (type(value) is dict and MARKS.isdisjoint(value)) or type(value) is str:
                yield raw
                continue
            found = without_odd(source, raw, asked_for, reject, self._notices)
            if found is not None:
                yield from self._shaped(source, found, reject)

    def _shaped(self, source: Source, raw: RawRecord, reject: Reject) -> Iterator[RawRecord]:
        value = raw.value
        if isinstance(value, str) or MARKS.isdisjoint(value):
            yield raw
            return
        hit = value.get("_source")
        if isinstance(hit, dict):
            value = without(value, "_source") | hit | ({"_id": value["_id"]} if "_id" in value else {})
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
        recast = recast_claim(fields) if self._part == "queries" else recast_document(fields)
        if recast is None:
            if self._is_aside(fields):
                self._leave_out(source, line, "items that are not records, left out", ", ".join(types_of(fields)))
            elif self._is_headline_alone(fields):
                self._leave_out(source, line, "records without a text, left out", link_of(fields) or "")
            else:
                yield RawRecord(line, key, fields)
            return
        shape, new, text = recast
        self._notices.say(source.name, f"read as {shape}")
        if text is None and self._text_field in (None, "url2text"):
            self._leave_out(source, line, "records without a text, left out", link_of(fields) or "")
            return
        if self._text_field is None:
            self._name_text(new, text or "")
        elif self._text_field in fields:
            new[self._text_field] = text if self._text_field == "url2text" else fields[self._text_field]
        if key is None and "url2text" not in fields:  # many such pages have the same link
            key = self._id(new)
        yield RawRecord(line, key, Recast(new))

    def _name_text(self, fields: Fields, text: str) -> None:
        name = self._names.text[0]
        if fields.get(name, text) != text:
            fields[f"original_{name}"] = fields[name]
        fields[name] = text

    def _id(self, fields: Fields) -> str | None:
        """Return the link as the record's id, if it has no id and this is the first record with the link."""
        link = link_of(fields)
        if link is None or link in self._links or any(name in fields for name in self._names.id):
            return None
        self._links.add(link)
        return link

    def _is_aside(self, fields: Fields) -> bool:
        types = types_of(fields)
        return (
            bool(types)
            and _ASIDE.issuperset(types)
            and not is_one_record(
                {name: value for name, value in fields.items() if name not in OF_ONE_RECORD}, self._names.text
            )
        )

    def _is_headline_alone(self, fields: Fields) -> bool:
        """Tell whether it is an article of schema.org without a body, as found next to others in a graph."""
        known = {name.casefold() for name in self._names.text}
        is_article = any(name.endswith(("Article", "BlogPosting")) for name in types_of(fields))
        return is_article and not any(name.casefold() in known for name in fields)

    def _leave_out(self, source: Source, line: int, what: str, example: str) -> None:
        self.n_left_out += 1
        self.n_left_out_in_all += 1
        self._notices.count(source.name, what, line, example)
