"""One writer, any number of readers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from index_samples import ENCODER, QUERIES, answers, build, documents, unit_vectors

from claimhound.data.errors import EncoderMismatchError, IndexLockedError, InputError
from claimhound.indexes import EncoderIdentity, IndexSnapshot, IndexWriter, verify_index
from tests.victims import Victims


def test_a_second_writer_is_refused_and_readers_are_not(base: Path, lock_holder: Callable[[Path], Victims]) -> None:
    before = answers(base)
    holder = lock_holder(base)
    for start in (lambda: IndexWriter.open(base), lambda: IndexWriter.create(base, ENCODER, overwrite=True)):
        with pytest.raises(IndexLockedError) as failure:
            start()
        assert str(failure.value) == f"{base}: another process is writing this index; wait for it, or stop it"
    assert answers(base) == before
    assert verify_index(base).damaged == []
    holder.kill()
    # A dead process holds no lock.
    with IndexWriter.open(base) as writer:
        writer.delete(["d0001"])
        writer.commit()
    assert IndexSnapshot.open(base).n_docs == 69


def test_two_writers_in_one_process_exclude_each_other(base: Path) -> None:
    with IndexWriter.open(base), pytest.raises(IndexLockedError):
        IndexWriter.open(base)
    IndexWriter.open(base).close()


def test_a_writer_that_fails_to_start_leaves_the_lock_free(base: Path) -> None:
    with pytest.raises(InputError, match="already contains an index"):
        IndexWriter.create(base, ENCODER)
    IndexWriter.open(base).close()


def test_an_old_snapshot_gives_the_same_answers_after_its_generation_was_removed(base: Path) -> None:
    old = IndexSnapshot.open(base)
    query_vectors = unit_vectors(3, seed=8)

    def ask() -> object:
        found = [old.search_text(query, 50) for query in QUERIES]
        near = old.search_vectors(query_vectors, 50, probe_share=1.0)
        return found, near, old.documents([hit.doc_id for hit in near[0]]), old.neighbours("d0010", 3)

    before = ask()
    for n in range(3):
        with IndexWriter.open(base) as writer:
            writer.delete([f"d{number:04d}" for number in range(20 * n, 20 * n + 20)])
            writer.compact()
            writer.commit()
    assert [path.name for path in base.glob("generation-*")] == ["generation-000005"]
    assert ask() == before


@pytest.mark.slow
def test_readers_that_open_while_generations_are_replaced_see_complete_ones(quick_dir: Path) -> None:
    index_dir = build(quick_dir / "index", documents(30), unit_vectors(30))
    stop = threading.Event()
    opened: list[int] = []
    failures: list[BaseException] = []

    def read() -> None:
        try:
            while not stop.is_set():
                snapshot = IndexSnapshot.open(index_dir)
                assert len(snapshot.search_vectors(unit_vectors(1), 100, probe_share=1.0)[0]) == snapshot.n_docs
                assert len(snapshot.positions_of([f"n{n}" for n in range(30)])) == snapshot.n_docs - 30
                assert verify_index(index_dir).damaged == []
                opened.append(snapshot.manifest.generation)
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for n in range(25):
        with IndexWriter.open(index_dir) as writer:
            (document,) = documents(1, first=n)
            writer.add([type(document)(f"n{n}", document.text)], unit_vectors(1, seed=n))
            writer.compact()
            writer.commit()
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert len(set(opened)) > 3


def test_another_encoder_of_the_same_dimension_is_refused_with_both_names() -> None:
    other = EncoderIdentity("other", "b2" * 32, "cls", 128, 8, query_prompt="query: ", similarity="dot")
    with pytest.raises(EncoderMismatchError) as failure:
        ENCODER.require_same(other, Path("claims-index"))
    assert str(failure.value) == (
        "claims-index: its vectors come from encoder tiny, not from other (weights a1a1a1a1a1a1, not b2b2b2b2b2b2; "
        "pooling mean, not cls; 64 tokens, not 128; nothing before claims, not 'query: '; for cosine similarity, "
        "not dot); give that encoder with --encoder, or recompute its vectors with: "
        "claimhound index renew --index claims-index"
    )


@pytest.mark.parametrize(
    "difference",
    [
        {"weights_sha256": "a2" * 32},
        {"pooling": "cls"},
        {"max_length": 65},
        {"dim": 9},
        {"query_prompt": "claim: "},
        {"document_prompt": "evidence: "},
        {"similarity": "dot"},
    ],
    ids=str,
)
def test_encoders_differ_if_any_fact_that_vectors_depend_on_differs(difference: dict[str, Any]) -> None:
    with pytest.raises(EncoderMismatchError):
        ENCODER.require_same(replace(ENCODER, **difference), Path("index"))


def test_encoders_may_differ_in_name_precision_and_revision() -> None:
    ENCODER.require_same(replace(ENCODER, name="renamed", precision="bf16", revision="1" * 40), Path("index"))


@pytest.mark.parametrize(
    ("own", "added", "together"),
    [
        ("int8", "int8", "int8"),
        ("int8", "bf16", "bf16, int8"),
        ("bf16, int8", "f32", "bf16, f32, int8"),
        ("", "int8", ""),
        ("int8", "", ""),
    ],
)
def test_an_index_names_every_precision_of_its_vectors(quick_dir: Path, own: str, added: str, together: str) -> None:
    with IndexWriter.create(quick_dir / "index", replace(ENCODER, precision=own)) as writer:
        writer.add(documents(2), unit_vectors(2))
        writer.commit()
    with IndexWriter.open(quick_dir / "index") as writer:
        with pytest.raises(EncoderMismatchError):
            writer.accept(replace(ENCODER, pooling="cls"))
        writer.accept(replace(ENCODER, precision=added))
        writer.add(documents(1, first=2), unit_vectors(1))
        assert writer.commit().encoder == replace(ENCODER, precision=together)


def test_a_folder_with_other_files_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"is not an index folder \(it contains thesis\.tex\)"):
        IndexWriter.create(tmp_path, ENCODER, overwrite=True)
    with pytest.raises(InputError, match="is a file"):
        IndexWriter.create(tmp_path / "thesis.tex", ENCODER)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
