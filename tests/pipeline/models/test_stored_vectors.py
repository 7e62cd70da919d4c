"""Whether an index's vectors are its encoder's: when that is looked at, what it costs, and what is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pipeline_fakes import IDENTITY, FakeEncoder

from claimhound.data.errors import VectorsMismatchError
from claimhound.data.records import Document
from claimhound.indexes import IndexSnapshot, IndexWriter
from claimhound.pipeline.indexing.building import build_index
from claimhound.pipeline.models.stored_vectors import Comparison, compare_vectors, require_checked_vectors
from claimhound.pipeline.search.opening import open_pipeline
from claimhound.pipeline.serving.agreement import VectorAgreement
from tests.index_formats import change_manifest

VECTORS = {f"sentence {number}": (np.cos(number), np.sin(number)) for number in range(100)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "claimhound" / "checked"


def turned(degrees):
    """An encoder whose vectors are those of VECTORS, turned."""
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return FakeEncoder({text: tuple(matrix @ vector) for text, vector in VECTORS.items()})


@pytest.fixture
def old_index(tmp_path):
    """An index in two segments, of vectors of unknown origin, with blank texts and dead vectors among them."""
    encoder = turned(0)
    with IndexWriter.create(tmp_path / "index", encoder.identity, exact_up_to=20, small_up_to=0) as writer:
        texts = list(VECTORS)
        writer.add([Document(text, text) for text in texts[:90]], encoder.encode(texts[:90]))
        writer.add([Document("blank", " \n")], np.zeros((1, 2), dtype=np.float32))
        writer.commit()
    with IndexWriter.open(tmp_path / "index", exact_up_to=20, small_up_to=0) as writer:
        writer.add([Document(text, text) for text in texts[90:]], encoder.encode(texts[90:]))
        writer.delete(["sentence 4"])
        writer.commit()
    return IndexSnapshot.open(tmp_path / "index")


def test_stored_vectors_agree_with_their_encoder_up_to_half_precision(old_index):
    assert len(old_index.segments) == 2
    encoder = turned(0)
    n_texts, (mean, least, _) = compare_vectors(old_index, encoder, 1_000)
    assert n_texts == 99
    assert set(encoder.calls[0]) == set(VECTORS) - {"sentence 4"}
    assert 1 - 1e-6 < least <= mean <= 1 + 1e-6


def test_the_cosines_are_those_of_the_angle_by_which_the_encoder_differs(old_index):
    n_texts, (mean, least, _) = compare_vectors(old_index, turned(60), 50)
    assert 45 < n_texts <= 50
    assert (least, mean) == pytest.approx((0.5, 0.5), abs=1e-3)
    # One among a hundred that is another's.
    encoder = turned(0)
    encoder._vectors["sentence 7"] = (-np.cos(7), -np.sin(7))
    n_texts, (mean, least, _) = compare_vectors(old_index, encoder)
    assert least == pytest.approx(-1, abs=1e-3)
    assert mean == pytest.approx((98 - 1) / 99, abs=1e-3)


def test_an_index_without_content_has_nothing_to_disagree_on(tmp_path):
    with IndexWriter.create(tmp_path / "empty", IDENTITY) as writer:
        writer.add([Document("blank", "")], np.zeros((1, 2), dtype=np.float32))
        writer.commit()
    encoder = FakeEncoder()
    assert compare_vectors(IndexSnapshot.open(tmp_path / "empty"), encoder) == Comparison(0, VectorAgreement(1.0, 1.0))
    assert encoder.calls == []


def test_vectors_of_unknown_origin_are_compared_with_the_encoder_and_refused_if_they_are_not_its_own(old_index, cache):
    for _ in range(2):
        # A failure is not remembered.
        with pytest.raises(VectorsMismatchError) as failure:
            require_checked_vectors(old_index, turned(12))
    assert str(failure.value) == (
        f"{old_index.path}: its vectors are not those of encoder fake-encoder: of 32 texts encoded again, the "
        f"worst has a cosine of 0.978 with its stored vector, below 0.98; "
        f"rebuild them with: claimhound index renew --index {old_index.path}"
    )
    assert not cache.exists()
    require_checked_vectors(old_index, turned(11))  # cos 11° = .9816


def test_that_vectors_passed_is_remembered_for_the_generation_and_the_encoder(old_index):
    encoder = turned(0)
    for _ in range(3):
        require_checked_vectors(IndexSnapshot.open(old_index.path), encoder)
    assert [len(texts) for texts in encoder.calls] == [32]
    other = turned(1)
    other.identity = replace(IDENTITY, precision="bf16")
    require_checked_vectors(old_index, other)
    assert len(other.calls) == 1
    # Another generation is another index.
    with IndexWriter.create(old_index.path, encoder.identity, overwrite=True) as writer:
        writer.add([Document("a", "sentence 1")], encoder.encode(["sentence 1"]))
        writer.commit()
    fresh = turned(0)
    require_checked_vectors(IndexSnapshot.open(old_index.path), fresh)
    assert fresh.calls == [["sentence 1"]]


def test_a_cache_that_cannot_be_written_costs_time_only(old_index, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    encoder = turned(0)
    for _ in range(2):
        require_checked_vectors(old_index, encoder)
    assert len(encoder.calls) == 2
    with pytest.raises(VectorsMismatchError):
        require_checked_vectors(old_index, turned(90))


def test_an_index_that_names_a_precision_is_not_checked(tmp_path):
    with IndexWriter.create(tmp_path / "index", replace(IDENTITY, precision="int8")) as writer:
        writer.add([Document("a", "sentence 1")], np.array([[0, 1]], dtype=np.float32))
        writer.commit()
    encoder = turned(0)
    require_checked_vectors(IndexSnapshot.open(tmp_path / "index"), encoder)
    assert encoder.calls == []


def test_opening_an_index_that_names_no_precision_looks_at_its_vectors(tmp_path, tiny_encoder):
    (tmp_path / "corpus.txt").write_text("the sea level rises\nice melts\n")
    options = {"with_reranker": False, "with_stance": False}
    unsaid = replace(tiny_encoder.identity, precision="")
    build_index([str(tmp_path / "corpus.txt")], tmp_path / "index", FakeEncoder(identity=unsaid))
    with pytest.raises(VectorsMismatchError, match="claimhound index renew --index"):
        open_pipeline(tmp_path / "index", **options)
    assert open_pipeline(tmp_path / "index", with_encoder=False, **options).find_evidence(["ice"], 1)[0].evidence
    build_index([str(tmp_path / "corpus.txt")], tmp_path / "index", tiny_encoder, overwrite=True)
    change_manifest(tmp_path / "index", encoder=unsaid)
    pipeline = open_pipeline(tmp_path / "index", **options)
    assert pipeline.find_evidence(["the ice melts"], 1)[0].evidence[0].document.text == "ice melts"
