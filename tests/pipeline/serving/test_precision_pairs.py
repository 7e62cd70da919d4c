"""Indexes and encoders work together across precisions, which are recorded."""

from __future__ import annotations

import pytest

from claimhound.data.disk.journal import differences
from claimhound.data.errors import ModelError
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.indexing.building import add_documents, build_index
from claimhound.pipeline.models.encoders import load_encoder
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import describe
from claimhound.pipeline.serving.compute import Compute

SENTENCES = [
    "the sea level rises by 3 millimetres a year",
    "vaccines cause no autism",
    "ice sheets melt in the warming ocean",
    "wind power costs less than coal",
    "the moon landing was in 1969",
    "volcanoes emit less carbon dioxide than humans",
    "prices rise in war",
    "measles cause 20 per cent of it",
]
CLAIMS = ["sea level", "autism by vaccines", "the moon", "cheap wind energy", "carbon dioxide by volcano"]


@pytest.fixture(scope="module", params=["int8", "bf16"])
def pair(request, tiny_model_dir, tmp_path_factory):
    """The encoder in float32 and in another precision, each with its own index."""
    folder = tmp_path_factory.mktemp("pair")
    (folder / "corpus.txt").write_text("\n".join(SENTENCES))
    made = []
    for precision in ("f32", request.param):
        try:
            encoder = load_encoder(str(tiny_model_dir), Compute("cpu", precision=precision))
        except ModelError as error:
            pytest.skip(f"this processor cannot compute in {precision}: {error}")
        build_index([str(folder / "corpus.txt")], folder / precision, encoder)
        made.append((encoder, folder / precision))
    return made


def nearest(index_dir, encoder):
    """The three nearest sentences for each claim."""
    rankings = IndexSnapshot.open(index_dir).search_vectors(encoder.encode(CLAIMS, as_query=True), 3, probe_share=1.0)
    return [{hit.doc_id for hit in ranking} for ranking in rankings]


def test_each_encoder_finds_the_same_in_both_indexes(pair):
    (exact, exact_dir), (other, other_dir) = pair
    own = nearest(exact_dir, exact)
    for crossed in (nearest(exact_dir, other), nearest(other_dir, exact), nearest(other_dir, other)):
        shared = sum(len(left & right) for left, right in zip(own, crossed, strict=True))
        assert shared >= 14  # of 15: random weights give ties


def test_an_index_records_its_precision_and_opens_with_either(pair):
    (exact, exact_dir), (other, _) = pair
    stored = IndexSnapshot.open(exact_dir).manifest.encoder
    assert stored.precision == "f32"
    assert stored == exact.identity
    stored.require_same(other.identity, exact_dir)


def test_adding_in_another_precision_is_recorded(pair, tmp_path):
    (exact, _), (other, _) = pair
    (tmp_path / "first.txt").write_text(SENTENCES[0])
    (tmp_path / "second.txt").write_text(SENTENCES[1])
    build_index([str(tmp_path / "first.txt")], tmp_path / "index", exact)
    manifest = add_documents([str(tmp_path / "second.txt")], tmp_path / "index", other).manifest
    assert manifest.encoder.precision == ", ".join(sorted(["f32", other.identity.precision]))


def test_a_job_s_record_includes_the_precision(pair):
    records = [
        describe(EvidencePipeline(IndexSnapshot.open(pair[0][1]), encoder, None)) for encoder, _index_dir in pair
    ]
    precision = pair[1][0].identity.precision
    expected = f'encoder_runtime was "OpenVINO f32 on cpu", is "OpenVINO {precision} on cpu"'
    assert expected in differences(*records)
