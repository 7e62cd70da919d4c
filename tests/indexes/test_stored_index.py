"""Indexes written by earlier versions still verify and give their documents and vectors for a rebuild.

Both stored indexes hold the same documents and vectors, so their answers are the same.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from claimhound.data.errors import IndexVersionError
from claimhound.data.records import Document
from claimhound.indexes import Conditions, EncoderIdentity, IndexSnapshot, IndexWriter, verify_index
from claimhound.indexes.manifest import FORMAT_VERSION
from claimhound.indexes.stored_text import StoredText, StoredVectors, read_manifest
from tests.damage import put_bytes

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
BOTH = ("index-v1", "index-v2")


def copy_of(name: str, folder: Path) -> Path:
    """Copy a stored index, so that reading it leaves no lock files in the checkout."""
    return Path(shutil.copytree(FIXTURES / name, folder / "index"))


@pytest.fixture(params=BOTH)
def stored(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return copy_of(request.param, tmp_path)


@pytest.fixture
def rebuilt(stored: Path) -> Path:
    """The stored index, rebuilt from its own documents and vectors."""
    text = StoredText.open(stored)
    vectors = StoredVectors.open(stored, text.manifest)
    assert vectors is not None
    entries = list(text.entries())
    is_held, held = vectors.at([position for position, _ in entries])
    assert is_held.all()
    with IndexWriter.create(stored, replace(text.manifest.encoder, similarity="cosine"), overwrite=True) as writer:
        writer.add([document for _, document in entries], held)
        writer.commit()
    return stored


@pytest.mark.parametrize("name", BOTH)
def test_the_stored_index_is_complete_and_has_nothing_else(name: str, tmp_path: Path) -> None:
    stored = FIXTURES / name
    names = {path.relative_to(stored).as_posix() for path in stored.rglob("*") if path.is_file()}
    manifest = read_manifest(copy_of(name, tmp_path))
    assert names == {f"generation-000002/{name}" for name in ("manifest.json", *manifest.files)}
    assert sum((stored / name).stat().st_size for name in names) < 60_000


def test_the_stored_index_verifies(stored: Path) -> None:
    verification = verify_index(stored)
    assert verification.damaged == []
    assert (verification.generation, verification.n_files) == (2, 18)


def test_the_stored_index_has_several_segments_and_dead_documents(stored: Path) -> None:
    manifest = read_manifest(stored)
    assert [(item.n_rows, item.exact) for item in manifest.vector_files] == [(23, False), (2, True)]
    assert (manifest.n_docs, manifest.n_dead_text, manifest.n_dead_vectors) == (23, 2, 2)


@pytest.mark.parametrize(
    ("query", "expected"),
    [("sea level", ["sea-2", "sea-1", "ice-1"]), ("the sun's power", ["late", "sun-1", "sun-2"]), ("deleted", [])],
)
def test_a_rebuilt_index_ranks_by_text(rebuilt: Path, query: str, expected: list[str]) -> None:
    assert [hit.doc_id for hit in IndexSnapshot.open(rebuilt).search_text(query, 5)] == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ([0.6, 0.8, 0, 0], [("year-2002", 0.993945), ("year-2006", 0.990186), ("year-2010", 0.924194)]),
        ([0, 0, 1, 0], [("ice-1", 0.982422), ("year-2011", 0.982422), ("ja-1", 0.904785)]),
    ],
    ids=str,
)
def test_a_rebuilt_index_ranks_by_vectors_as_before(
    rebuilt: Path, query: list[float], expected: list[tuple[str, float]]
) -> None:
    (ranking,) = IndexSnapshot.open(rebuilt).search_vectors(np.array([query], dtype=np.float32), 3, probe_share=1.0)
    assert [hit.doc_id for hit in ranking] == [doc_id for doc_id, _ in expected]
    assert [hit.score for hit in ranking] == pytest.approx([score for _, score in expected], abs=2e-5)


def test_a_rebuilt_index_has_the_same_documents_neighbours_and_conditions(rebuilt: Path) -> None:
    index = IndexSnapshot.open(rebuilt)
    assert index.documents(["ice-2", "sun-2"]) == [
        Document("ice-2", "Ice cores record past air.", "Ice", "survey", fields={"lang": ["en", "fr"]}),
        Document("sun-2", "The sun's output has hardly changed since 1978.", "Energy", date="2022-01-01"),
    ]
    assert [document.doc_id for document in index.neighbours("part-1", 2)[1]] == ["part-2"]
    # Both texts have the word, and one title.
    assert [hit.doc_id for hit in index.search_text("sea", 5, Conditions(before="2021"))] == ["sea-2", "ice-1"]
    assert [hit.doc_id for hit in index.search_text("ice", 5, Conditions(where=(("lang", "fr"),)))] == ["ice-2"]


def test_damaged_vectors_of_a_stored_index_are_not_used(stored: Path) -> None:
    path = stored / "generation-000002" / "vectors" / "segment-000002.faiss"
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    put_bytes(path, content)
    assert StoredVectors.open(stored, read_manifest(stored)) is None
    path.unlink()
    assert StoredVectors.open(stored, read_manifest(stored)) is None


def test_facts_missing_in_format_1_are_unknown(tmp_path: Path) -> None:
    manifest = read_manifest(copy_of("index-v1", tmp_path))
    assert (manifest.format_version, manifest.n_tokens, manifest.is_split) == (1, None, None)
    assert (manifest.n_dated, manifest.has_titles, manifest.made_ids) == (None, None, None)
    assert (manifest.text_form, manifest.analysis, manifest.id_scheme) == (1, 1, 1)
    known = ("compass", "0" * 64, "mean", 16, 4)
    assert manifest.encoder == EncoderIdentity(*known, "", None, None, None, None)
    # An unknown fact is not a difference.
    manifest.encoder.require_same(EncoderIdentity(*known, "int8", "query: ", "passage: ", "dot"), tmp_path)
    path = tmp_path / "index" / "generation-000002" / "manifest.json"
    assert manifest.to_bytes() == path.read_bytes()


def test_format_2_has_the_facts_of_its_index(tmp_path: Path) -> None:
    manifest = read_manifest(copy_of("index-v2", tmp_path))
    assert manifest.encoder == EncoderIdentity(
        "compass", "0" * 64, "mean", 16, 4, "bf16, int8", "query: ", "passage: ", "cosine", "1" * 40
    )
    assert (manifest.format_version, manifest.is_split, manifest.n_tokens) == (2, True, 101)
    assert (manifest.n_dated, manifest.has_titles, manifest.made_ids) == (None, None, None)
    assert (manifest.text_form, manifest.analysis, manifest.id_scheme) == (1, 1, 1)
    path = tmp_path / "index" / "generation-000002" / "manifest.json"
    assert manifest.to_bytes() == path.read_bytes()


def test_an_index_of_an_earlier_format_cannot_be_searched_or_changed(stored: Path) -> None:
    for use in (IndexSnapshot.open, IndexWriter.open):
        with pytest.raises(IndexVersionError) as failure:
            use(stored)  # type: ignore[operator]
        version = read_manifest(stored).format_version
        assert str(failure.value) == (
            f"{stored}: made with version {version} of the format, but this program has version {FORMAT_VERSION}; "
            f"rebuild it with: claimhound index renew --index {stored}"
        )
