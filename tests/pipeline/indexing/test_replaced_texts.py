"""New versions of texts in an index: whole, split or blank."""

from __future__ import annotations

import json

import pytest
from pipeline_fakes import FakeEncoder

from claimhound.data.errors import InputError
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.indexing.building import SourceOptions, add_documents, build_index

SPLIT = SourceOptions(split_sentences=True)


@pytest.fixture
def index(quick_dir):
    """An index to build and add records to; `held` is its content."""

    class Index:
        path = quick_dir / "index"

        def _source(self, records):
            source = quick_dir / "source.jsonl"
            source.write_text("".join(json.dumps(record) + "\n" for record in records))
            return [str(source)]

        def build(self, *records, options=SourceOptions()):  # noqa: B008 (frozen)
            return build_index(self._source(records), self.path, FakeEncoder(), options)

        def add(self, *records, options=SourceOptions(), **settings):  # noqa: B008 (frozen)
            return add_documents(self._source(records), self.path, FakeEncoder(), options, **settings)

        @property
        def held(self):
            return {document.doc_id: document.text for document in IndexSnapshot.open(self.path).sample(99, 0)}

    return Index()


def record(doc_id, text, **others):
    return {"id": doc_id, "text": text, **others}


@pytest.mark.parametrize("shard_size", [1, 2, 100])
@pytest.mark.parametrize("text", ["Two. One.", "One.", "One. Two. Three. Four."])
def test_a_corrected_article_replaces_all_its_sentences(index, text, shard_size):
    index.build(record("a", "One. Two. Three."), record("b", "Other."), options=SPLIT)
    report = index.add(record("a", text), shard_size=shard_size)
    sentences = [f"{word}." for word in text.rstrip(".").split(". ")]
    assert index.held == {f"a#{n}": sentence for n, sentence in enumerate(sentences)} | {"b#0": "Other."}
    assert (report.n_replaced, report.n_outdated) == (min(3, len(sentences)), max(0, 3 - len(sentences)))
    assert report.manifest.is_split


def test_documents_whose_id_looks_like_a_sentence_s_are_kept(index):
    index.build(record("a#1", "Not of a."), record("a#2", "Nor this."))
    index.add(record("a", "Short."), options=SPLIT)
    assert index.held == {"a#0": "Short.", "a#1": "Not of a.", "a#2": "Nor this."}
    # Nor is one ever mistaken for the sentence.
    with pytest.raises(InputError, match="'a#1' would be the id of a sentence of 'a', but is already that of a whole"):
        index.add(record("a", "Short. And more."), options=SPLIT)
    with pytest.raises(
        InputError, match="'a#0' would be the id of a whole document, but is already that of a sentence"
    ):
        index.add(record("a#0", "Whole."))
    assert index.held == {"a#0": "Short.", "a#1": "Not of a.", "a#2": "Nor this."}


def test_a_field_called_parent_id_does_not_make_a_record_a_sentence(index):
    index.build(record("x", "Apart.", parent_id="a"), record("a", "One. Two."))
    index.add(record("a", "Two. One."), options=SPLIT)
    assert index.held == {"x": "Apart.", "a#0": "Two.", "a#1": "One."}


def test_an_article_is_not_kept_both_whole_and_split(index):
    index.build(record("a", "One. Two."))
    report = index.add(record("a", "One. Two."), options=SPLIT)
    assert (report.n_outdated, index.held) == (1, {"a#0": "One.", "a#1": "Two."})
    # The index stays one of whole texts.
    report = index.add(record("a", "One. Two."))
    assert (report.n_outdated, index.held) == (2, {"a": "One. Two."})
    report = index.add(record("a", "One. Two."), options=SourceOptions(split_sentences=False))
    assert (report.n_replaced, report.n_outdated, report.manifest.is_split) == (1, 0, False)


def test_adding_sentences_to_an_empty_index_makes_it_one_of_sentences(index):
    index.build(record("a", "One."))
    with IndexWriter.open(index.path) as writer:
        writer.delete(["a"])
        assert writer.commit().made_ids == {}
    assert index.add(record("b", "One. Two."), options=SPLIT).manifest.is_split


def test_a_blank_text_is_withdrawn_if_requested(index):
    index.build(record("a", "One. Two."), record("b", "Three."), options=SPLIT)
    with pytest.raises(InputError, match="is blank"):
        index.add(record("a", " "))
    blank = SourceOptions(withdraw_blank=True)
    # Including one with a title, or whose text is null.
    report = index.add(record("a", None, title="Gone"), record("z", ""), record("c", "New."), options=blank)
    assert (report.n_withdrawn, report.n_unknown, report.n_read) == (2, 1, 1)
    assert index.held == {"b#0": "Three.", "c#0": "New."}
    assert index.add(record("b", ""), options=blank).manifest.n_docs == 1
    with pytest.raises(InputError, match="id 'c' has a text; remove one"):
        index.add(record("c", "Newer."), record("c", ""), options=blank)
    assert index.held == {"c#0": "New."}


def test_a_blank_text_with_a_title_is_indexed_by_its_title(index):
    report = index.build(record("a", "", title="Dam finished in 1998"), record("b", "Two."))
    assert index.held == {"a": "Dam finished in 1998", "b": "Two."}
    assert report.notices.lines()[0].endswith("blank texts, indexed by their title: 1 (the first in line 1)")


def test_documents_are_deleted_by_their_text_s_id(index):
    index.build(record("a", "One. Two."), record("b", "Three."), options=SPLIT)
    with IndexWriter.open(index.path) as writer:
        assert writer.delete(["a", "b#0", "x"]) == ["x"]
        writer.commit()
    assert index.held == {}


def test_the_manifest_s_counts_equal_those_of_a_rebuild(index):
    dated, titled = record("d", "One.", date="2020"), record("t", "Two.", title="Ice")
    index.build(dated, titled, record("p", "Three."))
    assert (report := index.add(record("d", "Without.")).manifest).n_dated == 0
    assert report.has_titles
    manifest = index.add(record("t", "Bare."), record("n", "Four.", date="2021-01-02")).manifest
    assert (manifest.n_dated, manifest.has_titles) == (1, False)


@pytest.mark.parametrize("works", [build_index, add_documents])
def test_a_pipe_with_only_bad_records_changes_nothing(index, works, monkeypatch):
    import io
    import sys

    index.build(record("a", "One."))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\n\xfe\n")))
    settings = {"overwrite": True} if works is build_index else {}
    with pytest.raises(InputError, match="none of 2 records can be read"):
        works(["-"], index.path, FakeEncoder(), SourceOptions(on_error="skip"), **settings)
    assert index.held == {"a": "One."}
