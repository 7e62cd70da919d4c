"""Ids made for records without one never belong to two sources."""

from __future__ import annotations

import json
import os
import threading

import pytest
from pipeline_fakes import FakeEncoder

from claimhound.data.errors import InputError
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.indexing.building import SourceOptions, add_documents, build_index
from claimhound.pipeline.indexing.renewing import renew_index
from tests.index_formats import change_manifest, make_format_2


def write(path, *lines):
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def held(index_dir):
    return {document.doc_id: document.text for document in IndexSnapshot.open(index_dir).sample(99, 0)}


@pytest.fixture
def old(tmp_path):
    return write(tmp_path / "old" / "news.txt", "ice", "sea")


@pytest.fixture
def index_dir(tmp_path, old):
    build_index([old], tmp_path / "index", FakeEncoder())
    return tmp_path / "index"


def test_the_same_file_replaces_its_records_under_any_path(index_dir, old, tmp_path, monkeypatch):
    write(tmp_path / "old" / "news.txt", "wind", "sea", "sun")
    (tmp_path / "link.txt").symlink_to(old)
    monkeypatch.chdir(tmp_path)
    for path in ("old/news.txt", "link.txt"):
        add_documents([path], index_dir, FakeEncoder())
        assert held(index_dir) == {"news:1": "wind", "news:2": "sea", "news:3": "sun"}


@pytest.mark.parametrize("split", [False, True])
def test_records_that_a_file_no_longer_has_are_deleted(tmp_path, split):
    path = write(tmp_path / "news.txt", "ice", "sea", "sun", "wind", "coal")
    index_dir = tmp_path / "index"
    build_index([path], index_dir, FakeEncoder(), SourceOptions(split_sentences=split))
    write(tmp_path / "news.txt", "ice", "", "sun")
    report = add_documents([path], index_dir, FakeEncoder())
    ids = ["news:1", "news:3"]
    assert sorted(held(index_dir)) == ([f"{made}#0" for made in ids] if split else ids)
    assert (report.n_replaced, report.n_outdated) == (2, 3)


def test_a_record_that_became_unreadable_keeps_its_earlier_version(tmp_path):
    path = tmp_path / "news.txt"
    path.write_bytes(b"ice\nsea\nsun\n")
    build_index([str(path)], tmp_path / "index", FakeEncoder())
    path.write_bytes(b"wind\nsea\nsun \xff\n")
    add_documents([str(path)], tmp_path / "index", FakeEncoder(), SourceOptions(on_error="skip"))
    assert held(tmp_path / "index") == {"news:1": "wind", "news:2": "sea", "news:3": "sun"}


@pytest.mark.parametrize("lines", [["wind"], ["", "", "", "", "wind"]], ids=["the same lines", "other lines"])
@pytest.mark.parametrize("split", [False, True])
def test_another_file_of_the_same_name_is_refused_before_encoding(tmp_path, old, lines, split):
    options = SourceOptions(split_sentences=split)
    build_index([old], tmp_path / "index", FakeEncoder(), options)
    before = held(tmp_path / "index")
    encoder = FakeEncoder()
    new = write(tmp_path / "new" / "news.txt", *lines)
    with pytest.raises(InputError, match=r"news\.txt: its records would get ids such as news:\d.*old/news\.txt.*--id-"):
        add_documents([new], tmp_path / "index", encoder)
    assert (encoder.calls, held(tmp_path / "index")) == ([], before)


def test_files_of_the_same_name_in_one_build_are_told_apart_by_their_folders(tmp_path, old):
    new = write(tmp_path / "new" / "news.txt", "wind")
    table = write(tmp_path / "new" / "news.jsonl", json.dumps({"text": "coal"}))
    build_index([old, new, table], tmp_path / "index", FakeEncoder())
    expected = {"old/news.txt:1": "ice", "old/news.txt:2": "sea", "new/news.txt:1": "wind", "new/news.jsonl:1": "coal"}
    assert held(tmp_path / "index") == expected
    write(tmp_path / "new" / "news.txt", "sun")
    add_documents([new], tmp_path / "index", FakeEncoder())
    assert held(tmp_path / "index") == expected | {"new/news.txt:1": "sun"}
    # A file given twice is one source.
    with pytest.raises(InputError, match="duplicate id"):
        build_index([new, new], tmp_path / "other", FakeEncoder())


