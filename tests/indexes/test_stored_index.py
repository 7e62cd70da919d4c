"""Index files that an earlier version wrote go on opening, verifying and answering.

Both stored indexes hold the same documents and vectors, so that they answer alike.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from index_samples import unit_vectors

from data.errors import IndexVersionError
from data.records import Document
from indexes import Conditions, EncoderIdentity, IndexSnapshot, IndexWriter, verify_index
from indexes.analysis import tokenize

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
BOTH = ("index-v1", "index-v2")


def copy_of(name: str, folder: Path) -> Path:
    """Copy a stored index, as a checkout gives it: without hard links, and without lock files that reading makes."""
    return Path(shutil.copytree(FIXTURES / name, folder / "index"))


@pytest.fixture(params=BOTH)
def stored(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return copy_of(request.param, tmp_path)


@pytest.mark.parametrize("name", BOTH)
def test_the_stored_index_is_all_there_and_holds_nothing_else(name: str, tmp_path: Path) -> None:
    stored = FIXTURES / name
    names = {path.relative_to(stored).as_posix() for path in stored.rglob("*") if path.is_file()}
    manifest = IndexSnapshot.open(copy_of(name, tmp_path)).manifest
    assert names == {f"generation-000002/{name}" for name in ("manifest.json", *manifest.files)}
    assert sum((stored / name).stat().st_size for name in names) < 60_000


def test_the_stored_index_verifies(stored: Path) -> None:
    verification = verify_index(stored)
    assert verification.damaged == []
    assert (verification.generation, verification.n_files) == (2, 18)


def test_the_stored_index_has_several_segments_and_dead_documents(stored: Path) -> None:
    manifest = IndexSnapshot.open(stored).manifest
    assert [(item.n_rows, item.exact) for item in manifest.vector_files] == [(23, False), (2, True)]
    assert (manifest.n_docs, manifest.n_dead_text, manifest.n_dead_vectors) == (23, 2, 2)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sea level", [("sea-2", 3.2985), ("sea-1", 3.0687), ("ice-1", 1.6613)]),
        ("the sun's power", [("late", 4.0771), ("sun-1", 2.7611), ("sun-2", 1.8859)]),
        ("気候", [("ja-1", 1.6715)]),
        ("deleted", []),
    ],
)
def test_the_stored_index_ranks_by_text_as_it_did(stored: Path, query: str, expected: list[tuple[str, float]]) -> None:
    ranking = IndexSnapshot.open(stored).search_text(query, 5)
    assert [hit.doc_id for hit in ranking] == [doc_id for doc_id, _ in expected]
    assert [hit.score for hit in ranking] == pytest.approx([score for _, score in expected], abs=2e-4)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ([0.6, 0.8, 0, 0], [("year-2002", 0.993945), ("year-2006", 0.990186), ("year-2010", 0.924194)]),
        ([0, 0, 1, 0], [("ice-1", 0.982422), ("year-2011", 0.982422), ("ja-1", 0.904785)]),
    ],
    ids=str,
)
def test_the_stored_index_ranks_by_vectors_as_it_did(
    stored: Path, query: list[float], expected: list[tuple[str, float]]
) -> None:
    (ranking,) = IndexSnapshot.open(stored).search_vectors(np.array([query], dtype=np.float32), 3, probe_share=1.0)
    assert [hit.doc_id for hit in ranking] == [doc_id for doc_id, _ in expected]
    assert [hit.score for hit in ranking] == pytest.approx([score for _, score in expected], abs=2e-5)


def test_the_stored_index_gives_back_its_documents_neighbours_and_conditions(stored: Path) -> None:
    index = IndexSnapshot.open(stored)
    assert index.documents(["ice-2", "sun-2"]) == [
        Document("ice-2", "Ice cores record past air.", "Ice", "survey", fields={"lang": ["en", "fr"]}),
        Document("sun-2", "The sun's output has hardly changed since 1978.", "Energy", date="2022-01-01"),
    ]
    assert [document.doc_id for document in index.neighbours("part-1", 2)[1]] == ["part-2"]
    assert [hit.doc_id for hit in index.search_text("sea", 5, Conditions(before="2021"))] == ["ice-1", "sea-2"]
    assert [hit.doc_id for hit in index.search_text("ice", 5, Conditions(where=(("lang", "fr"),)))] == ["ice-2"]


def test_what_format_1_does_not_say_is_not_known(tmp_path: Path) -> None:
    manifest = IndexSnapshot.open(copy_of("index-v1", tmp_path)).manifest
    assert (manifest.format_version, manifest.n_tokens, manifest.is_split) == (1, None, None)
    assert (manifest.text_form, manifest.analysis, manifest.id_scheme) == (1, 1, 1)
    known = ("compass", "0" * 64, "mean", 16, 4)
    assert manifest.encoder == EncoderIdentity(*known, "", None, None, None, None)
    # What is not known is no difference.
    manifest.encoder.require_same(EncoderIdentity(*known, "int8", "query: ", "passage: ", "dot"), tmp_path)
    path = tmp_path / "index" / "generation-000002" / "manifest.json"
    assert manifest.to_bytes() == path.read_bytes()


def test_format_2_says_what_its_index_is(tmp_path: Path) -> None:
    index = IndexSnapshot.open(copy_of("index-v2", tmp_path))
    manifest = index.manifest
    assert manifest.encoder == EncoderIdentity(
        "compass", "0" * 64, "mean", 16, 4, "bf16, int8", "query: ", "passage: ", "cosine", "1" * 40
    )
    assert (manifest.format_version, manifest.is_split) == (2, True)
    assert (manifest.text_form, manifest.analysis, manifest.id_scheme) == (1, 1, 1)
    living = index.sample(25, 0)
    assert len(living) == 23
    assert manifest.n_tokens == sum(len(tokenize(document.text)) for document in living) == 101


def test_format_1_is_not_changed_but_renewed(tmp_path: Path) -> None:
    stored = copy_of("index-v1", tmp_path)
    with pytest.raises(IndexVersionError) as failure:
        IndexWriter.open(stored)
    assert str(failure.value) == (
        f"{stored}: written in format version 1, this program reads versions 1 and 2 and changes version 2; "
        f"bring it there with: claimhound index renew --index {stored}"
    )
    assert IndexSnapshot.open(stored).n_docs == 23


def test_the_stored_index_of_format_2_takes_changes(tmp_path: Path) -> None:
    stored = copy_of("index-v2", tmp_path)
    with IndexWriter.open(stored, small_up_to=0) as writer:
        writer.add([Document("new", "a new sentence on the sea")], unit_vectors(1, dim=4))
        assert writer.delete(["sea-1", "gone"]) == ["gone"]
        assert writer.commit().generation == 3
    index = IndexSnapshot.open(stored)
    assert {hit.doc_id for hit in index.search_text("sea", 5)} == {"new", "sea-2", "ice-1"}
    assert verify_index(stored).damaged == []
