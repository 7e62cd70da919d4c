"""Building and adding: encoding, interruption and errors."""

from __future__ import annotations

import json
import os
import threading

import numpy as np
import pytest
from interrupted_encoder import InterruptedEncoder
from pipeline_fakes import IDENTITY, FakeEncoder

from claimhound.data.errors import IndexLockedError, IndexMissingError, IndexWriteError, InputError, RecordError
from claimhound.indexes.durable import Disk
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.indexing.building import SourceOptions, add_documents, build_index
from tests.damage import put_bytes

TEXTS = [f"sentence {number} on glacier {number % 3}" for number in range(10)]
VECTORS = {text: (np.cos(number), np.sin(number)) for number, text in enumerate(TEXTS)}


@pytest.fixture
def corpus(tmp_path):
    return write(tmp_path / "corpus.jsonl", [{"_id": f"d{n}", "text": text} for n, text in enumerate(TEXTS)])


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def answers(index_dir):
    """An index's answers to a few searches, for comparing indexes."""
    index = IndexSnapshot.open(index_dir)
    queries = np.array([[np.cos(angle), np.sin(angle)] for angle in range(0, 7, 2)], dtype=np.float32)
    by_words = [index.search_text(text, 20) for text in ("glacier 1", "sentence 7", "nothing")]
    found = sorted({hit.doc_id for ranking in by_words for hit in ranking})
    return by_words, index.search_vectors(queries, 20, probe_share=1.0), index.documents(found)


def test_a_build_stores_every_document_with_its_vector(corpus, tmp_path):
    encoder = FakeEncoder(VECTORS)
    report = build_index([corpus], tmp_path / "index", encoder, shard_size=4)
    assert (report.n_read, report.n_replaced, report.n_reused, report.skipped) == (10, 0, 0, [])
    assert encoder.calls == [TEXTS[:4], TEXTS[4:8], TEXTS[8:]]
    index = IndexSnapshot.open(tmp_path / "index")
    assert index.manifest == report.manifest
    assert index.manifest.encoder == IDENTITY
    for number, text in enumerate(TEXTS):
        (ranking,) = index.search_vectors(np.array([VECTORS[text]], dtype=np.float32), 1, probe_share=1.0)
        assert ranking[0].doc_id == f"d{number}"
    assert not (tmp_path / "index" / "encoded").exists()


@pytest.mark.parametrize("n_done", [0, 1, 2])
def test_an_interrupted_build_resumes(corpus, tmp_path, n_done):
    build_index([corpus], tmp_path / "whole", FakeEncoder(VECTORS), shard_size=4)
    with pytest.raises(KeyboardInterrupt):
        build_index([corpus], tmp_path / "index", InterruptedEncoder(VECTORS, n_done), shard_size=4)
    with pytest.raises(IndexMissingError):
        IndexSnapshot.open(tmp_path / "index")
    encoder = FakeEncoder(VECTORS)
    report = build_index([corpus], tmp_path / "index", encoder, shard_size=4)
    assert encoder.calls == [TEXTS[:4], TEXTS[4:8], TEXTS[8:]][n_done:]
    assert report.n_reused == 4 * n_done
    assert answers(tmp_path / "index") == answers(tmp_path / "whole")
    assert not (tmp_path / "index" / "encoded").exists()


def test_an_interrupted_add_leaves_the_index_unchanged_and_resumes(corpus, tmp_path):
    first = write(tmp_path / "first.jsonl", [{"_id": "d0", "text": "an older text"}, {"_id": "x", "text": "another"}])
    build_index([first], tmp_path / "index", FakeEncoder(VECTORS))
    before = answers(tmp_path / "index")
    with pytest.raises(KeyboardInterrupt):
        add_documents([corpus], tmp_path / "index", InterruptedEncoder(VECTORS, 2), shard_size=4)
    assert answers(tmp_path / "index") == before
    encoder = FakeEncoder(VECTORS)
    report = add_documents([corpus], tmp_path / "index", encoder, shard_size=4)
    assert encoder.calls == [TEXTS[8:]]
    assert (report.n_read, report.n_replaced, report.n_reused) == (10, 1, 8)
    assert report.manifest.n_docs == 11
    assert IndexSnapshot.open(tmp_path / "index").documents(["d0"])[0].text == TEXTS[0]


