"""FEVER: pages of its Wikipedia dump become the sentences that its claims name.

A page is `{"id": "Oliver_Reed", "text": …, "lines": "0\\tsentence\\tlink\\t…\\n1\\t…"}`. The dump's lines are its
sentences, and the numbers before them are what claims name as evidence. Source: Thorne et al., FEVER, NAACL 2018.
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
from claimhound.data.text.penn_text import as_written, with_brackets
from claimhound.data.text.sentences import sentence_id

_LINES = "lines"
_LINE_NUMBER = re.compile(r"[0-9]+\t")


def page_id(name: str) -> str:
    """Return a page's name in the one form (NFC) in which claims and the dump agree on accents."""
    return unicodedata.normalize("NFC", name)


def wiki_pages(source: Source, raws: Iterator[RawRecord], notices: Notices) -> Iterator[RawRecord]:
    """Give records as they come, but pages of the dump without a sentence, which are left out and counted.

    Pages have their ids in NFC. The dump's first record, which is blank, is such a page.
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
    """Give documents as they come, but in place of a page of the dump its sentences, with the dump's own numbers.

    A sentence's id is `PAGE#NUMBER`, its `parent_id` the page's id, and its `span` the place in the page's text as the
    dump has it, None where it does not stand there. Its text is as people write it, without the blanks around marks and
    with brackets in place of `-LRB-`; so is its title, the page's name. Lines without a sentence are passed over.
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
                text=as_written(text),
                title=document.title or page_title(document.doc_id),
                source=document.source,
                url=document.url,
                date=document.date,
                fields=document.fields,
                parent_id=document.doc_id,
                span=(place, place + len(text)) if place >= 0 else None,
            )


def page_title(name: str) -> str:
    """Return a page's name as people read it: `Savages (2012 film)` for `Savages_-LRB-2012_film-RRB-`."""
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
    """Return the sentences of a page: of each line what stands between its number and its links.

    A line without a number is the rest of the line before it: some sentences of the dump hold a line end.
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
