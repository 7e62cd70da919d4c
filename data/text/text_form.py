"""The form in which models read a document: its title, where it has one, and its text."""

from __future__ import annotations

from claimhound.data.records import Document

TEXT_FORM_VERSION = 2
"""Version of the form. Other forms give other vectors and other scores. 1 was the text alone; 2 is `title: text`."""

_LONGEST_TITLE = 200
"""Characters. A longer title would take the room that a model has for the text."""
_TITLE_ENDS = ".:;,…"


def read_form(document: Document) -> str:
    """Return what encoder, reranker and stance model read of a document.

    That is `title: text`, and the text alone where there is no title or the text begins with it. Who "He" is in "He
    died in 2024." stands in the title alone. Of a title of more than 200 characters the first whole words are read.
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