def test_texts_that_changed_since_the_interruption_are_encoded_again(corpus, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        build_index([corpus], tmp_path / "index", InterruptedEncoder(VECTORS, 2), shard_size=4)
    changed = ["changed", *TEXTS[1:]]
    write(tmp_path / "corpus.jsonl", [{"_id": f"d{n}", "text": text} for n, text in enumerate(changed)])
    encoder = FakeEncoder(VECTORS)
    build_index([corpus], tmp_path / "index", encoder, shard_size=4)
    assert encoder.calls == [changed[:4], TEXTS[8:]]


def test_vectors_of_another_encoder_are_not_reused(corpus, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        build_index([corpus], tmp_path / "index", InterruptedEncoder(VECTORS, 2), shard_size=4)
    from dataclasses import replace

    other = FakeEncoder(VECTORS, identity=replace(IDENTITY, weights_sha256="0" * 64))
    assert build_index([corpus], tmp_path / "index", other, shard_size=4).n_reused == 0


@pytest.mark.parametrize("damage", ["cut", "emptied", "flipped", "grown"])
def test_damaged_vectors_are_encoded_again(corpus, tmp_path, damage):
    with pytest.raises(KeyboardInterrupt):
        build_index([corpus], tmp_path / "index", InterruptedEncoder(VECTORS, 1), shard_size=4)
    (kept,) = (tmp_path / "index" / "encoded").iterdir()
    content = kept.read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 1])
    put_bytes(kept, {"cut": content[:-5], "emptied": b"", "flipped": flipped, "grown": content + b"xx"}[damage])
    encoder = FakeEncoder(VECTORS)
    assert build_index([corpus], tmp_path / "index", encoder, shard_size=4).n_reused == 0
    assert len(encoder.calls) == 3


class FullDisk(Disk):
    """Runs out of space at the `n`-th file of vectors."""

    def __init__(self, n):
        self._n = n
        self._written = 0

    def before(self, operation, path):
        if operation == "write_bytes" and path.parent.name == "encoded":
            self._written += 1
            if self._written == self._n:
                raise OSError(28, "No space left on device")


def test_a_full_disk_is_an_error_that_says_how_to_resume(corpus, tmp_path):
    with pytest.raises(IndexWriteError, match=r"No space left on device.*resumes from here once there is room"):
        build_index([corpus], tmp_path / "index", FakeEncoder(VECTORS), shard_size=4, disk=FullDisk(2))
    encoder = FakeEncoder(VECTORS)
    assert build_index([corpus], tmp_path / "index", encoder, shard_size=4).n_reused == 4


def test_a_bad_record_is_reported_before_anything_is_encoded(corpus, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"_id": "a", "text": "one"}\n' * 1 + '{"_id": "b", "text": "two"}\n{"_id": "c"}\n')
    encoder = FakeEncoder()
    with pytest.raises(RecordError, match=r"bad\.jsonl:3: "):
        build_index([corpus, str(bad)], tmp_path / "index", encoder, shard_size=2)
    assert encoder.calls == []
    with pytest.raises(IndexMissingError):
        IndexSnapshot.open(tmp_path / "index")
    # The next build is not affected.
    assert build_index([corpus], tmp_path / "index", FakeEncoder(VECTORS)).manifest.generation == 1


def test_skipped_records_are_listed_once(corpus, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"_id": "a", "text": "one"}\n{"_id": "a", "text": "again"}\nno json\n{"_id": "c", "text": " "}\n')
    report = build_index([str(bad)], tmp_path / "index", FakeEncoder(), SourceOptions(on_error="skip"))
    assert [error.line for error in report.skipped] == [2, 3, 4]
    assert (report.n_read, report.manifest.n_docs) == (1, 1)


def test_an_empty_index_can_be_added_to(corpus, tmp_path):
    with IndexWriter.create(tmp_path / "index", IDENTITY) as writer:
        writer.commit()
    assert add_documents([corpus], tmp_path / "index", FakeEncoder(VECTORS)).manifest.n_docs == 10
    build_index([corpus], tmp_path / "whole", FakeEncoder(VECTORS))
    assert answers(tmp_path / "index") == answers(tmp_path / "whole")


def test_progress_covers_reading_encoding_and_the_commit(corpus, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        build_index([corpus], tmp_path / "index", InterruptedEncoder(VECTORS, 1), shard_size=4)
    seen = []
    build_index(
        [corpus],
        tmp_path / "index",
        FakeEncoder(VECTORS),
        shard_size=4,
        on_progress=lambda *progress: seen.append(progress),
    )
    note = "4 from an interrupted job"
    assert seen == [
        ("read", 4, None),
        ("read", 8, None),
        ("encode", 0, 10),
        ("encode", 4, 10, note),
        ("encode", 8, 10, note),
        ("encode", 10, 10, note),
        ("commit", 10, 10),
    ]


def test_a_pipe_is_read_once(tmp_path):
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=lambda: pipe.write_text("one sentence\nanother one\n"), daemon=True)
    feeder.start()
    seen = []
    report = build_index(
        [str(pipe)], tmp_path / "index", FakeEncoder(), on_progress=lambda *progress: seen.append(progress)
    )
    feeder.join(10)
    assert report.n_read == 2
    assert seen == [("encode", 0, None), ("encode", 2, None, ""), ("commit", 2, 2)]


