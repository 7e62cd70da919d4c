"""The form in which models read a document: its title, if it has one, and its text."""

from __future__ import annotations

from claimhound.data.records import Document

TEXT_FORM_VERSION = 2
"""Version of the form, on which vectors and scores depend. 1 was the text alone; 2 is `title: text`."""

_LONGEST_TITLE = 200
"""In characters. A longer title would leave a model too little room for the text."""
_TITLE_ENDS = ".:;,…"


def read_form(document: Document) -> str:
    """Return the form of a document that encoder, reranker and stance model read.

    It is `title: text`, or the text alone if there is no title or the text begins with it. In "He died in 2024." only
    the title says who "He" is. A title of more than 200 characters is cut after a whole word.
    """
    title = "" if document.title is None else _shortened(" ".join(document.title.split())).rstrip(_TITLE_ENDS)
    if not title or _begins_with(document.text.casefold(), title.casefold()):
        return document.text
    return f"{title}: {document.text}"


def _begins_with(text: str, title: str) -> bool:
    return text.startswith(title) and not text[len(title) : len(title) + 1].isalnum()


def _shortened(title: str) -> str:
    if len(title) <= _LONGEST_TITLE:
        return title
    return title[: _LONGEST_TITLE + 1].rsplit(" ", 1)[0][:_LONGEST_TITLE]
