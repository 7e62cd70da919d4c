"""SQuAD 1.1: questions about the paragraphs of Wikipedia articles. Source: Rajpurkar et al., EMNLP 2016."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from claimhound.data.formats.sources import Source
from claimhound.data.labelled_sets.entries import Entry, read_entries
from claimhound.data.text.sentences import split_sentences


class Question(NamedTuple):
    """A question and the sentences of its paragraph that contain an answer; there may be none."""

    text: str
    answering: list[str]


class Paragraph(NamedTuple):
    """The sentences of a paragraph and the questions about it."""

    sentences: list[str]
    questions: list[Question]


def read_squad(source: Source) -> Iterator[Paragraph]:
    """Yield the paragraphs of a file; raises RecordError, with the article's number, where it has another shape."""
    for article in read_entries(source, list_name="paragraphs"):
        if "paragraphs" not in article.fields:
            raise article.error("is not a SQuAD article: it has no field 'paragraphs'")
        for paragraph in article.objects("paragraphs"):
            context = paragraph.text("context")
            sentences = [context[start:end] for start, end in split_sentences(context)]
            yield Paragraph(sentences, [_question(qa, sentences) for qa in paragraph.objects("qas")])


def _question(qa: Entry, sentences: list[str]) -> Question:
    answers: list[str] = []
    for answer in qa.list("answers"):
        text = answer.get("text") if isinstance(answer, dict) else answer
        if not isinstance(text, str):
            raise qa.error("has an answer without a text")
        answers.append(text)
    return Question(
        qa.text("question").strip(), [sentence for sentence in sentences if any(text in sentence for text in answers)]
    )