LONG = {"_id": "a", "text": "One is here. Two is here. Three is here. Four is here."}


def test_sentences_are_indexed_separately_and_outdated_ones_deleted(tmp_path):
    split = SourceOptions(split_sentences=True)
    others = [{"_id": "a#1", "text": "Not a part of a. But near."}, {"_id": "b", "text": "Other. Text."}]
    source = write(tmp_path / "corpus.jsonl", [LONG, *others])
    assert build_index([source], tmp_path / "index", FakeEncoder(), split, shard_size=3).n_read == 8
    source = write(tmp_path / "update.jsonl", [{"_id": "a", "text": "Only this. And this."}])
    report = add_documents([source], tmp_path / "index", FakeEncoder(), split)
    assert (report.n_read, report.n_replaced, report.n_outdated, report.manifest.n_docs) == (2, 2, 2, 6)
    index = IndexSnapshot.open(tmp_path / "index")
    assert set(index.positions_of(["a#0", "a#1", "a#2", "a#3", "a#1#0", "a#1#1", "b#0", "b#1"])) == {
        "a#0", "a#1", "a#1#0", "a#1#1", "b#0", "b#1",
    }  # fmt: skip
    assert index.documents(["a#1"])[0].text == "And this."


@pytest.mark.parametrize("shard_size", [1, 2, 3, 100])
def test_a_text_that_grew_has_all_its_sentences_at_every_shard_size(tmp_path, shard_size):
    split = SourceOptions(split_sentences=True)
    short = write(tmp_path / "short.jsonl", [{"_id": "a", "text": "One. Two."}])
    build_index([short], tmp_path / "index", FakeEncoder(), split)
    source = write(tmp_path / "long.jsonl", [LONG])
    report = add_documents([source], tmp_path / "index", FakeEncoder(), split, shard_size=shard_size)
    assert report.manifest.n_docs == 4
    found = IndexSnapshot.open(tmp_path / "index").documents(["a#0", "a#1", "a#2", "a#3"])
    assert [document.text for document in found] == ["One is here.", "Two is here.", "Three is here.", "Four is here."]


def test_an_existing_or_locked_index_is_refused(corpus, tmp_path):
    build_index([corpus], tmp_path / "index", FakeEncoder(VECTORS))
    with pytest.raises(InputError, match="already contains an index"):
        build_index([corpus], tmp_path / "index", FakeEncoder(VECTORS))
    assert build_index([corpus], tmp_path / "index", FakeEncoder(), overwrite=True).manifest.n_docs == 10
    with IndexWriter.open(tmp_path / "index"), pytest.raises(IndexLockedError):
        add_documents([corpus], tmp_path / "index", FakeEncoder(VECTORS))


def test_resuming_with_a_real_encoder_gives_the_same_answers(tmp_path, tiny_encoder):
    class Interrupted:
        identity, runtime_name, unknown_share = tiny_encoder.identity, "", tiny_encoder.unknown_share
        n_calls = 0

        def encode(self, texts, *, as_query=False):
            self.n_calls += 1
            if self.n_calls == 2:
                raise KeyboardInterrupt
            return tiny_encoder.encode(texts)

    source = tmp_path / "corpus.txt"
    source.write_text("".join(f"the sea level rises by {n} per cent in 20 years of {n % 7} moon\n" for n in range(50)))
    with pytest.raises(KeyboardInterrupt):
        build_index([str(source)], tmp_path / "resumed", Interrupted(), shard_size=16)
    build_index([str(source)], tmp_path / "resumed", tiny_encoder, shard_size=16)
    build_index([str(source)], tmp_path / "whole", tiny_encoder, shard_size=16)
    queries = tiny_encoder.encode(["sea level", "5 years", "the moon"])
    resumed, whole = (IndexSnapshot.open(tmp_path / name) for name in ("resumed", "whole"))
    assert resumed.search_vectors(queries, 50, probe_share=1.0) == whole.search_vectors(queries, 50, probe_share=1.0)
    assert resumed.search_text("moon 3", 50) == whole.search_text("moon 3", 50)