def test_a_chosen_prefix_replaces_records_as_their_own_ids_do(index_dir, tmp_path):
    new = write(tmp_path / "new" / "news.txt", "wind")
    chosen = SourceOptions(id_prefix="n")
    add_documents([new], index_dir, FakeEncoder(), chosen)
    write(tmp_path / "new" / "news.txt", "sun")
    add_documents([new], index_dir, FakeEncoder(), chosen)
    # The index now knows the file by that prefix.
    write(tmp_path / "new" / "news.txt", "coal")
    add_documents([new], index_dir, FakeEncoder())
    assert held(index_dir) == {"news:1": "ice", "news:2": "sea", "n:1": "coal"}
    # The solution for a file that was moved.
    add_documents(
        [write(tmp_path / "moved" / "news.txt", "gas")], index_dir, FakeEncoder(), SourceOptions(id_prefix="news")
    )
    assert held(index_dir) == {"news:1": "gas", "news:2": "sea", "n:1": "coal"}


def test_given_ids_replace_even_if_they_look_like_made_ones(index_dir, tmp_path):
    given = write(tmp_path / "given" / "news.jsonl", json.dumps({"id": "news:1", "text": "given"}))
    add_documents([given], index_dir, FakeEncoder())
    assert held(index_dir) == {"news:1": "given", "news:2": "sea"}
    assert IndexSnapshot.open(index_dir).manifest.made_ids == {"news": str(tmp_path / "old" / "news.txt")}


def test_two_pipes_are_never_the_same_source(tmp_path):
    def feed(text):
        pipe = tmp_path / "pipe.txt"
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        threading.Thread(target=pipe.write_text, args=(text,), daemon=True).start()
        return [str(pipe)]

    build_index(feed("ice\n"), tmp_path / "index", FakeEncoder())
    with pytest.raises(InputError, match=r"pipe:1, but in .* a stream that was read once"):
        add_documents(feed("sea\n"), tmp_path / "index", FakeEncoder())
    add_documents(feed("sea\n"), tmp_path / "index", FakeEncoder(), SourceOptions(id_prefix="today"))
    assert held(tmp_path / "index") == {"pipe:1": "ice", "today:1": "sea"}


def test_ids_made_by_an_earlier_format_are_not_replaced_by_guess(index_dir, old, tmp_path):
    make_format_2(index_dir)
    renew_index(index_dir, FakeEncoder())
    assert IndexSnapshot.open(index_dir).manifest.made_ids == {}
    with pytest.raises(InputError, match=r"such as news:1, which .* already holds, from an unknown source"):
        add_documents([old], index_dir, FakeEncoder())
    add_documents([write(tmp_path / "other.txt", "wind")], index_dir, FakeEncoder())
    add_documents([old], index_dir, FakeEncoder(), SourceOptions(id_prefix="news"))
    assert held(index_dir) == {"news:1": "ice", "news:2": "sea", "other:1": "wind"}


def test_a_renewed_index_keeps_its_sources_and_id_scheme(index_dir, old, tmp_path):
    renew_index(index_dir, FakeEncoder())
    add_documents([old], index_dir, FakeEncoder())
    change_manifest(index_dir, id_scheme=7)
    renew_index(index_dir, FakeEncoder())
    with pytest.raises(InputError, match="uses id scheme 7, this program id scheme 1"):
        add_documents([old], index_dir, FakeEncoder())
    given = write(tmp_path / "given.jsonl", json.dumps({"id": "g", "text": "given"}))
    assert add_documents([given], index_dir, FakeEncoder()).manifest.id_scheme == 7
