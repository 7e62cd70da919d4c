"""FEVER's Wikipedia dump: pages become the sentences that claims name as evidence.

A page is `{"id": "Oliver_Reed", "text": …, "lines": "0\\tsentence\\tlink\\t…\\n1\\t…"}`. Each line is a sentence, and
claims name the number before it. Source: Thorne et al., FEVER, NAACL 2018.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from claimhound.data.formats.raw_record import RawRecord
from claimhound.data.formats.sources import Source
from claimhound.data.notices import Notices
from claimhound.data.records import Document, Json
from claimhound.data.text.penn_text import detokenized, with_brackets
from claimhound.data.text.sentences import sentence_id

_LINES = "lines"
_LINE_NUMBER = re.compile(r"[0-9]+\t")


def page_id(name: str) -> str:
    """Return a page's name in NFC, so that claims and the dump agree on accents."""
    return unicodedata.normalize("NFC", name)


def wiki_pages(source: Source, raws: Iterator[RawRecord], notices: Notices) -> Iterator[RawRecord]:
    """Yield the records, without the dump's pages that have no sentence, which are counted.

    Page ids are converted to NFC. The blank first record of the dump is a page without a sentence.
    """
    for raw in raws:
        fields = raw.value
        if isinstance(fields, str) or not _is_page(fields):
            yield raw
            continue
        sentences = _sentences(str(fields[_LINES]))
        if not sentences:
            what = "pages without a sentence, left out"
            notices.count(source.name, what, raw.line, repr(fields["id"]) if fields["id"] else "")
            continue
        fields["id"] = page_id(str(fields["id"]))
        if not str(fields["text"]).strip():
            fields["text"] = " ".join(sentence.text for sentence in sentences)
        yield raw


def in_lines(documents: Iterator[Document]) -> Iterator[Document]:
    """Yield the documents, replacing each page of the dump by its sentences, with the dump's own numbers.

    A sentence's id is `PAGE#NUMBER`, its `parent_id` is the page's id, and its `span` is its range in the page's text,
    None if it is not found there. Its text and its title, the page's name, are detokenized: no spaces around
    punctuation, and brackets in place of `-LRB-`. Lines without a sentence are skipped.
    """
    for document in documents:
        lines = document.fields.get(_LINES)
        if not isinstance(lines, str) or not _LINE_NUMBER.match(lines):
            yield document
            continue
        del document.fields[_LINES]
        start = 0
        for number, text in _sentences(lines):
            place = document.text.find(text, start)
            if place >= 0:
                start = place + len(text)
            yield Document(
                doc_id=sentence_id(document.doc_id, number),
                text=detokenized(text),
                title=document.title or _page_title(document.doc_id),
                source=document.source,
                url=document.url,
                date=document.date,
                fields=document.fields,
                parent_id=document.doc_id,
                span=(place, place + len(text)) if place >= 0 else None,
            )


def _page_title(name: str) -> str:
    """Return a readable page name: `Savages (2012 film)` for `Savages_-LRB-2012_film-RRB-`."""
    return with_brackets(name).replace("_", " ").strip()


class _Sentence(NamedTuple):
    number: int
    text: str


def _is_page(fields: dict[str, Json]) -> bool:
    if not all(isinstance(fields.get(name), str) for name in ("id", "text", _LINES)):
        return False
    lines = str(fields[_LINES])
    return _LINE_NUMBER.match(lines) is not None or not (lines.strip() or str(fields["text"]).strip())


def _sentences(lines: str) -> list[_Sentence]:
    """Return the sentences of a page: the part of each line between its number and its links.

    A line without a number continues the previous one: some sentences of the dump contain a line end.
    """
    found: list[_Sentence] = []
    for line in lines.split("\n"):
        number, tab, rest = line.partition("\t")
        if tab and number.isdecimal() and int(number) > (found[-1].number if found else -1):
            found.append(_Sentence(int(number), rest.partition("\t")[0].strip()))
        elif found and line.strip():
            before = found[-1]
            found[-1] = before._replace(text=f"{before.text} {number.strip()}".strip())
    return [sentence for sentence in found if sentence.text]
